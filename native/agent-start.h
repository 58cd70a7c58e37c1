/* Starting this user's agent. */
#ifndef HG_AGENT_START_H
#define HG_AGENT_START_H

#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "agent-socket.h"

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

#endif
