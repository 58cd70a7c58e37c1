/* The namespaces and the root that holds what the plan names, and nothing else. */
#ifndef HG_NSRUN_ROOT_H
#define HG_NSRUN_ROOT_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nsrun-plan.h"

/* Above all ranges that distributions, containers and systemd hand out, below 2^31. */
#define OWN_UIDS 2000000000u
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

static uid_t own_uid; /* 0: as whoever started us */

static void write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) broken("write", path);
  close(fd);
}

/* In a container whose root is somebody else outside, user ids of our own cannot be had. */
static int has_all_uids(void) {
  char map[64] = "";
  int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
  unsigned long inner, outer, length = 0;
  if (fd < 0 || read(fd, map, sizeof map - 1) < 0) return 0;
  close(fd);
  return sscanf(map, "%lu %lu %lu", &inner, &outer, &length) == 3 && inner == 0 && length > OWN_UIDS + (1u << 23);
}

static void make_namespaces(void) {
  uid_t uid = geteuid();
  gid_t gid = getegid();
  if (uid == 0 && has_all_uids() && unshare(NAMESPACES) == 0) {
    own_uid = OWN_UIDS + (uid_t)getpid();
    return;
  }
  if (unshare(CLONE_NEWUSER | NAMESPACES) != 0) broken("unshare", "");
  char map[64];
  write_text("/proc/self/setgroups", "deny");
  snprintf(map, sizeof map, "%u %u 1", uid, uid);
  write_text("/proc/self/uid_map", map);
  snprintf(map, sizeof map, "%u %u 1", gid, gid);
  write_text("/proc/self/gid_map", map);
}

static void make_parents(const char *path) {
  char above[PATH_MAX];
  for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
    if ((size_t)(slash - path) >= sizeof above) break;
    memcpy(above, path, (size_t)(slash - path));
    above[slash - path] = 0;
    if (mkdir(above, 0755) != 0 && errno != EEXIST) broken("mkdir", above);
  }
}

static void make_directory(const char *path) {
  if (mkdir(path, 0755) == 0 || errno == EEXIST) return;
  if (errno == ENOENT) make_parents(path);
  if (mkdir(path, 0755) != 0 && errno != EEXIST) broken("mkdir", path);
}

/* By mknod: half the calls of open and close, and there are hundreds of files. */
static void bind_file(const char *source, const char *path) {
  int made = mknod(path, S_IFREG | 0444, 0);
  if (made != 0 && errno == ENOENT) {
    make_parents(path);
    made = mknod(path, S_IFREG | 0444, 0);
  }
  if (made != 0 && errno != EEXIST) broken("create", path);
  if (mount(source, path, NULL, MS_BIND, NULL) != 0) broken("bind", source);
}

/* All of the machine's own file system is made read-only first: what is bound from it afterwards is, too. */
static void make_all_read_only(void) {
  struct { uint64_t set, clear, propagation, userns; } attr = {MS_RDONLY | MS_NOSUID, 0, 0, 0};
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) broken("private", "/");
  /* mount_setattr: Linux 5.12. Its flags for these two are the old ones. */
  if (syscall(442, AT_FDCWD, "/", 0x8000 /* AT_RECURSIVE */, &attr, sizeof attr) != 0) broken("mount_setattr", "/");
}

static void lay_devices(void) {
  static const char *names[] = {"null", "zero", "random", "urandom"};
  make_directory("dev");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char from[32];
    snprintf(from, sizeof from, "/dev/%s", names[i]);
    bind_file(from, from + 1);
  }
}

/* Links come last: nothing that is laid can go through one, wherever it points. */
static void lay_root(void) {
  const char *at = one('T');
  make_all_read_only();
  EACH('T') if (mount("tmpfs", at, "tmpfs", MS_NOSUID | MS_NODEV, records[i].b) != 0) broken("tmpfs", at);
  if (!at || chdir(at) != 0) broken("root", at ? at : "");
  /* The devices' files are no devices of this tmpfs, so that NODEV does not reach them. */
  lay_devices();
  make_directory("proc");
  /* Read-only: files of /proc that change the machine belong to root, who needs no capability to open them. */
  if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) != 0) broken("proc", "/proc");
  make_directory("tmp");
  if (chmod("tmp", 01777) != 0) broken("chmod", "/tmp");
  EACH('F') bind_file(records[i].a, inside(records[i].b));
  EACH('D') make_directory(inside(records[i].a));
  EACH('W') {
    const char *path = inside(records[i].a);
    make_directory(path);
    if (own_uid && chown(path, own_uid, own_uid) != 0) broken("chown", records[i].a);
  }
  EACH('L') {
    const char *path = inside(records[i].b);
    if (symlink(records[i].a, path) == 0) continue;
    if (errno == ENOENT) make_parents(path);
    if (symlink(records[i].a, path) != 0) broken("symlink", records[i].b);
  }
}

static void enter_root(void) {
  if (syscall(SYS_pivot_root, ".", ".") != 0) broken("pivot_root", "");
  if (umount2(".", MNT_DETACH) != 0) broken("umount", "old root");
  if (chdir("/") != 0) broken("chdir", "/");
  if (sethostname("hybridgrid", 10) != 0) broken("sethostname", "");
}

#endif
