/* How many compilers may run here at once while there is a grid: `make -j200` is meant for many machines, and should the
 * agent die, two hundred launchers at once would compile at home. The agent leaves a file beside its socket with the
 * number of slots; a slot is a lock on one byte of it. The lock belongs to the open file, which the compiler and its
 * children inherit: it goes when the last of them ends, however it ends. */
#ifndef HG_LOCAL_SLOTS_H
#define HG_LOCAL_SLOTS_H

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agent-socket.h"

#define SLOT_POLL_NS (20 * 1000 * 1000L)
/* Who holds the slots may be stopped for good (Ctrl-Z): a compile then goes on without. In seconds. */
#define SLOT_PATIENCE 60

static int lock_slot(int fd, int slot) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = slot, .l_len = 1};
  return fcntl(fd, F_OFD_SETLK, &lock);
}

/* Waits for one of the slots; returns at once where there is no grid. */
static void take_local_slot(const agent_socket *socket_path) {
  char path[PATH_MAX], text[16] = "";
  sibling_path(socket_path, "slots", path, sizeof path);
  int fd = open(path, O_RDWR | O_NOFOLLOW);
  if (fd < 0) return;
  /* Above the numbers that a jobserver or a test harness hands down. */
  int high = fcntl(fd, F_DUPFD, 200);
  if (high >= 0) {
    close(fd);
    fd = high;
  }
  int slots = pread(fd, text, sizeof text - 1, 0) > 0 ? atoi(text) : 0;
  time_t given_up = time(NULL) + SLOT_PATIENCE;
  while (slots > 0 && time(NULL) < given_up) {
    for (int i = 0; i < slots; i++)
      if (lock_slot(fd, i) == 0) return;
    nanosleep(&(struct timespec){.tv_nsec = SLOT_POLL_NS}, NULL);
  }
  close(fd);
}

#endif
