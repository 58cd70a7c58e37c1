/* Running the real compiler: by exec when nobody needs to know how it ends, else as a child whose ending is told. */
#ifndef HG_RUN_COMPILER_H
#define HG_RUN_COMPILER_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "deliver.h"
#include "race.h"
#include "wire.h"

/* Diagnostics kept for the cache; what is longer is shown but not stored. */
#define STDERR_LIMIT (1u << 20)

static volatile pid_t running_child;
/* The last signal that was passed on to the compiler; 0: none. */
static volatile sig_atomic_t passed_on;

static void forward_signal(int number) {
  int saved = errno;
  passed_on = number;
  if (running_child > 0) kill(running_child, number);
  errno = saved;
}

/* Replaces this process. As a shell does, 127 says not found and 126 not executable. */
static void exec_compiler(const char *compiler, char **argv) {
  setenv("HG_NESTED", "1", 1);
  argv[0] = (char *)compiler;
  execv(compiler, argv);
  int error = errno;
  dprintf(2, "hgbuild: %s: %s\n", compiler, error == ENOENT ? "not found" : strerror(error));
  _exit(error == ENOENT ? 127 : 126);
}

/* Lists the compiler writes for us (depfiles) go into memory, reached as /proc/self/fd/N by a compiler that inherits the
 * descriptor: an option of ours that names a file on a full disk would fail a compile that works without it. */
#define MAX_LISTS 4
#define LIST_LIMIT (16u << 20)

typedef struct {
  int fds[MAX_LISTS];
  uint32_t count;
} memory_lists;

/* Replaces the byte 1 in an argument by the path of a fresh list. NULL: there is none to be had. */
static char *argument_with_list(const char *argument, memory_lists *lists) {
  const char *mark = strchr(argument, 1);
  if (!mark) return (char *)argument;
  int fd = lists->count < MAX_LISTS ? (int)memfd_create("hg-list", 0) : -1;
  if (fd < 0) return NULL;
  /* Above the numbers a jobserver or a test harness hands down; where limits forbid it, what we got. */
  int high = fcntl(fd, F_DUPFD, 200);
  if (high >= 0) {
    close(fd);
    fd = high;
  }
  lists->fds[lists->count++] = fd;
  char path[32], *result = malloc(strlen(argument) + sizeof path);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (!result || fd < 3 || access(path, W_OK) != 0) return NULL;
  sprintf(result, "%.*s%s%s", (int)(mark - argument), argument, path, mark + 1);
  return result;
}

static void close_lists(memory_lists *lists) {
  for (uint32_t i = 0; i < lists->count; i++) close(lists->fds[i]);
  lists->count = 0;
}

/* Appends what was written into a list; an empty string where it cannot be had. */
static void put_list(buffer *b, int fd) {
  struct stat st;
  size_t size = fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < LIST_LIMIT ? (size_t)st.st_size : 0;
  put_u32(b, (uint32_t)size);
  char *room = b->broken || !size ? NULL : buffer_room(b, size);
  for (size_t at = 0; room && at < size;) {
    ssize_t n = pread(fd, room + at, size - at, (off_t)at);
    if (n <= 0) {
      b->broken = 1;
      return;
    }
    at += (size_t)n;
  }
  if (room) b->size += size;
}

typedef struct {
  int status; /* as wait() gives it */
  uint64_t started_ns, stamps_from_ns, ended_ns, cpu_us;
  buffer stderr_text;
  int stderr_overflow;
  int is_overtaken; /* it was stopped, because the answer from elsewhere came first */
} ending;

static uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return stamp(t);
}

static uint64_t now_ns(void) { return clock_ns(CLOCK_REALTIME); }

static void child_exec(const char *compiler, char **argv, int stderr_write, const char *stdout_path, const sigset_t *mask) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  dup2(stderr_write, 2);
  if (stdout_path && *stdout_path) {
    int out = open(stdout_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) _exit(126);
    dup2(out, 1);
  }
  sigprocmask(SIG_SETMASK, mask, NULL);
  exec_compiler(compiler, argv);
}

enum { HAS_OUTPUT, HAS_ENDED, HAS_NEWS };

/* Waits until there is something to read, or the agent says something. HAS_ENDED: the child has ended and nothing is left
 * in the pipe, though somebody may still hold its other end: a killed driver leaves its cc1 behind, and make must not wait
 * for that. */
static int wait_for_output(int from, int child, int agent) {
  struct pollfd polled[3] = {{.fd = from, .events = POLLIN}, {.fd = child, .events = POLLIN}, {.fd = agent, .events = POLLIN}};
  for (;;) {
    int n = poll(polled, 3, -1);
    if (n < 0 && errno != EINTR) return HAS_OUTPUT;
    if (n > 0 && polled[0].revents) return HAS_OUTPUT;
    if (n > 0 && polled[1].revents) {
      n = poll(polled, 1, 0);
      return n > 0 ? HAS_OUTPUT : HAS_ENDED;
    }
    if (n > 0 && polled[2].revents) return HAS_NEWS;
  }
}

/* Passes the child's stderr on as it comes and keeps a copy. `child`: a pidfd, or -1 on a kernel without (before 5.3).
 * Returns at once when the race is lost. */
static void tee_stderr(int from, int child, ending *end, int silent, race *other) {
  char chunk[16384];
  for (;;) {
    int what = wait_for_output(from, child, other ? other->agent : -1);
    if (what == HAS_ENDED) return;
    if (what == HAS_NEWS) {
      end->is_overtaken = is_lost(other) && !passed_on;
      if (end->is_overtaken) return;
      continue;
    }
    ssize_t n = read(from, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    if (other) other->agent = -1;
    if (!silent) write_all(2, chunk, (size_t)n);
    if (end->stderr_text.size + (size_t)n > STDERR_LIMIT) end->stderr_overflow = 1;
    else put_bytes(&end->stderr_text, chunk, (size_t)n);
  }
}

static const int forwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
#define FORWARDED (sizeof forwarded / sizeof *forwarded)

/* Runs the compiler as a child in the user's own context (stdio, umask, cgroup, jobserver) and waits; with `other`, for
 * the first of the two. Returns -1 when it could not even be started; the caller then execs it. */
static int run_compiler(const char *compiler, char **argv, const char *stdout_path, ending *end, race *other) {
  int pipes[2];
  if (pipe2(pipes, O_CLOEXEC) != 0) return -1;
  if (pipes[0] < 3 || pipes[1] < 3) { /* somebody closed stdio: no place for a tee */
    close(pipes[0]), close(pipes[1]);
    return -1;
  }
  sigset_t blocked, before;
  sigfillset(&blocked);
  sigprocmask(SIG_SETMASK, &blocked, &before);
  struct sigaction previous[FORWARDED];
  for (size_t i = 0; i < FORWARDED; i++) {
    struct sigaction action = {.sa_handler = forward_signal, .sa_flags = SA_RESTART};
    sigaction(forwarded[i], NULL, &previous[i]);
    if (previous[i].sa_handler != SIG_IGN) sigaction(forwarded[i], &action, NULL);
  }
  end->started_ns = now_ns();
  /* The clock that the kernel stamps files with: it stands still between two ticks. */
  end->stamps_from_ns = clock_ns(CLOCK_REALTIME_COARSE);
  running_child = fork();
  if (running_child == 0) {
    for (size_t i = 0; i < FORWARDED; i++)
      if (previous[i].sa_handler != SIG_IGN) sigaction(forwarded[i], &previous[i], NULL);
    child_exec(compiler, argv, pipes[1], stdout_path, &before);
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  close(pipes[1]);
  if (running_child < 0) {
    close(pipes[0]);
    return -1;
  }
  int child = (int)syscall(SYS_pidfd_open, running_child, 0);
  tee_stderr(pipes[0], child, end, stdout_path && *stdout_path, other);
  if (end->is_overtaken) stop_compiler(running_child);
  if (child >= 0) close(child);
  close(pipes[0]);
  if (end->is_overtaken) {
    running_child = 0;
    return 0;
  }
  struct rusage usage;
  while (wait4(running_child, &end->status, 0, &usage) < 0)
    if (errno != EINTR) return -1;
  running_child = 0;
  end->ended_ns = now_ns();
  end->cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
                (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  return 0;
}

/* Ends as the child ended: with its exit status, or by its signal so that make sees what plain make would see. */
static void end_like(int status) {
  if (WIFSIGNALED(status)) {
    int number = WTERMSIG(status);
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core); /* the compiler's own core is enough */
    signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    raise(number);
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

#endif
