/* The process that becomes the program: locked into the root, without rights, and kept from the calls that could change
 * what the next program finds. */
#ifndef HG_NSRUN_PROGRAM_H
#define HG_NSRUN_PROGRAM_H

#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "nsrun-root.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0
#endif

#define NEW_NAMESPACES (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP)
#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
#define END(code) BPF_STMT(BPF_RET | BPF_K, (code))
#define FAIL(error) END(SECCOMP_RET_ERRNO | (error))
#define DENY(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), FAIL(EPERM)

/* Calls that no compiler makes, and that would outlive it or reach through a mount: keys, shared memory, namespaces. */
static struct sock_filter filter[] = {
    FIELD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0), FAIL(ENOSYS),
    FIELD(nr),
#ifdef __x86_64__
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000 /* x32 */, 0, 1), FAIL(ENOSYS),
#endif
    /* Its flags are in memory, where no filter sees them; libc goes on with clone. */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1), FAIL(ENOSYS),
    DENY(SYS_unshare), DENY(SYS_setns), DENY(SYS_mount), DENY(SYS_umount2), DENY(SYS_pivot_root), DENY(SYS_chroot),
    DENY(428 /* open_tree */), DENY(429 /* move_mount */), DENY(430 /* fsopen */), DENY(442 /* mount_setattr */),
    DENY(SYS_ptrace), DENY(SYS_process_vm_readv), DENY(SYS_process_vm_writev), DENY(SYS_bpf), DENY(SYS_userfaultfd),
    DENY(SYS_perf_event_open), DENY(425 /* io_uring_setup */), DENY(SYS_open_by_handle_at),
    DENY(SYS_add_key), DENY(SYS_request_key), DENY(SYS_keyctl),
    DENY(SYS_shmget), DENY(SYS_semget), DENY(SYS_msgget), DENY(SYS_mq_open),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
    FIELD(args[0]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NEW_NAMESPACES, 0, 1), FAIL(EPERM),
    END(SECCOMP_RET_ALLOW),
};

/* Whether a program can be kept from leaving anything to the next one: a user of its own, and a filter of its calls. */
static int can_confine(void) {
  uint32_t action = SECCOMP_RET_ERRNO;
  return own_uid && ARCHITECTURE && syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static void confine(void) {
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  /* Without the flag kernels before 5.16 turn a mitigation on that costs a compiler some percent. */
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) != 0)
    broken("seccomp", "");
}

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

static void limit_resources(void) {
  EACH('R') {
    struct rlimit limit;
    rlim_t wanted = strtoull(records[i].b, NULL, 10);
    if (getrlimit(atoi(records[i].a), &limit) != 0) broken("getrlimit", records[i].a);
    /* What is stricter already stays: only root could raise it. */
    if (wanted < limit.rlim_max) limit.rlim_max = wanted;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(atoi(records[i].a), &limit) != 0) broken("setrlimit", records[i].a);
  }
}

static char **words(char tag) {
  char **list = calloc(count + 1, sizeof *list);
  size_t n = 0;
  if (!list) broken("memory", "");
  EACH(tag) list[n++] = (char *)records[i].a;
  return list;
}

/* Its output goes to the two pipes. */
static _Noreturn void become_program(int out, int err) {
  const char *cwd = one('C');
  char **argv = words('A'), **env = words('E');
  is_program = 1;
  int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) broken("open", "/dev/null");
  if (syscall(SYS_close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */) != 0) broken("close_range", "");
  setsid();
  limit_resources();
  reset_signals();
  if (chroot(".") != 0) broken("chroot", "");
  drop_rights();
  /* Not before: a change of rights takes the wish back. */
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (chdir(cwd ? cwd : "/") != 0) broken("chdir", cwd ? cwd : "/");
  if (can_confine()) confine();
  if (!argv[0]) _exit(0);
  execve(argv[0], argv, env);
  broken("exec", argv[0]);
}

#endif
