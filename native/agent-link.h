/* Finding, starting and talking to this user's agent. Whatever goes wrong here, the caller runs the real compiler. */
#ifndef HG_AGENT_LINK_H
#define HG_AGENT_LINK_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"
#include "xxh64.h"

#ifndef HG_VERSION
#define HG_VERSION "unversioned"
#endif

/* How long a launcher waits for a frame or for a starting agent before it compiles by itself. */
#define SILENCE_MS 2000
#define STALL_SLICE_MS 200
#define STALL_MEMORY_S 10

extern char **environ;

typedef struct {
  char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
} agent_socket;

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

/* Booleans as the configuration reads them. */
static int flag_set(const char *name) {
  static const char *off[] = {"0", "false", "no", "off"};
  const char *value = variable(name);
  if (!value) return 0;
  for (size_t i = 0; i < sizeof off / sizeof *off; i++)
    if (strcasecmp(value, off[i]) == 0) return 0;
  return 1;
}

/* The private directory for sockets: ours, mode 0700, or none. */
static int runtime_directory(char *out, size_t size) {
  struct stat st;
  const char *given = variable("HG_RUNTIME_DIR");
  unsigned uid = (unsigned)geteuid();
  if (given) {
    if ((size_t)snprintf(out, size, "%s", given) >= size) return -1;
  } else {
    snprintf(out, size, "/run/user/%u", uid);
    if (lstat(out, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && access(out, W_OK) == 0)
      snprintf(out, size, "/run/user/%u/hybridgrid", uid);
    else
      snprintf(out, size, "/tmp/hybridgrid-%u", uid);
  }
  if (mkdir(out, 0700) != 0 && errno != EEXIST) return -1;
  if (lstat(out, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid()) return -1;
  if ((st.st_mode & 077) && chmod(out, 0700) != 0) return -1;
  return 0;
}

static void hash_text(xxh64_state *hash, const char *text) {
  xxh64_update(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* The cache lives below a directory that must be this user's own: under sudo HOME may be somebody else's, and files
 * of root in there would break that user's cache. An explicit HG_CACHE_DIR is taken at its word. */
static int cache_home_is_ours(void) {
  struct stat st;
  if (variable("HG_CACHE_DIR")) return 1;
  const char *base = variable("XDG_CACHE_HOME");
  if (base && stat(base, &st) == 0) return st.st_uid == geteuid();
  base = variable("HOME");
  return base && base[0] == '/' && stat(base, &st) == 0 && st.st_uid == geteuid();
}

/* One agent per (version, user, mount namespace, root directory, cache and configuration): the digest is the name. */
static int agent_socket_path(agent_socket *out) {
  static const char *deciding[] = {"HG_CACHE_DIR", "HG_CONFIG", "HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"};
  char directory[PATH_MAX], ns[64] = "";
  struct stat root = {0};
  if (runtime_directory(directory, sizeof directory) != 0) return -1;
  ssize_t n = readlink("/proc/self/ns/mnt", ns, sizeof ns - 1);
  if (n > 0) ns[n] = 0;
  if (stat("/", &root) != 0) return -1;
  xxh64_state hash;
  xxh64_init(&hash);
  hash_text(&hash, HG_VERSION);
  hash_text(&hash, ns);
  xxh64_update(&hash, &root.st_dev, sizeof root.st_dev);
  xxh64_update(&hash, &root.st_ino, sizeof root.st_ino);
  for (size_t i = 0; i < sizeof deciding / sizeof *deciding; i++) hash_text(&hash, getenv(deciding[i]));
  int length = snprintf(out->path, sizeof out->path, "%s/%016llx.sock", directory, (unsigned long long)xxh64_digest(&hash));
  return length > 0 && (size_t)length < sizeof out->path ? 0 : -1;
}

static void sibling_path(const agent_socket *socket_path, const char *suffix, char *out, size_t size) {
  snprintf(out, size, "%s.%s", socket_path->path, suffix);
}

static int marked_recently(const agent_socket *socket_path, const char *suffix, int seconds) {
  char path[PATH_MAX];
  struct stat st;
  sibling_path(socket_path, suffix, path, sizeof path);
  return stat(path, &st) == 0 && time(NULL) - st.st_mtime < seconds;
}

static void mark(const agent_socket *socket_path, const char *suffix) {
  char path[PATH_MAX];
  sibling_path(socket_path, suffix, path, sizeof path);
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return;
  futimens(fd, NULL);
  close(fd);
}

static void pause_ms(int ms) {
  struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
  nanosleep(&t, NULL);
}

/* A connected descriptor above the ones a build hands to its compilers, or -1 with errno. */
static int connect_once(const agent_socket *socket_path) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, socket_path->path);
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (fd < 3 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != geteuid()) {
    int error = fd < 3 ? EBADF : errno ? errno : EPERM;
    close(fd);
    errno = error;
    return -1;
  }
  struct timeval silence = {SILENCE_MS / 1000, 0}, slice = {0, STALL_SLICE_MS * 1000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice);
  fcntl(fd, F_SETFL, 0);
  return fd;
}

/* Directory of this program's own file, to find bin/hgbuild beside it. */
static int own_root(char *out, size_t size) {
  ssize_t n = readlink("/proc/self/exe", out, size - 1);
  if (n <= 0) return -1;
  out[n] = 0;
  for (int up = 0; up < 2; up++) {
    char *slash = strrchr(out, '/');
    if (!slash) return -1;
    *slash = 0;
  }
  return 0;
}

static int starts_with_any(const char *entry, const char *const *prefixes, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0) return 1;
  return 0;
}

/* The agent's environment: what says where things are and how the agent itself is set. Nothing of make's (MAKEFLAGS), no
 * LD_PRELOAD (fakeroot), nothing that belongs to one compile or build. */
static char **agent_environment(void) {
  static const char *const kept[] = {"HOME=", "XDG_", "PATH=", "TMPDIR=", "USER=", "LOGNAME=", "NODE_OPTIONS=", "HG_"};
  static const char *const left[] = {"HG_SESSION", "HG_NESTED=", "HG_DISABLE=", "HG_VERBOSE=", "HG_QUIET="};
  size_t count = 0, used = 0;
  while (environ[count]) count++;
  char **result = calloc(count + 1, sizeof *result);
  if (!result) return environ;
  for (size_t i = 0; i < count; i++)
    if (starts_with_any(environ[i], kept, sizeof kept / sizeof *kept) &&
        !starts_with_any(environ[i], left, sizeof left / sizeof *left))
      result[used++] = environ[i];
  return result;
}

/* Becomes the agent: none of what make gave us may be held (descriptors, terminal, signals, limits, directory), or
 * `make | tee` would wait for the agent's exit. `lock` stays open in it: whoever holds it is the agent. */
static void become_agent(const agent_socket *socket_path, int lock) {
  char root[PATH_MAX], shim[PATH_MAX + 16];
  if (own_root(root, sizeof root) != 0) _exit(1);
  snprintf(shim, sizeof shim, "%s/bin/hgbuild", root);
  setsid();
  if (chdir("/") != 0) _exit(1);
  umask(077);
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  if (lock != 3) dup2(lock, 3);
  fcntl(3, F_SETFD, 0);
  if (close_range(4, ~0U, 0) != 0)
    for (int fd = 4; fd < 65536; fd++) close(fd);
  for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  static const int limits[] = {RLIMIT_CPU, RLIMIT_AS, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_STACK};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    struct rlimit limit;
    if (limits[i] == RLIMIT_STACK || getrlimit(limits[i], &limit) != 0) continue;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(limits[i], &limit);
  }
  char *argv[] = {"hgbuild", "agent", "serve", "--socket", (char *)socket_path->path, NULL};
  execve(shim, argv, agent_environment());
  _exit(1);
}

/* Starts the agent; 0: somebody else is at it, or an agent is still ending. Forks twice: the compiler we may exec next
 * must not inherit a child. */
static int start_agent(const agent_socket *socket_path) {
  char path[PATH_MAX];
  sibling_path(socket_path, "lock", path, sizeof path);
  int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (lock >= 0) close(lock);
    return 0;
  }
  pid_t child = fork();
  if (child == 0) {
    if (fork() == 0) become_agent(socket_path, lock);
    _exit(0);
  }
  if (child > 0) waitpid(child, NULL, 0);
  close(lock);
  return 1;
}

/* True once nobody holds the agent's lock: it could not start, or died. */
static int agent_is_gone(const agent_socket *socket_path) {
  char path[PATH_MAX];
  sibling_path(socket_path, "lock", path, sizeof path);
  int lock = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (lock < 0) return 1;
  int gone = flock(lock, LOCK_EX | LOCK_NB) == 0;
  close(lock);
  return gone;
}

/* Connects, starting the agent if there is none. -1: do without. */
static int connect_agent(const agent_socket *socket_path) {
  int fd = connect_once(socket_path), started = 0;
  if (fd >= 0) return fd;
  for (int waited = 0; waited < SILENCE_MS; waited += waited < 100 ? 4 : 10) {
    if (errno == ENOENT || errno == ECONNREFUSED) {
      if (!started) {
        if (marked_recently(socket_path, "failed", 30)) return -1;
        started = start_agent(socket_path);
      } else if (waited > 50 && agent_is_gone(socket_path)) {
        mark(socket_path, "failed");
        return -1;
      }
    } else if (errno != EAGAIN) {
      return -1;
    }
    pause_ms(waited < 100 ? 4 : 10);
    fd = connect_once(socket_path);
    if (fd >= 0) return fd;
    if (errno == EAGAIN && marked_recently(socket_path, "stalled", STALL_MEMORY_S)) return -1;
  }
  if (errno == EAGAIN) mark(socket_path, "stalled");
  return -1;
}

static int send_frame(int fd, buffer *b) {
  end_frame(b);
  if (b->broken) return -1;
  size_t sent = 0;
  while (sent < b->size) {
    ssize_t n = send(fd, b->data + sent, b->size - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return -1;
    sent += (size_t)n;
  }
  return 0;
}

/* One recv with patience: an agent that said nothing for 2 s (stopped, overloaded) is given up, and the launchers
 * after us give up sooner for a while. */
static ssize_t receive_some(int fd, char *into, size_t size, const agent_socket *socket_path) {
  for (int waited = 0;;) {
    ssize_t n = recv(fd, into, size, 0);
    if (n >= 0) return n;
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return -1;
    waited += STALL_SLICE_MS;
    if (marked_recently(socket_path, "stalled", STALL_MEMORY_S)) return -1;
    if (waited >= SILENCE_MS) {
      mark(socket_path, "stalled");
      return -1;
    }
  }
}

/* Receives one frame into `b`; `r` then stands at its type byte. */
static int receive_frame(int fd, buffer *b, reader *r, const agent_socket *socket_path) {
  size_t wanted = 4;
  b->size = 0;
  for (;;) {
    char *room = buffer_room(b, 65536 > wanted - b->size ? 65536 : wanted - b->size);
    if (!room) return -1;
    ssize_t n = receive_some(fd, room, b->capacity - b->size, socket_path);
    if (n <= 0) return -1;
    b->size += (size_t)n;
    if (b->size >= 4 && wanted == 4) {
      unsigned char *p = (unsigned char *)b->data;
      uint32_t length = p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) | ((uint32_t)p[3] << 24);
      if (length < 1 || length > FRAME_LIMIT) return -1;
      wanted = 4 + (size_t)length;
    }
    if (wanted > 4 && b->size >= wanted) break;
  }
  *r = (reader){.at = b->data + 4, .end = b->data + wanted, .broken = 0};
  return 0;
}

#endif
