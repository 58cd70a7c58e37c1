// A network switch in user space: one TAP interface `lan0` in each named network namespace, joined with a given rate and
// delay. Kernels without netem have no other way to delay a packet.
//   switch BITS_PER_SECOND DELAY_US NAMESPACE...      (rate 0: none)
// Every host has a link of that rate in each direction; a packet takes its time on the sender's link, the delay, and its
// time on the receiver's link. Prints "ready"; the interfaces go when the process ends.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PORTS = 8, MAX_FRAME = 2048, QUEUE = 1024 }; // QUEUE: what a switch holds for one port before it drops

struct frame { int64_t due; int length; unsigned char bytes[MAX_FRAME]; };
struct port {
  int fd;
  unsigned char mac[6];
  int64_t up_free, down_free; // when each direction of its link is free again, ns
  struct frame *queue;
  unsigned head, tail;
};

static struct port ports[MAX_PORTS];
static int port_count;
static int64_t bits_per_second, delay_ns;

static void fail(const char *what) { perror(what); exit(1); }

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }

static int open_tap(const char *namespace) {
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%s", namespace);
  int ns = open(path, O_RDONLY | O_CLOEXEC);
  if (ns < 0 || setns(ns, CLONE_NEWNET) != 0) fail(path);
  close(ns);
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) fail("/dev/net/tun");
  struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
  strcpy(request.ifr_name, "lan0");
  if (ioctl(fd, TUNSETIFF, &request) != 0) fail("TUNSETIFF");
  return fd;
}

// 24 bytes: preamble, check sum and gap, which take time on a real wire.
static int64_t on_link(int length) {
  return bits_per_second == 0 ? 0 : (length + 24) * 8LL * 1000000000LL / bits_per_second;
}

static void send_to(struct port *to, const unsigned char *bytes, int length, int64_t arrived) {
  if (to->tail - to->head == QUEUE) return;
  struct frame *f = &to->queue[to->tail++ % QUEUE];
  to->down_free = max(arrived, to->down_free) + on_link(length);
  f->due = to->down_free;
  f->length = length;
  memcpy(f->bytes, bytes, length);
}

static void receive(struct port *from) {
  unsigned char bytes[MAX_FRAME];
  for (int i = 0; i < 64; i++) {
    int length = read(from->fd, bytes, sizeof bytes);
    if (length < 14) return;
    memcpy(from->mac, bytes + 6, 6);
    from->up_free = max(now_ns(), from->up_free) + on_link(length);
    int64_t arrived = from->up_free + delay_ns;
    struct port *known = NULL;
    for (int p = 0; p < port_count && !(bytes[0] & 1); p++)
      if (memcmp(ports[p].mac, bytes, 6) == 0) known = &ports[p];
    if (known != NULL) send_to(known, bytes, length, arrived);
    else
      for (int p = 0; p < port_count; p++)
        if (&ports[p] != from) send_to(&ports[p], bytes, length, arrived);
  }
}

// Hands over what is due; returns when the next is, or -1.
static int64_t deliver(void) {
  int64_t now = now_ns(), next = -1;
  for (int p = 0; p < port_count; p++) {
    struct port *port = &ports[p];
    for (; port->head != port->tail; port->head++) {
      struct frame *f = &port->queue[port->head % QUEUE];
      if (f->due > now) {
        if (next < 0 || f->due < next) next = f->due;
        break;
      }
      if (write(port->fd, f->bytes, f->length) < 0 && errno == EBADFD) fail("write");
    }
  }
  return next;
}

int main(int argc, char **argv) {
  if (argc < 5 || argc > 3 + MAX_PORTS) return 2;
  bits_per_second = atoll(argv[1]);
  delay_ns = atoll(argv[2]) * 1000;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  prctl(PR_SET_TIMERSLACK, 1000UL);
  setpriority(PRIO_PROCESS, 0, -15); // a switch does not wait for the hosts' compilers
  struct pollfd polled[MAX_PORTS];
  for (int i = 3; i < argc; i++) {
    struct port *port = &ports[port_count];
    port->fd = open_tap(argv[i]);
    port->queue = malloc(QUEUE * sizeof *port->queue);
    if (port->queue == NULL) fail("malloc");
    polled[port_count++] = (struct pollfd){ .fd = port->fd, .events = POLLIN };
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    int64_t next = deliver();
    int64_t wait = next < 0 ? 0 : max(0, next - now_ns());
    struct timespec timeout = { wait / 1000000000LL, wait % 1000000000LL };
    if (ppoll(polled, port_count, next < 0 ? NULL : &timeout, NULL) < 0 && errno != EINTR) fail("ppoll");
    for (int p = 0; p < port_count; p++)
      if (polled[p].revents & POLLIN) receive(&ports[p]);
  }
}
