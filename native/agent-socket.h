/* Where this user's agent listens, and the marks beside its socket that launchers leave for one another. */
#ifndef HG_AGENT_SOCKET_H
#define HG_AGENT_SOCKET_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "xxh64.h"

#ifndef HG_VERSION
#define HG_VERSION "unversioned"
#endif

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

#endif
