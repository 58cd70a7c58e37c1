/* A compile that is under way elsewhere and was begun here as well, because the end of a build waits for it: the first
 * good answer counts. In any doubt that is this one's. Whoever loses is stopped, and this compiler is stopped only while
 * nothing of it was shown: what is on a terminal cannot be taken back. */
#ifndef HG_RACE_H
#define HG_RACE_H

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "deliver.h"
#include "wire.h"

typedef struct {
  int agent; /* where the other answer would come from; -1: it is of no interest any more */
  buffer in;
} race;

/* So often the ending of programs that were told to end is looked at, and so often they are told again. */
#define STOP_STEP_MS 2
#define STOP_AGAIN_MS 100
/* A gcc whose cc1 has died removes what it has made and ends within so long. */
#define STOP_CLEAN_MS 20
/* Then whoever takes no notice of SIGTERM is killed, and the driver, which removes what they leave, so much later. */
#define STOP_PATIENCE_MS 500
#define MAX_PROGRAMS 64

/* Adds what `pid` has started, and what that has, to `found`. -1: the kernel does not tell (CONFIG_PROC_CHILDREN). */
static int add_descendants(pid_t pid, pid_t *found, int *count) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  text[n > 0 ? n : 0] = 0;
  for (char *at = text, *end; *count < MAX_PROGRAMS; at = end) {
    pid_t child = (pid_t)strtol(at, &end, 10);
    if (end == at) break;
    found[(*count)++] = child;
    add_descendants(child, found, count);
  }
  return 0;
}

/* Tells the programs to end. First those that the driver waits for: a gcc that lost its cc1 removes its temporary files,
 * where one that is told itself leaves cc1 behind, which may make one of them anew. */
static void tell_to_stop(pid_t driver, int waited, int *driver_told) {
  pid_t found[MAX_PROGRAMS];
  int count = 0, is_alone;
  add_descendants(getpid(), found, &count);
  is_alone = count == 1 && found[0] == driver;
  for (int i = 0; i < count; i++) {
    if (found[i] != driver) {
      if (waited % STOP_AGAIN_MS == 0) kill(found[i], waited >= STOP_PATIENCE_MS ? SIGKILL : SIGTERM);
    } else if (waited >= 2 * STOP_PATIENCE_MS) {
      kill(driver, SIGKILL);
    } else if (!*driver_told && (waited >= STOP_AGAIN_MS || (is_alone && (waited == 0 || waited >= STOP_CLEAN_MS)))) {
      *driver_told = 1;
      kill(driver, SIGTERM);
    }
  }
}

/* Ends the compiler and all that it started, and returns when the last of them is gone: one that still holds an output
 * open would write into what is delivered. Orphans among them become our children, so that they can be waited for. */
static void stop_compiler(pid_t driver) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int driver_told = 0;
  for (int waited = 0;; waited += STOP_STEP_MS) {
    pid_t ended;
    tell_to_stop(driver, waited, &driver_told);
    while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
      if (ended == driver) driver = -1;
    if (ended < 0 && errno == ECHILD) break;
    nanosleep(&(struct timespec){.tv_nsec = STOP_STEP_MS * 1000000L}, NULL);
  }
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* Whether all checks of a delivery hold; `r` stands behind the type of its frame. */
static int proof_holds(reader r) {
  uint32_t size;
  take_string(&r, &size);
  uint32_t checks = take_u32(&r);
  for (uint32_t i = 0; i < checks; i++)
    if (!check_holds(&r) || r.broken) return 0;
  return !r.broken;
}

/* The frame that has come, whole; `r` then stands behind its type. 0: not yet. -1: there is none that helps. */
static int other_answer(race *other, reader *r) {
  buffer *in = &other->in;
  char *room = buffer_room(in, 65536);
  ssize_t n = room ? recv(other->agent, room, in->capacity - in->size, MSG_DONTWAIT) : -1;
  if (n < 0 && room && (errno == EAGAIN || errno == EINTR)) return 0;
  if (n <= 0) return -1;
  in->size += (size_t)n;
  *r = (reader){.at = in->data, .end = in->data + in->size, .broken = 0};
  if (in->size < 4) return 0;
  uint32_t length = take_u32(r);
  if (length < 1 || length > FRAME_LIMIT) return -1;
  if (in->size < 4 + (size_t)length) return 0;
  r->end = r->at + length;
  return take_u8(r) == TO_LAUNCHER_HIT ? 1 : -1;
}

/* Reads what the agent says. 1: the other answer is there, and proved; this compile is not needed any more. */
static int is_lost(race *other) {
  reader r;
  pid_t none[MAX_PROGRAMS];
  int count = 0, came = other_answer(other, &r);
  if (came == 0) return 0;
  other->agent = -1;
  return came == 1 && proof_holds(r) && add_descendants(getpid(), none, &count) == 0;
}

#endif
