/* hg-nsrun: runs programs, one after the other, in a root that holds exactly what a plan names, in namespaces of its own,
 * and copies what each wrote out again. Plans come on descriptor 3; answers go to descriptor 4, so that a sandbox that
 * cannot be made is never taken for a compile that failed.
 *
 * Processes: the outer one makes the namespaces, waits, and is the one to be ended: with SIGTERM, after which nothing of it
 * is left when it has gone; everybody dies with his parent, too (PR_SET_PDEATHSIG), and the kernel ends all of a pid
 * namespace with its first process. The first process inside changes the root into what each plan names, reaps, and
 * copies the outputs. Each of its children becomes a program: no capabilities, no descriptors but 0, 1 and 2, and
 * for a worker that is root a user id that nobody else has, so that limits on processes count it alone.
 *
 * Where a program has a user of its own and a filter of its calls (nsrun-program.h) it cannot leave anything behind, and
 * the next plan finds the root as the last one named it. Elsewhere the first program is the last.
 *
 * A plan is its length (u32, little-endian) and records of a tag byte and three strings; a string is its length (u32),
 * its bytes and a NUL. The first plan says where:
 *   P pid        the parent, who may have died before we could ask to die with him
 *   T dir opts   empty directory to mount the root on, options of its tmpfs
 *   U dir        where outputs are copied to, as files named by their number
 * All others say what is run, and in what:
 *   D path       directory
 *   W path       directory that the program may write into
 *   F path src v file, read-only; the same source with another version is another file
 *   L path to    symbolic link
 *   O path max   output, at most that many bytes
 *   R num val    resource limit
 *   S max        bytes of standard output, and of standard error
 *   E text       environment entry
 *   A word       argument; the first is the path of the program. None: the root is made and nothing run.
 *   C path       directory to start in
 *
 * An answer is its length (u32) and lines: "broken ERRNO WHAT PATH", after which no plan is taken any more; "limit
 * stdout|stderr", the program was ended; or "ended exit|signal NUMBER CPU_US WALL_US", for each output "output
 * present|absent|irregular|large|failed SIZE", "last" where no plan is taken any more, "done OUT ERR", and then so many
 * bytes of standard output and of standard error. */
#define _GNU_SOURCE
#include <linux/openat2.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

#include "nsrun-program.h"

static int out_dir = -1;
static pid_t first_process;

/* What the program says on one descriptor. */
typedef struct {
  int from;
  const char *name;
  char *bytes;
  size_t size, room;
} stream;

static const char *copy_output(int root, const char *path, uint64_t limit, unsigned number, uint64_t *size) {
  char name[16];
  struct stat st;
  /* The program may have put links anywhere, but they lead nowhere out of its root, nor through /proc to descriptors. */
  struct open_how how = {.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                         .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  int from = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
  if (from < 0) return errno == ENOENT || errno == ENOTDIR ? "absent" : "irregular";
  if (fstat(from, &st) != 0 || !S_ISREG(st.st_mode)) return close(from), "irregular";
  *size = (uint64_t)st.st_size;
  if (*size > limit) return close(from), "large";
  snprintf(name, sizeof name, "%u", number);
  int to = openat(out_dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  uint64_t left = *size;
  while (to >= 0 && left > 0) {
    ssize_t n = sendfile(to, from, NULL, left < (1u << 30) ? left : 1u << 30);
    if (n <= 0) break;
    left -= (uint64_t)n;
  }
  close(from);
  int closed = to < 0 ? -1 : close(to);
  return closed != 0 || left > 0 ? "failed" : "present";
}

/* Relative names are the program's own, `..` after its links included. */
static size_t copy_outputs(char *text, size_t room) {
  const char *cwd = one('C');
  size_t used = 0;
  unsigned number = 0;
  int root = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  EACH('O') {
    char path[2 * PATH_MAX];
    uint64_t size = 0;
    int is_absolute = records[i].a[0] == '/';
    snprintf(path, sizeof path, "%s/%s", is_absolute || !cwd ? "" : cwd, records[i].a);
    const char *state = copy_output(root, path, strtoull(records[i].b, NULL, 10), number++, &size);
    used += (size_t)snprintf(text + used, room - used, "output %s %llu\n", state, (unsigned long long)size);
    errno = E2BIG;
    if (used >= room) broken("outputs", "");
  }
  close(root);
  return used;
}

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t used_us(void) {
  struct rusage u;
  getrusage(RUSAGE_CHILDREN, &u);
  return (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

/* Takes what is there. 0 at the end, -1 if it is more than the limit. */
static int take(stream *s, size_t limit) {
  if (s->room - s->size < 1 << 14 && !(s->bytes = realloc(s->bytes, s->room = 2 * s->room + (1 << 15))))
    broken("memory", "");
  ssize_t n = read(s->from, s->bytes + s->size, s->room - s->size);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return 1;
  if (n <= 0) return 0;
  s->size += (size_t)n;
  return s->size > limit ? -1 : 1;
}

static void end_all(void) {
  kill(-1, SIGKILL);
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) continue;
}

/* Waits for the program and takes what it says. Gives the stream that said too much, if one did. */
static const stream *attend(pid_t child, int changes, stream *streams, size_t limit, int *status) {
  int open_streams[2] = {1, 1};
  for (int is_over = 0; !is_over;) {
    struct pollfd ready[3] = {{changes, POLLIN, 0}, {-1, POLLIN, 0}, {-1, POLLIN, 0}};
    for (int i = 0; i < 2; i++)
      if (open_streams[i]) ready[1 + i].fd = streams[i].from;
    if (poll(ready, 3, -1) < 0 && errno != EINTR) broken("poll", "");
    for (int i = 0; i < 2; i++) {
      int taken = ready[1 + i].revents ? take(&streams[i], limit) : 1;
      if (taken < 0) return end_all(), &streams[i];
      if (taken == 0) open_streams[i] = 0;
    }
    if (!ready[0].revents) continue;
    struct signalfd_siginfo what;
    if (read(changes, &what, sizeof what) < 0 && errno != EAGAIN) broken("signal", "");
    for (pid_t gone; (gone = waitpid(-1, &what.ssi_status, WNOHANG)) > 0;)
      if (gone == child) is_over = 1, *status = what.ssi_status;
  }
  /* What it left running must not write into outputs that are being copied. */
  end_all();
  for (int i = 0; i < 2; i++)
    for (int taken = open_streams[i]; taken;)
      if ((taken = take(&streams[i], limit)) < 0) return &streams[i];
  return NULL;
}

static pid_t start_program(stream *streams) {
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) broken("pipe", "");
  *complaint = 0;
  pid_t child = fork();
  if (child < 0) broken("fork", "");
  if (child == 0) become_program(out[1], err[1]);
  close(out[1]), close(err[1]);
  streams[0] = (stream){.from = out[0], .name = "stdout"};
  streams[1] = (stream){.from = err[0], .name = "stderr"};
  return child;
}

/* Runs the program of the plan and answers. */
static void run_program(int changes, int is_last) {
  char text[4096];
  stream streams[2];
  int status = 0;
  int64_t began = now_us(), used = used_us();
  const char *limit = one('S');
  pid_t child = start_program(streams);
  const stream *too_much = attend(child, changes, streams, limit ? strtoull(limit, NULL, 10) : 0, &status);
  int64_t wall = now_us() - began;
  if (*complaint) answer(complaint, "", 0, "", 0), _exit(125);
  if (too_much) {
    snprintf(text, sizeof text, "limit %s\n%s", too_much->name, is_last ? "last\n" : "");
    answer(text, "", 0, "", 0);
  } else {
    int killed = WIFSIGNALED(status), number = killed ? WTERMSIG(status) : WEXITSTATUS(status);
    size_t size = (size_t)snprintf(text, sizeof text, "ended %s %d %lld %lld\n", killed ? "signal" : "exit", number,
                                   (long long)(used_us() - used), (long long)wall);
    size += copy_outputs(text + size, sizeof text - size - 64);
    snprintf(text + size, sizeof text - size, "%sdone %zu %zu\n", is_last ? "last\n" : "", streams[0].size, streams[1].size);
    answer(text, streams[0].bytes, streams[0].size, streams[1].bytes, streams[1].size);
  }
  for (int i = 0; i < 2; i++) close(streams[i].from), free(streams[i].bytes);
}

/* The first process of the pid namespace. `outer` is a pipe that only the outer process holds open. */
static _Noreturn void be_first(int outer) {
  struct pollfd gone = {outer, 0, 0};
  sigset_t children;
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (poll(&gone, 1, 0) != 0) _exit(125); /* died before we could ask to die with him */
  int adjust = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (adjust >= 0 && write(adjust, "1000", 4) < 0) errno = 0; /* short memory ends compiles before anything else */
  if (adjust >= 0) close(adjust);
  /* Same user or not: the program gets nowhere through /proc/1. */
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  int changes = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  complaint = mmap(NULL, COMPLAINT_LIMIT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (changes < 0 || complaint == MAP_FAILED) broken("memory", "");
  const char *at = one('T'), *options = "";
  EACH('T') options = records[i].b;
  errno = EINVAL;
  if (!at) broken("root", "");
  lay_root(at, options);
  int is_last = !can_confine();
  while (read_plan()) {
    lay_tree();
    run_program(changes, is_last);
    if (is_last) break;
    clean();
  }
  _exit(0);
}

static void end_first(int number) {
  (void)number;
  kill(first_process, SIGKILL);
}

int main(void) {
  int pipe_ends[2], status = 0;
  sigset_t end, before;
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  umask(022);
  if (fcntl(PLANS, F_SETFD, FD_CLOEXEC) != 0 || fcntl(ANSWERS, F_SETFD, FD_CLOEXEC) != 0) return 125;
  if (!read_plan()) return 0;
  const char *parent = one('P'), *out = one('U');
  errno = ESRCH;
  if (parent && getppid() != (pid_t)atoi(parent)) broken("parent", parent);
  if (out && (out_dir = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) broken("open", out);
  make_namespaces();
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) broken("pipe", "");
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigprocmask(SIG_BLOCK, &end, &before);
  first_process = fork();
  if (first_process < 0) broken("fork", "");
  if (first_process == 0) {
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(pipe_ends[1]);
    be_first(pipe_ends[0]);
  }
  struct sigaction ending = {.sa_handler = end_first};
  sigaction(SIGTERM, &ending, NULL);
  sigprocmask(SIG_SETMASK, &before, NULL);
  close(PLANS), close(ANSWERS);
  while (waitpid(first_process, &status, 0) < 0)
    if (errno != EINTR) return 125;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
