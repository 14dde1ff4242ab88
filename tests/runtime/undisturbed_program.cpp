// What POSIX and Linux allow a program to do and a tracer might be in the way of: one scenario,
// named by the first argument. Untraced each prints the same as traced and ends with the same
// status.
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kDone = 5;
constexpr long kMicrosecondsPerSecond = 1'000'000;

double seconds_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void allocate_a_little() {
  for (std::size_t size = 0; size < 100; ++size) std::free(std::malloc(size * 20));
}

// A new stack for nearly every path.
[[gnu::noinline]] void allocate_at(unsigned path, int depth) {
  if (depth == 0) {
    std::free(std::malloc(2000));
    std::free(std::malloc(20));
  } else if ((path & 1) != 0) {
    allocate_at(path >> 1, depth - 1);
    asm volatile("");
  } else {
    allocate_at(path >> 1, depth - 1);
    asm volatile("nop");
  }
}

void allocate_for(double seconds, int depth) {
  unsigned path = 1;
  for (const double end = seconds_now() + seconds; seconds_now() < end;) {
    for (int round = 0; round < 100; ++round) {
      allocate_at(path = path * 1103515245 + 12345, depth);
    }
  }
}

void handle(int signal, void (*handler)(int), int flags = 0) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signal, &action, nullptr);
}

void set_timer(long microseconds, long interval = 0) {
  const itimerval timer{{interval / kMicrosecondsPerSecond, interval % kMicrosecondsPerSecond},
                        {0, microseconds}};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

void do_nothing(int /*signal*/) {}

// --- what a process has ---

void print_state(const char* when) {
  const int lowest = open("/dev/null", O_RDONLY);
  close(lowest);
  const mode_t mask = umask(0);
  umask(mask);
  std::string folder(4096, '\0');
  std::printf("%s: descriptor %d, umask %03o, folder %d, threads of its own %zu\n", when, lowest,
              mask, getcwd(folder.data(), folder.size()) != nullptr ? 1 : 0, sizeof(pthread_t));
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (sigaction(signal, nullptr, &action) != 0) continue;
    const bool is_default = action.sa_handler == SIG_DFL;
    if (!is_default || action.sa_flags != 0 || sigismember(&blocked, signal) != 0) {
      std::printf("  signal %d: default %d, flags %x, blocked %d\n", signal, is_default ? 1 : 0,
                  static_cast<unsigned>(action.sa_flags), sigismember(&blocked, signal));
    }
  }
  stack_t stack{};
  sigaltstack(nullptr, &stack);
  std::printf("  alternate stack: flags %d\n", stack.ss_flags);
  for (const int kind : {RLIMIT_AS, RLIMIT_NOFILE, RLIMIT_STACK, RLIMIT_FSIZE}) {
    rlimit limit{};
    getrlimit(static_cast<__rlimit_resource>(kind), &limit);
    std::printf("  limit %d: %llu\n", kind, static_cast<unsigned long long>(limit.rlim_cur));
  }
}

int state() {
  print_state("at the start");
  allocate_a_little();
  usleep(300'000);
  std::thread([] { allocate_a_little(); }).join();
  print_state("later");
  return kDone;
}

// By whatever tells of them: each prints what it found other than one thread.
void expect_one_thread(const char* where, long count) {
  if (count != 1) std::printf("%s: %ld threads\n", where, count);
}

long number_behind(const std::string& text, const std::string& key) {
  const std::size_t at = text.find(key);
  return at == std::string::npos ? -1 : std::strtol(text.c_str() + at + key.size(), nullptr, 10);
}

std::string text_of(const std::string& path, int (*open_it)(const char*)) {
  std::string text(4096, '\0');
  const int file = open_it(path.c_str());
  const ssize_t size = read(file, text.data(), text.size());
  close(file);
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return text;
}

long streamed_threads() {
  FILE* const file = std::fopen("/proc/self/stat", "r");
  char text[1024] = "";
  const bool is_read = std::fgets(text, sizeof(text), file) != nullptr;
  std::fclose(file);
  long count = -1;
  // Behind the name, which is in brackets: the eighteenth word.
  const char* const rest = is_read ? std::strrchr(text, ')') : nullptr;
  if (rest != nullptr) {
    std::sscanf(rest, ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %ld",
                &count);
  }
  return count;
}

long listed_threads() {
  DIR* const folder = opendir("/proc/thread-self/../../task");
  long count = 0;
  while (const dirent* const entry = readdir(folder)) count += entry->d_name[0] != '.' ? 1 : 0;
  closedir(folder);
  return count;
}

int counts_its_threads() {
  const std::string own = "/proc/" + std::to_string(getpid());
  for (int round = 0; round < 50; ++round) {
    const auto plain = [](const char* path) { return open(path, O_RDONLY); };
    const auto from_folder = [](const char* path) { return openat(AT_FDCWD, path, O_RDONLY); };
    expect_one_thread("status", number_behind(text_of(own + "/status", plain), "\nThreads:"));
    expect_one_thread(
        "task's status",
        number_behind(text_of(own + "/task/" + std::to_string(getpid()) + "/status", from_folder),
                      "\nThreads:"));
    expect_one_thread("stream", streamed_threads());
    expect_one_thread("list", listed_threads());
    struct stat status {};
    stat("/proc/self/task", &status);
    expect_one_thread("links", static_cast<long>(status.st_nlink) - 2);
    const int proc = open("/proc", O_RDONLY | O_DIRECTORY);
    fstatat(proc, "self/task/", &status, 0);
    expect_one_thread("links from a folder", static_cast<long>(status.st_nlink) - 2);
    const int task = openat(proc, "self/task", O_RDONLY | O_DIRECTORY);
    fstat(task, &status);
    expect_one_thread("links of an open folder", static_cast<long>(status.st_nlink) - 2);
    close(task);
    close(proc);
    allocate_a_little();
  }
  // What is not there, or cannot be asked for, is not.
  std::printf("%d %d\n", open(nullptr, O_RDONLY), open("/proc/self/task/0/stat", O_RDONLY));
  return kDone;
}

// While it looks: for ever, until it is forbidden what that takes, or in a child.
int ends_while_it_looks() {
  const int file = open("/proc/self/stat", O_RDONLY);
  allocate_a_little();
  const pid_t child = fork();
  if (child == 0) {
    close(file);
    allocate_for(0.02, 12);
    std::_Exit(4);
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::printf("%d\n", WEXITSTATUS(status));
  allocate_for(1.5, 12);
  return kDone;
}

// --- ends ---

volatile std::sig_atomic_t returns_from_abort = 0;

int exit_in_handler() {
  handle(SIGALRM, [](int) { std::exit(kDone); });
  set_timer(20'000);
  allocate_for(20, 18);
  return 1;
}

int exit_now_in_handler() {
  handle(SIGALRM, [](int) { _exit(kDone); });
  set_timer(20'000);
  allocate_for(20, 18);
  return 1;
}

int handler_once() {
  handle(SIGUSR1, do_nothing, static_cast<int>(SA_RESETHAND));
  struct sigaction before {
  }, after{};
  sigaction(SIGUSR1, nullptr, &before);
  raise(SIGUSR1);
  sigaction(SIGUSR1, nullptr, &after);
  std::printf("flags %x, then default %d\n", static_cast<unsigned>(before.sa_flags),
              after.sa_handler == SIG_DFL ? 1 : 0);
  std::fflush(stdout);
  raise(SIGUSR1);
  return 1;
}

int abort_handled() {
  std::signal(SIGABRT, [](int) { returns_from_abort = 1; });
  std::abort();
}

int assertion_handled() {
  handle(SIGABRT, do_nothing);
  assert(returns_from_abort == 1);
  return 1;
}

int abort_raised() {
  handle(SIGABRT, [](int) { returns_from_abort = 1; });
  raise(SIGABRT);
  return returns_from_abort == 1 ? kDone : 1;
}

int real_time_signal() {
  raise(SIGRTMIN + 3);
  return 1;
}

int quick() {
  std::at_quick_exit([] { allocate_a_little(); });
  std::quick_exit(kDone);
}

int raw_exit() {
  syscall(SYS_exit_group, kDone);
  return 1;
}

int raw_thread_exit() {
  syscall(SYS_exit, kDone);
  return 1;
}

int main_thread_ends() {
  std::thread([] {
    usleep(100'000);
    allocate_a_little();
  }).detach();
  pthread_exit(nullptr);
}

int thread_exits() {
  std::thread([] { std::exit(kDone); }).detach();
  while (true) pause();
}

int executes() {
  execl("/bin/sh", "sh", "-c", "exit 5", nullptr);
  return 1;
}

int vfork_child_exits() {
  const pid_t child = vfork();
  if (child == 0) _exit(4);
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status) == 4 ? kDone : 1;
}

// --- forks ---

volatile long forks = 0;

void fork_in_handler(int /*signal*/) {
  const int error = errno;
  const pid_t child = fork();
  if (child == 0) {
    allocate_a_little();
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
  }
  if (status == 0) forks = forks + 1;
  errno = error;
  set_timer(5'000);  // only now: a slow machine must get somewhere
}

int forking_handler() {
  handle(SIGALRM, fork_in_handler);
  set_timer(5'000);
  // A busy machine takes longer for as many; one that hangs is ended from outside.
  do allocate_for(1, 18);
  while (forks <= 10);
  set_timer(0);
  return kDone;
}

std::vector<void*> kept(4096);
volatile long handled = 0;

void free_in_handler(int /*signal*/) {
  for (int round = 0; round < 100; ++round) {
    const auto place = static_cast<std::size_t>(handled * 37 + round * 101) % kept.size();
    std::free(kept[place]);
    kept[place] = std::malloc(1500 + static_cast<std::size_t>(round));
  }
  handled = handled + 1;
}

// Nothing of libc's heap is interrupted: the program itself only forks.
int freeing_handler() {
  for (void*& block : kept) block = std::malloc(2000);
  handle(SIGALRM, free_in_handler);
  set_timer(1'000, 3'000);
  for (const double end = seconds_now() + 1; seconds_now() < end || handled <= 10;) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
    }
  }
  set_timer(0);
  return kDone;
}

// Made by what calls no handlers of pthread_atfork(): they are processes of their own all the same.
int copied(pid_t (*copy)()) {
  allocate_for(0.1, 10);
  const pid_t child = copy();
  if (child == 0) {
    allocate_for(0.7, 10);
    std::exit(kDone);
  }
  allocate_for(0.5, 10);
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}
int copied_by_fork() {
  return copied(_Fork);
}
int copied_by_clone() {
  return copied(
      [] { return static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0)); });
}

// A parent that is ended by a signal while it forks: its children go on.
int ended_while_forking() {
  std::vector<char> memory(std::size_t{64} << 20, 1);
  int ends[2];
  if (pipe(ends) != 0) return 1;
  const pid_t parent = fork();
  if (parent == 0) {
    close(ends[0]);
    for (int count = 0; count < 30; ++count) {
      if (fork() == 0) {
        usleep(400'000);
        allocate_a_little();
        _exit(write(ends[1], "c", 1) == 1 ? 0 : 1);
      }
      if (count == 15) kill(getpid(), SIGTERM);
    }
    _exit(1);
  }
  close(ends[1]);
  int status = 0, survivors = 0;
  waitpid(parent, &status, 0);
  for (char byte = 0; read(ends[0], &byte, 1) == 1;) ++survivors;
  std::printf("the parent was ended by %d, %d children were not\n", WTERMSIG(status), survivors);
  return kDone;
}

// --- threads that stand still ---

sem_t stopped;
volatile std::sig_atomic_t goes_on = 0;

void stop_in_handler(int /*signal*/) {
  sigset_t mask;
  sigfillset(&mask);
  sigdelset(&mask, SIGXCPU);
  sem_post(&stopped);
  while (goes_on == 0) sigsuspend(&mask);
  sem_post(&stopped);
}

// As a garbage collector does: stops the others by a signal wherever they are, forks, lets them go
// on.
int stopped_world() {
  constexpr std::size_t kThreads = 3;
  sem_init(&stopped, 0, 0);
  handle(SIGPWR, stop_in_handler);
  handle(SIGXCPU, do_nothing);
  std::vector<pthread_t> threads(kThreads);
  for (pthread_t& thread : threads) {
    pthread_create(
        &thread, nullptr,
        [](void*) -> void* {
          allocate_for(1000, 12);
          return nullptr;
        },
        nullptr);
  }
  const auto signal_all = [&](int signal) {
    for (const pthread_t thread : threads) pthread_kill(thread, signal);
    for (std::size_t count = 0; count < kThreads; ++count) {
      while (sem_wait(&stopped) != 0) {
      }
    }
  };
  for (int collection = 0; collection < 8; ++collection) {
    goes_on = 0;
    signal_all(SIGPWR);
    const pid_t child = fork();
    if (child == 0) _exit(0);
    while (waitpid(child, nullptr, 0) < 0) {
    }
    usleep(50'000);
    goes_on = 1;
    signal_all(SIGXCPU);
    usleep(1'000);
  }
  std::puts("eight collections");
  std::fflush(stdout);
  _exit(kDone);
}

// --- what a process gives away ---

int gives_up_privileges() {
  if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) return 1;
  umask(077);
  allocate_a_little();
  return kDone;
}

int changes_root() {
  if (mkdir("jail", 0755) != 0 || chroot("jail") != 0 || chdir("/") != 0) return 1;
  return kDone;
}

int closes_everything() {
  for (int file = 0; file < 100; ++file) close(file);
  return kDone;
}

int hides_proc() {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("none", "/proc", "tmpfs", 0, nullptr) != 0) {
    return 1;
  }
  return kDone;
}

int other_user_namespace() {
  const int result = unshare(CLONE_NEWUSER);
  std::printf("unshare: %d, errno %d\n", result, result == 0 ? 0 : errno);
  allocate_a_little();
  return kDone;
}

int allows_all_but(unsigned number, unsigned action) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{4, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

template <unsigned number>
int forbids_itself() {
  if (allows_all_but(number, SECCOMP_RET_KILL_PROCESS) != 0) return 1;
  allocate_for(0.1, 12);
  return kDone;
}

int forbids_itself_while_it_looks() {
  const int file = open("/proc/self/stat", O_RDONLY);
  if (allows_all_but(SYS_clone, SECCOMP_RET_KILL_PROCESS) != 0) return 1;
  close(file);
  allocate_a_little();
  return kDone;
}

int forbids_itself_for_all_threads() {
  sock_filter filter[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  sock_fprog program{1, filter};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
    return 1;
  allocate_a_little();
  return kDone;
}

int strict() {
  std::free(std::malloc(3000));
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) return 1;
  for (unsigned path = 0; path < 50; ++path) allocate_at(path, 12);
  syscall(SYS_exit, kDone);
  return 1;
}

const std::map<std::string, int (*)()> kScenarios = {
    {"state", state},
    {"counts_its_threads", counts_its_threads},
    {"ends_while_it_looks", ends_while_it_looks},
    {"exit_in_handler", exit_in_handler},
    {"exit_now_in_handler", exit_now_in_handler},
    {"handler_once", handler_once},
    {"abort_handled", abort_handled},
    {"assertion_handled", assertion_handled},
    {"abort_raised", abort_raised},
    {"real_time_signal", real_time_signal},
    {"quick", quick},
    {"raw_exit", raw_exit},
    {"raw_thread_exit", raw_thread_exit},
    {"main_thread_ends", main_thread_ends},
    {"thread_exits", thread_exits},
    {"executes", executes},
    {"vfork_child_exits", vfork_child_exits},
    {"forking_handler", forking_handler},
    {"freeing_handler", freeing_handler},
    {"copied_by_fork", copied_by_fork},
    {"copied_by_clone", copied_by_clone},
    {"ended_while_forking", ended_while_forking},
    {"stopped_world", stopped_world},
    {"gives_up_privileges", gives_up_privileges},
    {"changes_root", changes_root},
    {"closes_everything", closes_everything},
    {"hides_proc", hides_proc},
    {"other_user_namespace", other_user_namespace},
    {"kills_for_clone", forbids_itself<SYS_clone>},
    {"kills_for_openat", forbids_itself<SYS_openat>},
    {"kills_for_membarrier", forbids_itself<SYS_membarrier>},
    {"kills_for_tgkill", forbids_itself<SYS_tgkill>},
    {"forbids_itself_while_it_looks", forbids_itself_while_it_looks},
    {"forbids_itself_for_all_threads", forbids_itself_for_all_threads},
    {"strict", strict},
};

}  // namespace

int main(int count, char** words) {
  const auto scenario = count == 2 ? kScenarios.find(words[1]) : kScenarios.end();
  if (scenario == kScenarios.end()) return 99;
  allocate_a_little();
  return scenario->second();
}
