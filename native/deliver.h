/* A hit: prove that nothing it depends on changed, then write the outputs as the compiler would have. */
#ifndef HG_DELIVER_H
#define HG_DELIVER_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire.h"
#include "xxh64.h"

static uint64_t stamp(struct timespec t) { return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec; }

static int write_all(int fd, const char *data, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return -1;
    data += n;
    size -= (size_t)n;
  }
  return 0;
}

/* Reads one check from the frame and says whether it still holds. */
static int check_holds(reader *r) {
  unsigned kind = take_u8(r);
  const char *path = take_path(r);
  struct stat st;
  uint64_t dev, ino, size, mtime, ctime;
  int found;
  switch (kind) {
    case CHECK_FILE:
      dev = take_u64(r), ino = take_u64(r), size = take_u64(r), mtime = take_u64(r), ctime = take_u64(r);
      if (r->broken || lstat(path, &st) != 0) return 0;
      return S_ISREG(st.st_mode) && st.st_ino == ino && st.st_dev == dev && (uint64_t)st.st_size == size &&
             stamp(st.st_mtim) == mtime && stamp(st.st_ctim) == ctime;
    case CHECK_DIRECTORY:
      dev = take_u64(r), ino = take_u64(r), mtime = take_u64(r), ctime = take_u64(r);
      if (r->broken || stat(path, &st) != 0) return 0;
      return S_ISDIR(st.st_mode) && st.st_ino == ino && st.st_dev == dev && stamp(st.st_mtim) == mtime &&
             stamp(st.st_ctim) == ctime;
    case CHECK_IDENTITY:
      dev = take_u64(r), ino = take_u64(r);
      /* The number of a removed directory may be given to a file. */
      if (r->broken || stat(path, &st) != 0) return 0;
      return S_ISDIR(st.st_mode) && st.st_ino == ino && st.st_dev == dev;
    case CHECK_LINK:
      dev = take_u64(r), ino = take_u64(r), size = take_u64(r), mtime = take_u64(r), ctime = take_u64(r);
      if (r->broken || lstat(path, &st) != 0) return 0;
      return S_ISLNK(st.st_mode) && st.st_ino == ino && st.st_dev == dev && (uint64_t)st.st_size == size &&
             stamp(st.st_mtim) == mtime && stamp(st.st_ctim) == ctime;
    case CHECK_NO_LINK:
      return !r->broken && lstat(path, &st) == 0 && !S_ISLNK(st.st_mode);
    case CHECK_ABSENT:
      found = stat(path, &st) == 0;
      return !r->broken && !found && (errno == ENOENT || errno == ENOTDIR);
    case CHECK_UNREACHABLE:
      return !r->broken && stat(path, &st) != 0;
    case CHECK_PRESENT:
      /* To a compiler, a header it may not read and a directory of that name are not there. */
      return !r->broken && stat(path, &st) == 0 && !S_ISDIR(st.st_mode) && faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
    default:
      r->broken = 1;
      return 0;
  }
}

/* How the compiler itself opens an output; what lies at the path before decides what is left of it. */
enum {
  OPEN_LIKE_BFD = 0,     /* GNU as, objcopy: a non-empty file or link is unlinked first, anything else truncated */
  OPEN_IN_PLACE = 1,     /* fopen: depfiles, gcc's .s, .su, .gcno: links are followed, modes kept */
  OPEN_LIKE_RENAME = 2   /* clang's main output: a temporary file renamed over a regular file or link */
};

static void unlink_ordinary(const char *path) {
  struct stat st;
  if (lstat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))) unlink(path);
}

/* What is no regular file (a device, a pipe) is written and never replaced; in a directory that refuses to unlink the
 * file is truncated, as the compilers do. -1: the real compiler shall try, and say what is wrong. */
static int open_output(const char *path, unsigned how) {
  struct stat st;
  int exists = stat(path, &st) == 0;
  if (how == OPEN_LIKE_RENAME) {
    if (exists && access(path, W_OK) != 0) return -1;
    if (!exists || S_ISREG(st.st_mode)) unlink_ordinary(path);
  } else if (how == OPEN_LIKE_BFD && exists && st.st_size != 0) {
    unlink_ordinary(path);
  }
  return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

enum { DELIVERED, BLOB_BAD, OUTPUT_FAILED };

/* Copies a blob to its place, checking size and checksum on the way. A wrong checksum shows only at the end: the
 * caller then compiles, which overwrites what was written. */
static int deliver_blob(const char *blob, uint64_t size, uint64_t checksum, const char *dest, unsigned how) {
  int in = open(blob, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  struct stat st;
  if (in < 0) return BLOB_BAD;
  if (fstat(in, &st) != 0 || (uint64_t)st.st_size != size || !S_ISREG(st.st_mode)) {
    close(in);
    return BLOB_BAD;
  }
  static char chunk[1 << 18];
  xxh64_state hash;
  xxh64_init(&hash);
  int out = -1, result = DELIVERED;
  uint64_t left = size;
  do {
    ssize_t n = left ? read(in, chunk, left < sizeof chunk ? left : sizeof chunk) : 0;
    if (n < 0 || (n == 0 && left)) {
      result = BLOB_BAD;
      break;
    }
    xxh64_update(&hash, chunk, (size_t)n);
    left -= (uint64_t)n;
    /* The last chunk (usually the only one) is written only when the checksum is right: nothing wrong ever lands. */
    if (left == 0 && xxh64_digest(&hash) != checksum) {
      result = BLOB_BAD;
      break;
    }
    if (out < 0 && (out = open_output(dest, how)) < 0) result = OUTPUT_FAILED;
    else if (write_all(out, chunk, (size_t)n) != 0) result = OUTPUT_FAILED;
  } while (left && result == DELIVERED);
  close(in);
  if (out >= 0 && close(out) != 0) result = OUTPUT_FAILED;
  /* Half an output must not be taken for a whole one, should the compiler fail before it gets to write its own. */
  if (out >= 0 && result == OUTPUT_FAILED) unlink_ordinary(dest);
  return result;
}

/* Copies an output of the compiler into the cache's tmp directory while make still waits: once make goes on, the
 * object may be stripped, moved or deleted. */
static int capture(const char *from, const char *to) {
  struct stat st;
  if (stat(from, &st) != 0) return errno == ENOENT || errno == ENOTDIR ? CAPTURE_ABSENT : CAPTURE_FAILED;
  if (!S_ISREG(st.st_mode)) return CAPTURE_SPECIAL;
  int in = open(from, O_RDONLY | O_CLOEXEC);
  if (in < 0) return CAPTURE_FAILED;
  int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (out < 0) {
    close(in);
    return CAPTURE_FAILED;
  }
  int ok = 1;
  off_t left = st.st_size;
  while (ok && left > 0) {
    ssize_t n = copy_file_range(in, NULL, out, NULL, (size_t)left, 0);
    if (n <= 0) break;
    left -= n;
  }
  if (left > 0) { /* another file system, or one that cannot: by hand from where it stopped */
    static char chunk[1 << 17];
    ssize_t n;
    while ((n = read(in, chunk, sizeof chunk)) > 0 && ok) ok = write_all(out, chunk, (size_t)n) == 0;
    if (n < 0) ok = 0;
  }
  close(in);
  if (close(out) != 0) ok = 0;
  if (!ok) unlink(to);
  return ok ? CAPTURED : CAPTURE_FAILED;
}

#endif
