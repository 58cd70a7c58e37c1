/* What hg-nsrun is told to do, and how it says that it cannot. */
#ifndef HG_NSRUN_PLAN_H
#define HG_NSRUN_PLAN_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLAN 3
#define STATUS 4
#define PLAN_LIMIT (256u << 20)

typedef struct {
  char tag;
  const char *a, *b;
} record;

static record *records;
static size_t count;

static _Noreturn void broken(const char *what, const char *path) {
  dprintf(STATUS, "broken %d %s %s\n", errno, what, path);
  _exit(125);
}

#define EACH(record_tag)            \
  for (size_t i = 0; i < count; i++) \
    if (records[i].tag == (record_tag))

static const char *one(char tag) {
  EACH(tag) return records[i].a;
  return NULL;
}

static char *read_plan(size_t *size) {
  size_t room = 1 << 16, used = 0;
  char *bytes = malloc(room);
  for (;;) {
    if (!bytes || used > PLAN_LIMIT) broken("plan", "too long");
    ssize_t n = read(PLAN, bytes + used, room - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) broken("plan", "unreadable");
    if (n == 0) break;
    used += (size_t)n;
    if (used == room) bytes = realloc(bytes, room *= 2);
  }
  *size = used;
  return bytes;
}

static const char *take_string(const char **at, const char *end) {
  uint32_t length;
  errno = EBADMSG;
  if (end - *at < 4) broken("plan", "cut short");
  const unsigned char *u = (const unsigned char *)*at;
  length = u[0] | u[1] << 8 | u[2] << 16 | (uint32_t)u[3] << 24;
  const char *text = *at + 4;
  if ((size_t)(end - text) <= length || memchr(text, 0, (size_t)length + 1) != text + length) broken("plan", "string");
  *at = text + length + 1;
  return text;
}

static void parse_plan(void) {
  size_t size, room = 0;
  const char *at = read_plan(&size), *end = at + size;
  while (at < end) {
    if (count == room && !(records = realloc(records, (room = room ? room * 2 : 1024) * sizeof *records)))
      broken("plan", "too long");
    record *r = &records[count++];
    r->tag = *at++;
    r->a = take_string(&at, end);
    r->b = take_string(&at, end);
  }
}

/* A path inside the root, relative to it: absolute, and without anything that leads elsewhere. */
static const char *inside(const char *path) {
  size_t n = strlen(path);
  errno = EINVAL;
  if (path[0] != '/' || strstr(path, "//") || strstr(path, "/./") || strstr(path, "/../")) broken("path", path);
  if (n == 1) return ".";
  if (path[n - 1] == '/' || strcmp(path + n - 2, "/.") == 0 || (n > 2 && strcmp(path + n - 3, "/..") == 0))
    broken("path", path);
  return path + 1;
}

#endif
