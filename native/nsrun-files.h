/* How directories and files are laid into the root, and put by for later. */
#ifndef HG_NSRUN_FILES_H
#define HG_NSRUN_FILES_H

#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "nsrun-table.h"

/* Copied files that no plan names just now: to bring one back takes 3 us, a tenth of another copy. In bytes. */
#define PUT_BY_LIMIT (64u << 20)
static int put_by = -1; /* their directory, outside of the root */
static size_t bytes_put_by;
static unsigned times_put_by;

/* Makes sure that a directory is there. Nothing is laid through a link: what is in the way has to be a directory of ours. */
static entry *lay_directory(const char *path) {
  char parent[PATH_MAX];
  entry *e = find(path);
  size_t size = strlen(path);
  errno = size >= sizeof parent ? ENAMETOOLONG : ENOTDIR;
  if (size >= sizeof parent || (e && e->kind != 'D')) broken("mkdir", path);
  if (e) return keep(e), e;
  size = above(path, size);
  memcpy(parent, path, size);
  parent[size] = 0;
  lay_directory(parent);
  if (mkdir(path, 0755) != 0) broken("mkdir", path);
  return enter('D', path, "", "");
}

static void lay_parent(const char *path) {
  char parent[PATH_MAX];
  size_t size = above(path, strlen(path));
  errno = ENAMETOOLONG;
  if (size >= sizeof parent) broken("mkdir", path);
  memcpy(parent, path, size);
  parent[size] = 0;
  lay_directory(parent);
}

static const char *numbered(unsigned number) {
  static char name[16];
  snprintf(name, sizeof name, "%u", number);
  return name;
}

static void drop_put_by(entry *e) {
  if (unlinkat(put_by, numbered(e->away), 0) != 0) broken("remove", e->path);
  bytes_put_by -= e->size;
  forget(e);
}

static void put_file_by(entry *e) {
  entry *older = find_either(e->path, strlen(e->path), 1);
  if (older) drop_put_by(older);
  unsigned number = ++times_put_by;
  if (renameat(AT_FDCWD, e->path, put_by, numbered(number)) != 0) broken("remove", e->path);
  e->away = number;
  bytes_put_by += e->size;
}

static void bring_back(entry *e) {
  if (renameat(put_by, numbered(e->away), AT_FDCWD, e->path) != 0) broken("create", e->path);
  e->away = 0;
  e->wanted = turn;
  bytes_put_by -= e->size;
}

/* A header is copied: as fast as a mount, which takes 40 us to be undone where a file takes 3. False: not this one. */
#define COPY_LIMIT (256 << 10)
static int copy_file(const char *path, const char *source, size_t *copied) {
  static char bytes[COPY_LIMIT];
  struct stat st;
  int from = open(source, O_RDONLY | O_CLOEXEC), to = -1;
  int is_small = from >= 0 && fstat(from, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= COPY_LIMIT;
  ssize_t size = is_small ? read(from, bytes, sizeof bytes) : -1;
  if (from >= 0) close(from);
  if (!is_small || size != st.st_size) return 0;
  /* gcc compares times of equal files under #pragma once. */
  struct timespec times[2] = {st.st_atim, st.st_mtim};
  to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444 | (st.st_mode & 0111));
  if (to < 0 || write(to, bytes, (size_t)size) != size || futimens(to, times) != 0) broken("create", path);
  close(to);
  *copied = (size_t)size;
  return 1;
}

/* Binding by mknod: half the calls of open and close. */
static entry *lay_file(const char *path, const char *source, const char *version) {
  size_t size = 0;
  entry *e = find_either(path, strlen(path), 1);
  lay_parent(path);
  if (e && is_from(e, source, version)) return bring_back(e), e;
  if (!*version && copy_file(path, source, &size)) {
    e = enter('F', path, source, version);
    e->size = size;
    return e;
  }
  if (mknod(path, S_IFREG | 0444, 0) != 0) broken("create", path);
  if (mount(source, path, NULL, MS_BIND, NULL) != 0) broken("bind", source);
  e = enter('F', path, source, version);
  e->is_bound = 1;
  return e;
}

static void remove_entry(entry *e) {
  if (e->kind == 'F' && !e->is_bound && bytes_put_by + e->size <= PUT_BY_LIMIT) return put_file_by(e);
  if (e->is_bound && umount2(e->path, MNT_DETACH | UMOUNT_NOFOLLOW) != 0) broken("unbind", e->path);
  if ((e->kind == 'D' ? rmdir : unlink)(e->path) != 0) broken("remove", e->path);
  forget(e);
}

#endif
