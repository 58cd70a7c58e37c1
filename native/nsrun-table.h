/* The table of everything that was laid into the root. */
#ifndef HG_NSRUN_TABLE_H
#define HG_NSRUN_TABLE_H

#include "nsrun-plan.h"

typedef struct entry {
  struct entry *next;
  char kind;     /* as the records: F, D, L */
  char is_fixed; /* in every root */
  char is_bound; /* F: mounted, else copied */
  unsigned away; /* F: not in the root now, but put by under this number, for a plan that names it again */
  size_t size;   /* F that was copied: its bytes */
  unsigned wanted, wanted_writable; /* the last plan that names it, or something in it */
  const char *source, *version; /* F: what is bound; L: the target */
  char path[]; /* relative to the root; "" is the root */
} entry;

#define BUCKETS 16384
static entry *table[BUCKETS];
static unsigned turn; /* which plan this is */

/* FNV-1a. */
static entry **bucket(const char *path, size_t size) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)path[i]) * 16777619u;
  return &table[hash % BUCKETS];
}

static entry *find_either(const char *path, size_t size, int is_away) {
  for (entry *e = *bucket(path, size); e; e = e->next)
    if (!e->away == !is_away && strncmp(e->path, path, size) == 0 && e->path[size] == 0) return e;
  return NULL;
}

static entry *find_part(const char *path, size_t size) { return find_either(path, size, 0); }

static entry *find(const char *path) { return find_part(path, strlen(path)); }

static entry *enter(char kind, const char *path, const char *source, const char *version) {
  size_t size = strlen(path) + 1, source_size = strlen(source) + 1;
  entry *e = calloc(1, sizeof *e + size + source_size + strlen(version) + 1), **at = bucket(path, size - 1);
  if (!e) broken("memory", "");
  memcpy(e->path, path, size);
  e->source = strcpy(e->path + size, source);
  e->version = strcpy(e->path + size + source_size, version);
  e->kind = kind;
  e->wanted = turn;
  e->next = *at;
  return *at = e;
}

/* The length of the path of the directory above; 0 is the root. */
static size_t above(const char *path, size_t size) {
  while (size > 0 && path[size - 1] != '/') size--;
  return size > 0 ? size - 1 : 0;
}

/* Wants an entry to stay, and every directory above it. */
static void keep(entry *e) {
  for (size_t size = strlen(e->path); e && e->wanted != turn; e = find_part(e->path, size)) {
    e->wanted = turn;
    size = above(e->path, size);
  }
}

static void forget(entry *e) {
  for (entry **at = bucket(e->path, strlen(e->path)); *at; at = &(*at)->next)
    if (*at == e) {
      *at = e->next;
      break;
    }
  free(e);
}

static int is_from(const entry *e, const char *source, const char *version) {
  return strcmp(e->source, source) == 0 && strcmp(e->version, version) == 0;
}

#endif
