/* Finding, starting and talking to this user's agent. Whatever goes wrong here, the caller runs the real compiler. */
#ifndef HG_AGENT_LINK_H
#define HG_AGENT_LINK_H

#include <sys/socket.h>
#include <sys/time.h>

#include "agent-start.h"
#include "wire.h"

/* How long a launcher waits for a frame or for a starting agent before it compiles by itself. */
#define SILENCE_MS 2000
/* The same for an agent that was at work within the last second. */
#define BUSY_MS 10000
#define IDLE_MS 1000
#define STALL_SLICE_MS 200
#define STALL_MEMORY_S 10

static void pause_ms(int ms) {
  struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
  nanosleep(&t, NULL);
}

/* A connected descriptor above the ones a build hands to its compilers, or -1 with errno. */
static int connect_once(const agent_socket *socket_path) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, socket_path->path);
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (fd < 3 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != geteuid()) {
    int error = fd < 3 ? EBADF : errno ? errno : EPERM;
    close(fd);
    errno = error;
    return -1;
  }
  struct timeval silence = {SILENCE_MS / 1000, 0}, slice = {0, STALL_SLICE_MS * 1000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice);
  fcntl(fd, F_SETFL, 0);
  return fd;
}

/* Connects, starting the agent if there is none. -1: do without. */
static int connect_agent(const agent_socket *socket_path, int patience_ms) {
  int fd = connect_once(socket_path), started = 0;
  if (fd >= 0) return fd;
  for (int waited = 0; waited < patience_ms; waited += waited < 100 ? 4 : 10) {
    if (errno == ENOENT || errno == ECONNREFUSED) {
      if (!started) {
        if (marked_recently(socket_path, "failed", 30)) return -1;
        started = start_agent(socket_path);
      } else if (waited > 50 && agent_is_gone(socket_path)) {
        mark(socket_path, "failed");
        return -1;
      }
    } else if (errno != EAGAIN) {
      return -1;
    }
    pause_ms(waited < 100 ? 4 : 10);
    fd = connect_once(socket_path);
    if (fd >= 0) return fd;
    if (errno == EAGAIN && marked_recently(socket_path, "stalled", STALL_MEMORY_S)) return -1;
  }
  if (errno == EAGAIN) mark(socket_path, "stalled");
  return -1;
}

static int send_frame(int fd, buffer *b) {
  end_frame(b);
  if (b->broken) return -1;
  size_t sent = 0;
  while (sent < b->size) {
    ssize_t n = send(fd, b->data + sent, b->size - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return -1;
    sent += (size_t)n;
  }
  return 0;
}

/* Whether the agent has work in hand: on a processor or waiting for one, or for the disk; or it has used processor time
 * since it was last looked at, by any of its threads. One that was stopped, or waits for what never comes, has not. */
static int peer_is_at_work(int fd, unsigned long *used_before) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  char path[64], text[512];
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) return 0;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)peer.pid);
  int stat_fd = open(path, O_RDONLY | O_CLOEXEC);
  if (stat_fd < 0) return 0;
  ssize_t n = read(stat_fd, text, sizeof text - 1);
  close(stat_fd);
  text[n > 0 ? n : 0] = 0;
  const char *rest = strrchr(text, ')');
  unsigned long user = 0, system = 0;
  char state = 0;
  if (!rest || sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state, &user, &system) != 3) return 0;
  unsigned long used = user + system, before = *used_before;
  *used_before = used;
  return state == 'R' || state == 'D' || (before && used > before);
}

/* One recv with patience: an agent that said nothing for 2 s is given up, and the launchers after us give up sooner for
 * a while. On a machine with more to do than processors it may be busy all that time: then it has longer, because all
 * launchers that go home at once make that worse. */
static ssize_t receive_some(int fd, char *into, size_t size, const agent_socket *socket_path) {
  unsigned long used = 0;
  for (int waited = 0, idle = 0;;) {
    ssize_t n = recv(fd, into, size, 0);
    if (n >= 0) return n;
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return -1;
    waited += STALL_SLICE_MS;
    if (marked_recently(socket_path, "stalled", STALL_MEMORY_S)) return -1;
    idle = peer_is_at_work(fd, &used) ? 0 : idle + STALL_SLICE_MS;
    if (waited >= SILENCE_MS && (idle >= IDLE_MS || waited >= BUSY_MS)) {
      mark(socket_path, "stalled");
      return -1;
    }
  }
}

/* Receives one frame into `b`; `r` then stands at its type byte. No byte more is taken from the socket: the next frame may
 * be there already, an answer right behind a "wait". */
static int receive_frame(int fd, buffer *b, reader *r, const agent_socket *socket_path) {
  size_t wanted = 4;
  b->size = 0;
  for (;;) {
    char *room = buffer_room(b, wanted - b->size);
    if (!room) return -1;
    ssize_t n = receive_some(fd, room, wanted - b->size, socket_path);
    if (n <= 0) return -1;
    b->size += (size_t)n;
    if (b->size >= 4 && wanted == 4) {
      unsigned char *p = (unsigned char *)b->data;
      uint32_t length = p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) | ((uint32_t)p[3] << 24);
      if (length < 1 || length > FRAME_LIMIT) return -1;
      wanted = 4 + (size_t)length;
    }
    if (wanted > 4 && b->size >= wanted) break;
  }
  *r = (reader){.at = b->data + 4, .end = b->data + wanted, .broken = 0};
  return 0;
}

#endif
