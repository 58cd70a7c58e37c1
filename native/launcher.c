/* hg-launcher: what `gcc` points to. Called as `hg-launcher gcc ARGS` or through a link named like a compiler, it asks
 * this user's agent what to do and does it: deliver a proved result, run the compiler and tell how it ended, or just
 * become the compiler. It thinks nothing: no option is understood here. Every failure, silence and oddity ends in exec
 * of the real compiler, which is why it is a tiny static C program: it starts in 0.5 ms, where Node takes 25. */
#define _GNU_SOURCE
#include "agent-link.h"
#include "deliver.h"
#include "local-slots.h"
#include "run-compiler.h"
#include "variables.h"
#include "wire.h"
#include "xxh64.h"

#define OWN_NAME "hg-launcher"

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* Other caches and distributors answer to compiler names as well; calling them from here would cache a cache. */
static int is_wrapper(const char *path) {
  static const char *wrappers[] = {"ccache", "sccache", "distcc", "icecc", "hgbuild", OWN_NAME};
  char real[PATH_MAX];
  struct stat st;
  if (lstat(path, &st) != 0 || !S_ISLNK(st.st_mode) || !realpath(path, real)) return 0;
  for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
    if (strcmp(base_name(real), wrappers[i]) == 0) return 1;
  return 0;
}

static int is_self(const struct stat *st) {
  static struct stat self;
  if (!self.st_ino && stat("/proc/self/exe", &self) != 0) return 0;
  return st->st_ino == self.st_ino && st->st_dev == self.st_dev;
}

static int is_program(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0 && !is_self(&st) && !is_wrapper(path);
}

/* The real compiler for `word`: a path as it is, a name from PATH past ourselves and other wrappers. NULL: none. */
static const char *resolve_compiler(const char *word, char *out, size_t size) {
  struct stat st;
  if (strchr(word, '/')) {
    if (stat(word, &st) != 0 || !is_self(&st)) return word;
    word = base_name(word);
  }
  const char *path = getenv("PATH");
  if (!path) path = "/usr/local/bin:/usr/bin:/bin";
  for (;;) {
    size_t length = strcspn(path, ":");
    int n = length ? snprintf(out, size, "%.*s/%s", (int)length, path, word) : snprintf(out, size, "./%s", word);
    if (n > 0 && (size_t)n < size && is_program(out)) return out;
    if (!path[length]) return NULL;
    path += length + 1;
  }
}

static int wanted_variable(const char *entry) {
  if (strncmp(entry, "HG_SESSION", 10) == 0) return 0;
  for (size_t i = 0; i < sizeof variable_prefixes / sizeof *variable_prefixes; i++)
    if (strncmp(entry, variable_prefixes[i], strlen(variable_prefixes[i])) == 0) return 1;
  for (size_t i = 0; i < sizeof variable_names / sizeof *variable_names; i++) {
    size_t length = strlen(variable_names[i]);
    if (strncmp(entry, variable_names[i], length) == 0 && entry[length] == '=') return 1;
  }
  return 0;
}

static void put_text(buffer *b, const char *text) { put_string(b, text, strlen(text)); }

static void put_compile_request(buffer *b, const char *compiler, char **argv, const char *cwd) {
  begin_frame(b, FROM_LAUNCHER_COMPILE);
  put_u8(b, WIRE_VERSION);
  put_u8(b, isatty(2) ? 1 : 0);
  const char *session = getenv("HG_SESSION");
  put_text(b, session ? session : "");
  put_text(b, compiler);
  put_text(b, cwd);
  uint32_t count = 0;
  while (argv[count + 1]) count++;
  put_u32(b, count);
  for (uint32_t i = 1; i <= count; i++) put_text(b, argv[i]);
  size_t at = b->size;
  put_u32(b, 0);
  count = 0;
  for (char **entry = environ; *entry; entry++)
    if (wanted_variable(*entry)) put_text(b, *entry), count++;
  if (!b->broken)
    for (int i = 0; i < 4; i++) b->data[at + (size_t)i] = (char)(count >> (8 * i));
}

/* The conversation about one compile. */
typedef struct {
  const agent_socket *socket_path;
  int fd;
  const char *compiler;
  char **argv;
  buffer out, in;
  uint64_t asked_ns;
  int is_last; /* there is no better answer to be had: what cannot be delivered is compiled */
} exchange;

static void print_note(reader *r) {
  uint32_t size;
  char *note = take_string(r, &size);
  if (size) write_all(2, note, size);
}

/* Delivers a hit, or tells the agent what kept us from it and returns to hear what to do instead. */
static void handle_hit(exchange *x, reader *r) {
  uint32_t note_size, stderr_size, checks, outputs;
  char *note = take_string(r, &note_size);
  checks = take_u32(r);
  begin_frame(&x->out, FROM_LAUNCHER_MISMATCH);
  size_t nothing = x->out.size;
  for (uint32_t i = 0; i < checks && !r->broken; i++)
    if (!check_holds(r)) put_u32(&x->out, i);
  if (r->broken) exec_compiler(x->compiler, x->argv);
  if (x->out.size != nothing) {
    if (x->is_last || send_frame(x->fd, &x->out) != 0) exec_compiler(x->compiler, x->argv);
    return;
  }
  /* A signal in the middle of writing would leave half an object that make takes for a whole one. */
  sigset_t all, before;
  sigfillset(&all);
  /* A file size limit or a reader that went away must come back as an error of write: then the compiler runs, and dies
   * or cleans up as it would without us. Blocked signals are kept even if ignored, so these two are not blocked. */
  sigdelset(&all, SIGXFSZ);
  sigdelset(&all, SIGPIPE);
  struct sigaction ignore = {.sa_handler = SIG_IGN}, old_xfsz, old_pipe;
  sigaction(SIGXFSZ, &ignore, &old_xfsz);
  sigaction(SIGPIPE, &ignore, &old_pipe);
  sigprocmask(SIG_SETMASK, &all, &before);
  outputs = take_u32(r);
  for (uint32_t i = 0; i < outputs && !r->broken; i++) {
    const char *blob = take_path(r), *dest = take_path(r);
    uint64_t size = take_u64(r), checksum = take_u64(r);
    unsigned how = take_u8(r);
    int result = r->broken ? OUTPUT_FAILED : deliver_blob(blob, size, checksum, dest, how);
    if (result == DELIVERED) continue;
    sigaction(SIGXFSZ, &old_xfsz, NULL);
    sigaction(SIGPIPE, &old_pipe, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    begin_frame(&x->out, FROM_LAUNCHER_BAD_BLOB);
    put_u32(&x->out, i);
    if (result == OUTPUT_FAILED || x->is_last || send_frame(x->fd, &x->out) != 0) exec_compiler(x->compiler, x->argv);
    return;
  }
  char *text = take_string(r, &stderr_size);
  sigaction(SIGXFSZ, &old_xfsz, NULL);
  sigaction(SIGPIPE, &old_pipe, NULL);
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (r->broken) exec_compiler(x->compiler, x->argv);
  if (note_size) write_all(2, note, note_size);
  if (stderr_size) write_all(2, text, stderr_size);
  begin_frame(&x->out, FROM_LAUNCHER_DONE);
  put_u64(&x->out, now_ns() - x->asked_ns);
  send_frame(x->fd, &x->out);
  _exit(0);
}

/* The compile was stopped, because it was done elsewhere. A signal that came in between was for the compiler: it would
 * have left no object, and have died of it. */
static void handle_overtaken(exchange *x, race *other, reader *captures) {
  reader r = {.at = other->in.data + 5, .end = other->in.data + other->in.size, .broken = 0};
  if (passed_on) {
    for (uint32_t left = take_u32(captures); left > 0 && !captures->broken; left--) {
      unlink_ordinary(take_path(captures));
      take_path(captures);
    }
    end_like(passed_on);
  }
  x->is_last = 1;
  handle_hit(x, &r);
}

/* Runs the compiler with the agent's additional arguments (kind 0; kind 2: only until the agent has a result from
 * elsewhere) or the agent's arguments alone (kind 1: a silent preprocessor run whose output goes to a file), captures the
 * outputs, reports. Returns only after kind 1. */
static void handle_report(exchange *x, reader *r) {
  unsigned kind = take_u8(r);
  uint32_t note_size;
  char *note = take_string(r, &note_size);
  if (note_size && kind != 2) write_all(2, note, note_size);
  const char *stdout_path = take_path(r);
  uint32_t extra = take_u32(r), own = 0;
  while (x->argv[own + 1]) own++;
  if (r->broken || extra > (uint32_t)(r->end - r->at) / 4) exec_compiler(x->compiler, x->argv);
  char **argv = calloc((size_t)extra + own + 2, sizeof *argv);
  if (!argv) exec_compiler(x->compiler, x->argv);
  uint32_t n = 1;
  memory_lists lists = {.count = 0};
  for (uint32_t i = 0; i < extra; i++) {
    argv[n] = argument_with_list(take_path(r), &lists);
    if (!argv[n++]) close_lists(&lists), exec_compiler(x->compiler, x->argv);
  }
  if (kind != 1)
    for (uint32_t i = 1; i <= own; i++) argv[n++] = x->argv[i];
  ending end = {.status = 0};
  race other = {.agent = x->fd};
  if (r->broken || run_compiler(x->compiler, argv, stdout_path, &end, kind == 2 ? &other : NULL) != 0)
    exec_compiler(x->compiler, x->argv);
  if (end.is_overtaken) close_lists(&lists), handle_overtaken(x, &other, r);
  if (note_size && kind == 2) write_all(2, note, note_size);
  begin_frame(&x->out, FROM_LAUNCHER_ENDED);
  put_u32(&x->out, (uint32_t)end.status);
  put_u64(&x->out, end.started_ns);
  put_u64(&x->out, end.stamps_from_ns);
  put_u64(&x->out, end.ended_ns);
  put_u64(&x->out, end.cpu_us);
  uint32_t captures = take_u32(r);
  if (r->broken || end.status != 0) captures = 0;
  put_u32(&x->out, captures);
  for (uint32_t i = 0; i < captures; i++) {
    const char *from = take_path(r), *to = take_path(r);
    put_u8(&x->out, r->broken ? CAPTURE_FAILED : (unsigned)capture(from, to));
  }
  put_u8(&x->out, end.stderr_overflow || end.stderr_text.broken);
  put_string(&x->out, end.stderr_text.data ? end.stderr_text.data : "", end.stderr_text.size);
  put_u32(&x->out, lists.count);
  for (uint32_t i = 0; i < lists.count; i++) put_list(&x->out, lists.fds[i]);
  close_lists(&lists);
  int sent = send_frame(x->fd, &x->out);
  if (kind != 1) end_like(end.status);
  if (sent != 0) exec_compiler(x->compiler, x->argv);
  free(end.stderr_text.data);
  free(argv);
}

static void converse(exchange *x) {
  reader r;
  /* Bounded, so that no agent can keep a compile from happening. */
  for (int round = 0; round < 6; round++) {
    if (receive_frame(x->fd, &x->in, &r, x->socket_path) != 0) return;
    switch (take_u8(&r)) {
      case TO_LAUNCHER_WAIT:
        /* The compile is under way elsewhere, or waits for its turn. The agent sees to it that this ends; should it
         * die or stop, there is silence. */
        round--;
        break;
      case TO_LAUNCHER_RUN:
        print_note(&r);
        if (take_u8(&r) && !r.broken) take_local_slot(x->socket_path);
        exec_compiler(x->compiler, x->argv);
        return;
      case TO_LAUNCHER_FAIL:
        /* Only where the user asked for it: a compile that the grid does not do is not done here either. */
        print_note(&r);
        _exit(1);
      case TO_LAUNCHER_REPORT:
        handle_report(x, &r);
        break;
      case TO_LAUNCHER_HIT:
        handle_hit(x, &r);
        break;
      default:
        return;
    }
  }
}

/* The wrapped build's summary should own up to compiles that no agent saw. */
static void note_fallback(const char *compiler) {
  const char *path = variable("HG_SESSION_FILE");
  int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW) : -1;
  if (fd >= 0) {
    if (write(fd, "fallback\n", 9) < 0) {}
    close(fd);
  }
  if (flag_set("HG_VERBOSE")) dprintf(2, "[local: agent unreachable] %s\n", base_name(compiler));
}

static int stdio_is_open(void) {
  return fcntl(0, F_GETFD) >= 0 && fcntl(1, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0;
}

/* Asks the agent; returns only when the compiler has to be run without it. */
static void try_agent(const char *compiler, char **argv) {
  static char cwd[PATH_MAX], absolute[2 * PATH_MAX];
  agent_socket socket_path;
  if (!stdio_is_open() || !getcwd(cwd, sizeof cwd) || cwd[0] != '/') return;
  if (!cache_home_is_ours() || agent_socket_path(&socket_path) != 0) return;
  if (compiler[0] == '/') snprintf(absolute, sizeof absolute, "%s", compiler);
  else snprintf(absolute, sizeof absolute, "%s/%s", cwd, compiler);
  exchange x = {.socket_path = &socket_path, .compiler = compiler, .argv = argv, .asked_ns = now_ns()};
  x.fd = connect_agent(&socket_path, SILENCE_MS);
  if (x.fd >= 0) {
    put_compile_request(&x.out, absolute, argv, cwd);
    if (send_frame(x.fd, &x.out) == 0) converse(&x);
    close(x.fd);
  }
  note_fallback(compiler);
  take_local_slot(&socket_path);
}

/* Services for the command line tool, so that what decides a socket's name stands in one place. */
static int own_command(const char *command, char **argv) {
  agent_socket socket_path;
  char path[PATH_MAX];
  if (strcmp(command, "--hg-version") == 0) return dprintf(1, "%s\n", HG_VERSION) < 0;
  if (strcmp(command, "--hg-resolve") == 0 && argv[1]) {
    const char *found = resolve_compiler(argv[1], path, sizeof path);
    if (!found || access(found, X_OK) != 0) return 127;
    return dprintf(1, "%s\n", found) < 0;
  }
  if (strcmp(command, "--hg-socket-path") == 0 || strcmp(command, "--hg-start-agent") == 0) {
    if (!cache_home_is_ours()) return dprintf(2, "hgbuild: no cache directory: HOME is unset or not yours; set HG_CACHE_DIR\n"), 1;
    if (agent_socket_path(&socket_path) != 0)
      return dprintf(2, "hgbuild: no private directory for the agent's socket (set HG_RUNTIME_DIR)\n"), 1;
    if (strcmp(command, "--hg-socket-path") == 0) return dprintf(1, "%s\n", socket_path.path) < 0;
    sibling_path(&socket_path, "failed", path, sizeof path);
    unlink(path);
    if (connect_agent(&socket_path, BUSY_MS) >= 0) return 0;
    return dprintf(2, "hgbuild: the agent did not start within %d ms; its log is agent.log in the cache directory\n", BUSY_MS), 1;
  }
  return dprintf(2, "usage: " OWN_NAME " COMPILER ARGS...\n"), 2;
}

int main(int argc, char **argv) {
  static char found[PATH_MAX];
  if (argc < 1) return 2;
  if (strcmp(base_name(argv[0]), OWN_NAME) == 0) {
    if (argc < 2 || strncmp(argv[1], "--hg-", 5) == 0) return own_command(argc < 2 ? "" : argv[1], argv + 1);
    argv++;
  }
  const char *compiler = resolve_compiler(argv[0], found, sizeof found);
  if (!compiler) {
    dprintf(2, "hgbuild: %s: not found\n", base_name(argv[0]));
    return 127;
  }
  if (!flag_set("HG_NESTED") && !flag_set("HG_DISABLE")) try_agent(compiler, argv);
  exec_compiler(compiler, argv);
}
