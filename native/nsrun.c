/* hg-nsrun: runs one program in a root that holds exactly what a plan names, in namespaces of its own, and copies what it
 * wrote out again. The plan comes on descriptor 3; what happened goes to descriptor 4, so that a sandbox that cannot be
 * made is never taken for a compile that failed.
 *
 * Three processes. The outer one makes the namespaces, waits, and is the one to be killed: everybody dies with his parent
 * (PR_SET_PDEATHSIG), and the kernel ends all of a pid namespace with its first process. The first process inside makes
 * the root, reaps, and copies the outputs. The third becomes the program: no capabilities, no descriptors but 0, 1 and
 * 2, and for a worker that is root a user id that nobody else has, so that limits on processes count it alone.
 *
 * Plan: records of a tag byte and two strings; a string is its length (u32, little-endian), its bytes and a NUL.
 *   P pid       the parent, who may have died before we could ask to die with him
 *   T dir opts  empty directory to mount the root on, options of its tmpfs
 *   U dir       where outputs are copied to, as files named by their number
 *   D path      directory
 *   W path      directory that the program may write into
 *   F src path  file, bound read-only
 *   L to path   symbolic link
 *   O path max  output, at most that many bytes
 *   R num val   resource limit
 *   E text      environment entry
 *   A word      argument; the first is the path of the program. None: the root is made and nothing run.
 *   C path      directory to start in
 *
 * Status, one line each: "broken ERRNO WHAT PATH"; or "ended exit|signal NUMBER CPU_US WALL_US", then for each output
 * "output present|absent|irregular|large|failed SIZE", then "done". */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <time.h>

#include "nsrun-root.h"

static int out_dir = -1;

static void drop_rights(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
  for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) broken("capabilities", "bounding set");
  if (own_uid && (setgroups(0, NULL) != 0 || setresgid(own_uid, own_uid, own_uid) != 0)) broken("setgid", "");
  if (own_uid && setresuid(own_uid, own_uid, own_uid) != 0) broken("setuid", "");
  if (syscall(SYS_capset, &header, none) != 0) broken("capabilities", "set");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) broken("no_new_privs", "");
}

static void reset_signals(void) {
  struct sigaction standard = {.sa_handler = SIG_DFL};
  sigset_t nothing;
  for (int number = 1; number < _NSIG; number++) sigaction(number, &standard, NULL);
  sigemptyset(&nothing);
  sigprocmask(SIG_SETMASK, &nothing, NULL);
}

static char **words(char tag) {
  char **list = calloc(count + 1, sizeof *list);
  size_t n = 0;
  if (!list) broken("memory", "");
  EACH(tag) list[n++] = (char *)records[i].a;
  return list;
}

static _Noreturn void become_program(void) {
  const char *cwd = one('C');
  char **argv = words('A'), **env = words('E');
  int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, 0) != 0) broken("open", "/dev/null");
  if (syscall(SYS_close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */) != 0) broken("close_range", "");
  setsid();
  EACH('R') {
    struct rlimit limit;
    rlim_t wanted = strtoull(records[i].b, NULL, 10);
    if (getrlimit(atoi(records[i].a), &limit) != 0) broken("getrlimit", records[i].a);
    /* What is stricter already stays: only root could raise it. */
    if (wanted < limit.rlim_max) limit.rlim_max = wanted;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(atoi(records[i].a), &limit) != 0) broken("setrlimit", records[i].a);
  }
  reset_signals();
  drop_rights();
  /* Not before: a change of rights takes the wish back. */
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (cwd && chdir(cwd) != 0) broken("chdir", cwd);
  if (!argv[0]) _exit(0);
  execve(argv[0], argv, env);
  broken("exec", argv[0]);
}

static const char *copy_output(const char *path, uint64_t limit, unsigned number, uint64_t *size) {
  char name[16];
  struct stat st;
  /* The program may have put links anywhere, but through /proc they lead to our own descriptors: not those. */
  struct open_how how = {.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
  int from = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  if (from < 0) return errno == ENOENT || errno == ENOTDIR ? "absent" : "irregular";
  if (fstat(from, &st) != 0 || !S_ISREG(st.st_mode)) return close(from), "irregular";
  *size = (uint64_t)st.st_size;
  if (*size > limit) return close(from), "large";
  snprintf(name, sizeof name, "%u", number);
  int to = openat(out_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
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

static void copy_outputs(const char *cwd) {
  unsigned number = 0;
  /* Relative names are the program's own, `..` after its links included. */
  if (cwd && chdir(cwd) != 0) broken("chdir", cwd);
  EACH('O') {
    uint64_t size = 0;
    const char *state = copy_output(records[i].a, strtoull(records[i].b, NULL, 10), number++, &size);
    dprintf(STATUS, "output %s %llu\n", state, (unsigned long long)size);
  }
}

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t used_us(const struct rusage *u) {
  return (int64_t)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000 + u->ru_utime.tv_usec + u->ru_stime.tv_usec;
}

/* Runs the program as our child and tells how it ended; gives its exit status as a shell would. */
static int run_program(void) {
  int64_t began = now_us();
  int status = 0;
  struct rusage usage;
  pid_t child = fork();
  if (child < 0) broken("fork", "");
  if (child == 0) become_program();
  for (pid_t gone = 0; gone != child;)
    if ((gone = waitpid(-1, &status, 0)) < 0 && errno != EINTR) broken("wait", "");
  int64_t wall = now_us() - began;
  /* What it left running must not write into outputs that are being copied. */
  kill(-1, SIGKILL);
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) continue;
  getrusage(RUSAGE_CHILDREN, &usage);
  int killed = WIFSIGNALED(status), number = killed ? WTERMSIG(status) : WEXITSTATUS(status);
  dprintf(STATUS, "ended %s %d %lld %lld\n", killed ? "signal" : "exit", number, (long long)used_us(&usage),
          (long long)wall);
  return killed ? 128 + number : number;
}

/* The first process of the pid namespace. `outer` is a pipe that only the outer process holds open. */
static _Noreturn void be_first(int outer) {
  struct pollfd gone = {outer, 0, 0};
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (poll(&gone, 1, 0) != 0) _exit(125); /* died before we could ask to die with him */
  int adjust = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (adjust >= 0 && write(adjust, "1000", 4) < 0) errno = 0; /* short memory ends compiles before anything else */
  if (adjust >= 0) close(adjust);
  /* Same user or not: the program gets nowhere through /proc/1. */
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  lay_root();
  enter_root();
  int code = run_program();
  copy_outputs(one('C'));
  dprintf(STATUS, "done\n");
  _exit(code);
}

int main(void) {
  int pipe_ends[2], status = 0;
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  umask(022);
  if (fcntl(STATUS, F_SETFD, FD_CLOEXEC) != 0) return 125;
  parse_plan();
  close(PLAN);
  const char *parent = one('P'), *out = one('U');
  errno = ESRCH;
  if (parent && getppid() != (pid_t)atoi(parent)) broken("parent", parent);
  if (out && (out_dir = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) broken("open", out);
  make_namespaces();
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) broken("pipe", "");
  pid_t first = fork();
  if (first < 0) broken("fork", "");
  if (first == 0) {
    close(pipe_ends[1]);
    be_first(pipe_ends[0]);
  }
  while (waitpid(first, &status, 0) < 0)
    if (errno != EINTR) broken("wait", "");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
