/* The namespaces, the root that everything is laid into, and its cleaning. */
#ifndef HG_NSRUN_ROOT_H
#define HG_NSRUN_ROOT_H

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>

#include "nsrun-tree.h"

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

/* All of the machine's own file system is made read-only first: what is bound from it afterwards is, too. */
static void make_all_read_only(void) {
  struct { uint64_t set, clear, propagation, userns; } attr = {MS_RDONLY | MS_NOSUID, 0, 0, 0};
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) broken("private", "/");
  /* mount_setattr: Linux 5.12. Its flags for these two are the old ones. */
  if (syscall(442, AT_FDCWD, "/", 0x8000 /* AT_RECURSIVE */, &attr, sizeof attr) != 0) broken("mount_setattr", "/");
}

/* The root with what is in every one. It becomes the directory we are in; the program alone is locked into it, because
 * what is bound later comes from outside. */
static void lay_root(const char *at, const char *options) {
  static const char *devices[] = {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"};
  make_all_read_only();
  if (mount("tmpfs", at, "tmpfs", MS_NOSUID | MS_NODEV, options) != 0) broken("tmpfs", at);
  if (chdir(at) != 0 || mkdir("by", 0700) != 0 || mkdir("root", 0755) != 0) broken("root", at);
  if ((put_by = open("by", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0 || chdir("root") != 0) broken("root", at);
  enter('D', "", "", "")->is_fixed = 1;
  lay_directory("dev")->is_fixed = 1;
  /* The devices' files are no devices of this tmpfs, so that NODEV does not reach them. */
  for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) lay_file(devices[i] + 1, devices[i], "")->is_fixed = 1;
  lay_directory("proc")->is_fixed = 1;
  /* Read-only: files of /proc that change the machine belong to root, who needs no capability to open them. */
  if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) != 0) broken("proc", "/proc");
  lay_directory("tmp")->is_fixed = 'W';
  let_write(find("tmp"));
  if (sethostname("hybridgrid", 10) != 0) broken("sethostname", "");
}

static void remove_all(int at, const char *name) {
  if (unlinkat(at, name, 0) == 0) return;
  int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *directory = fd < 0 ? NULL : fdopendir(fd);
  if (!directory) broken("clean", name);
  for (struct dirent *each; (each = readdir(directory));)
    if (strcmp(each->d_name, ".") != 0 && strcmp(each->d_name, "..") != 0) remove_all(fd, each->d_name);
  closedir(directory);
  if (unlinkat(at, name, AT_REMOVEDIR) != 0) broken("clean", name);
}

/* Removes what the program made. Nothing of it runs any more, and what was laid it could not move. */
static void clean(void) {
  for (size_t i = 0; i < writable_count; i++) {
    const char *at = writables[i]->path;
    int fd = open(*at ? at : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) broken("clean", at);
    for (struct dirent *each; (each = readdir(directory));) {
      char path[PATH_MAX + NAME_MAX + 2];
      if (strcmp(each->d_name, ".") == 0 || strcmp(each->d_name, "..") == 0) continue;
      snprintf(path, sizeof path, "%s%s%s", at, *at ? "/" : "", each->d_name);
      if (!find(path)) remove_all(fd, each->d_name);
    }
    closedir(directory);
  }
}

#endif
