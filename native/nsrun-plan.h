/* What hg-nsrun is told to do, and how it answers. */
#ifndef HG_NSRUN_PLAN_H
#define HG_NSRUN_PLAN_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLANS 3
#define ANSWERS 4
#define PLAN_LIMIT (256u << 20)

typedef struct {
  char tag;
  const char *a, *b, *c;
} record;

static record *records;
static size_t count;

/* Where the process that becomes the program leaves its complaint: memory it shares with the first process until then. */
#define COMPLAINT_LIMIT 8192
static char *complaint;
static int is_program;

static void write_all(int fd, const void *bytes, size_t size) {
  for (const char *at = bytes; size > 0;) {
    ssize_t n = write(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) _exit(125); /* nobody is there to be told */
    at += n, size -= (size_t)n;
  }
}

static void put_u32(unsigned char *at, size_t number) {
  for (int i = 0; i < 4; i++) at[i] = (unsigned char)(number >> 8 * i);
}

/* An answer: its length (u32, little-endian), lines of text, and what the program said. */
static void answer(const char *text, const char *out, size_t out_size, const char *err, size_t err_size) {
  unsigned char head[4];
  size_t size = strlen(text);
  put_u32(head, size + out_size + err_size);
  write_all(ANSWERS, head, 4);
  write_all(ANSWERS, text, size);
  write_all(ANSWERS, out, out_size);
  write_all(ANSWERS, err, err_size);
}

static _Noreturn void broken(const char *what, const char *path) {
  char text[COMPLAINT_LIMIT];
  snprintf(text, sizeof text, "broken %d %s %.4096s\n", errno, what, path);
  if (is_program)
    memcpy(complaint, text, sizeof text);
  else
    answer(text, "", 0, "", 0);
  _exit(125);
}

#define EACH(record_tag)            \
  for (size_t i = 0; i < count; i++) \
    if (records[i].tag == (record_tag))

static const char *one(char tag) {
  EACH(tag) return records[i].a;
  return NULL;
}

/* False at the end of the plans. */
static int read_bytes(char *to, size_t size) {
  size_t used = 0;
  while (used < size) {
    ssize_t n = read(PLANS, to + used, size - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) broken("plan", "unreadable");
    if (n == 0 && used == 0) return 0;
    errno = EBADMSG;
    if (n == 0) broken("plan", "cut short");
    used += (size_t)n;
  }
  return 1;
}

static uint32_t u32_at(const char *at) {
  const unsigned char *u = (const unsigned char *)at;
  return u[0] | u[1] << 8 | u[2] << 16 | (uint32_t)u[3] << 24;
}

static const char *take_string(const char **at, const char *end) {
  errno = EBADMSG;
  if (end - *at < 4) broken("plan", "cut short");
  uint32_t length = u32_at(*at);
  const char *text = *at + 4;
  if ((size_t)(end - text) <= length || memchr(text, 0, (size_t)length + 1) != text + length) broken("plan", "string");
  *at = text + length + 1;
  return text;
}

/* Reads the next plan; what the one before said is forgotten. False where there is none. */
static int read_plan(void) {
  static char *bytes;
  static size_t room;
  char head[4];
  if (!read_bytes(head, 4)) return 0;
  size_t size = u32_at(head);
  errno = EMSGSIZE;
  if (size > PLAN_LIMIT) broken("plan", "too long");
  free(bytes);
  if (!(bytes = malloc(size + 1))) broken("memory", "");
  if (size > 0 && !read_bytes(bytes, size)) broken("plan", "cut short");
  count = 0;
  for (const char *at = bytes, *end = bytes + size; at < end;) {
    if (count == room && !(records = realloc(records, (room = room ? room * 2 : 1024) * sizeof *records)))
      broken("memory", "");
    record *r = &records[count++];
    r->tag = *at++;
    r->a = take_string(&at, end);
    r->b = take_string(&at, end);
    r->c = take_string(&at, end);
  }
  return 1;
}

/* A path inside the root, relative to it: absolute, and without anything that leads elsewhere. "" is the root. */
static const char *inside(const char *path) {
  size_t n = strlen(path);
  errno = EINVAL;
  if (path[0] != '/' || strstr(path, "//") || strstr(path, "/./") || strstr(path, "/../")) broken("path", path);
  if (n == 1) return "";
  if (path[n - 1] == '/' || strcmp(path + n - 2, "/.") == 0 || (n > 2 && strcmp(path + n - 3, "/..") == 0))
    broken("path", path);
  return path + 1;
}

#endif
