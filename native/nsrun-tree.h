/* Changes the root into what a plan names. Consecutive compiles of a client read nearly the same headers: laying 430 of
 * them takes 7 ms, the difference a tenth of it. */
#ifndef HG_NSRUN_TREE_H
#define HG_NSRUN_TREE_H

#include "nsrun-files.h"

#define WRITABLES 64
static entry *writables[WRITABLES]; /* directories that the program may write into */
static size_t writable_count;

/* It stays ours and gets the sticky bit: whoever may write into it cannot move or remove what is laid there. */
static void let_write(entry *e) {
  int is_new = 1;
  for (size_t i = 0; i < writable_count; i++) is_new &= writables[i] != e;
  e->wanted_writable = turn;
  if (!is_new) return;
  errno = E2BIG;
  if (writable_count == WRITABLES) broken("writable", e->path);
  if (chmod(*e->path ? e->path : ".", 01777) != 0) broken("chmod", e->path);
  writables[writable_count++] = e;
}

static void stop_writing(void) {
  size_t kept = 0;
  for (size_t i = 0; i < writable_count; i++) {
    entry *e = writables[i];
    if (e->is_fixed == 'W' || e->wanted_writable == turn)
      writables[kept++] = e;
    else if (chmod(*e->path ? e->path : ".", 0755) != 0)
      broken("chmod", e->path);
  }
  writable_count = kept;
}

static int deeper_first(const void *a, const void *b) {
  return -strcmp((*(entry *const *)a)->path, (*(entry *const *)b)->path);
}

/* Removes what this plan does not want; what is in a directory before the directory. */
static void remove_unwanted(void) {
  entry **unwanted = NULL;
  size_t found = 0, room = 0;
  for (size_t i = 0; i < BUCKETS; i++)
    for (entry *e = table[i]; e; e = e->next) {
      if (e->is_fixed || e->away || e->wanted == turn) continue;
      if (found == room && !(unwanted = realloc(unwanted, (room = room ? room * 2 : 256) * sizeof *unwanted)))
        broken("memory", "");
      unwanted[found++] = e;
    }
  if (found > 0) qsort(unwanted, found, sizeof *unwanted, deeper_first);
  for (size_t i = 0; i < found; i++) remove_entry(unwanted[i]);
  free(unwanted);
}

/* Marks what can stay as it is. */
static void keep_what_is_there(void) {
  for (size_t i = 0; i < count; i++) {
    const record *r = &records[i];
    char kind = r->tag == 'W' ? 'D' : r->tag;
    if (kind != 'F' && kind != 'D' && kind != 'L') continue;
    entry *e = find(inside(r->a));
    if (!e || e->kind != kind) continue;
    if (kind != 'D' && !is_from(e, r->b, r->c)) continue;
    keep(e);
    if (r->tag == 'W') e->wanted_writable = turn;
  }
}

static void link_path(const char *path, const char *target) {
  lay_parent(path);
  if (symlink(target, path) != 0) broken("symlink", path);
  enter('L', path, target, "");
}

/* Makes of the root what the plan names. */
static void lay_tree(void) {
  turn++;
  keep_what_is_there();
  stop_writing();
  remove_unwanted();
  EACH('F') {
    const char *path = inside(records[i].a);
    entry *e = find(path);
    if (!e)
      lay_file(path, records[i].b, records[i].c);
    else if (errno = EEXIST, e->kind != 'F' || e->wanted != turn)
      broken("create", path);
  }
  EACH('D') lay_directory(inside(records[i].a));
  EACH('W') let_write(lay_directory(inside(records[i].a)));
  EACH('L') {
    const char *path = inside(records[i].a);
    entry *e = find(path);
    if (!e)
      link_path(path, records[i].b);
    else if (errno = EEXIST, e->kind != 'L' || e->wanted != turn)
      broken("symlink", path);
  }
}

#endif
