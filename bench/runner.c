/* Runs commands one after the other and tells what each cost. A small static process starts them, because a fork of
 * Node would cost more than what is measured.
 *
 * stdin: jobs of NUL-terminated words: `run DIRECTORY COUNT WORD...`; `watch PID`: tell the CPU time of this process with
 * every run from now on (0: of none); `settle MS`: after each run wait until the watched process has rested that long.
 * stdout, one line per run: exit status, wall ns, CPU ns of the command and its descendants, CPU ns of the watched
 * process. What the commands print goes to stderr. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static uint64_t read_clock(clockid_t id) {
  struct timespec t;
  if (clock_gettime(id, &t) != 0) return 0;
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_of(pid_t pid) {
  clockid_t id;
  return pid > 0 && clock_getcpuclockid(pid, &id) == 0 ? read_clock(id) : 0;
}

static void fail(const char *what) {
  perror(what);
  exit(2);
}

static char *next_word(void) {
  char *word = NULL;
  size_t size = 0;
  if (getdelim(&word, &size, 0, stdin) < 0) exit(0);
  return word;
}

static long next_number(void) {
  char *word = next_word();
  long number = atol(word);
  free(word);
  return number;
}

static void wait_for_rest(pid_t pid, long rest_ms) {
  uint64_t before = cpu_of(pid);
  struct timespec pause = {rest_ms / 1000, rest_ms % 1000 * 1000000};
  for (int tries = 0; tries < 100; tries++) {
    nanosleep(&pause, NULL);
    uint64_t now = cpu_of(pid);
    if (now - before < 200000) return; /* a timer of its own takes some 50 us */
    before = now;
  }
}

static void run(pid_t watched, long rest_ms) {
  char *directory = next_word();
  long count = next_number();
  char **argv = calloc((size_t)count + 1, sizeof *argv);
  if (!argv) fail("calloc");
  for (long i = 0; i < count; i++) argv[i] = next_word();
  if (chdir(directory) != 0) fail(directory);
  if (setenv("PWD", directory, 1) != 0) fail("setenv");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, 2, 1);
  uint64_t watched_before = cpu_of(watched), began = read_clock(CLOCK_MONOTONIC);
  pid_t child;
  int status = 0;
  struct rusage usage;
  if (posix_spawnp(&child, argv[0], &actions, NULL, argv, environ) != 0) fail(argv[0]);
  if (wait4(child, &status, 0, &usage) < 0) fail("wait4");
  uint64_t wall = read_clock(CLOCK_MONOTONIC) - began;
  posix_spawn_file_actions_destroy(&actions);
  if (rest_ms > 0) wait_for_rest(watched, rest_ms);
  uint64_t cpu = ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000000u +
                 ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000u;
  printf("%d %llu %llu %llu\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
         (unsigned long long)wall, (unsigned long long)cpu, (unsigned long long)(cpu_of(watched) - watched_before));
  for (long i = 0; i < count; i++) free(argv[i]);
  free(argv);
  free(directory);
}

int main(void) {
  pid_t watched = 0;
  long rest_ms = 0;
  for (;;) {
    char *job = next_word();
    if (strcmp(job, "run") == 0) run(watched, rest_ms);
    else if (strcmp(job, "watch") == 0) watched = (pid_t)next_number();
    else if (strcmp(job, "settle") == 0) rest_ms = next_number();
    else fail(job);
    free(job);
    fflush(stdout);
  }
}
