// Everything at once that a tracer might stumble over, for so many seconds:
//
//     stress_program SECONDS PLUGIN
//
// Threads allocate, come and go; others fork (in a handler, too), vfork, spawn, popen, system, load
// and unload a plugin. Signals come all the time. At the end it prints how many blocks it has kept,
// and ends with 0 where every child did what it should.
#include <dlfcn.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

extern char** environ;

namespace {

std::atomic<bool> over{false};
std::atomic<long> kept{0}, failures{0}, children{0};

void expect(bool right, const char* what) {
  if (right) return;
  ++failures;
  std::fprintf(stderr, "stress: %s (errno %d)\n", what, errno);
}

// The one line whose blocks stay, 48 bytes each.
[[gnu::noinline]] void keep_one() {
  static std::atomic<void*> last{nullptr};
  void* const block = std::malloc(48);
  *static_cast<void**>(block) = last.exchange(block);
  ++kept;
}

[[gnu::noinline]] void* allocate(unsigned seed, unsigned depth) {
  if (depth == 0) return std::malloc(16 + seed % 3000);
  void* const block = allocate(seed / 3, depth - 1);
  asm volatile("");
  return block;
}

void churn(unsigned seed) {
  std::array<void*, 64> blocks{};
  for (unsigned round = 0; !over; ++round) {
    seed = seed * 1103515245 + 12345;
    void*& block = blocks[(seed >> 8) % blocks.size()];
    if ((seed >> 20) % 3 == 0) {
      block = std::realloc(block, 16 + (seed >> 4) % 9000);
    } else {
      std::free(block);
      block = allocate(seed >> 4, seed >> 28);
    }
    if (round % 512 == 0) {
      keep_one();
      usleep(1000);
    }
  }
  for (void* const block : blocks) std::free(block);
}

void come_and_go() {
  while (!over) {
    std::array<std::thread, 4> threads;
    for (std::thread& thread : threads) {
      thread = std::thread([] {
        for (unsigned count = 0; count < 50; ++count) std::free(allocate(count * 97, count % 5));
        keep_one();
      });
    }
    for (std::thread& thread : threads) thread.join();
    usleep(2000);
  }
}

int status_of(pid_t child) {
  int status = -1;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  ++children;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

[[noreturn]] void be_child(int kind) {
  alarm(60);
  for (unsigned count = 0; count < 50; ++count) std::free(allocate(count * 31, count % 7));
  if (kind == 0) _exit(3);
  if (kind == 1) std::_Exit(3);
  if (kind == 2) execl("/bin/sh", "sh", "-c", "exit 3", nullptr);
  // Runs no destructors of the libraries of a process whose threads are gone.
  _exit(3);
}

void fork_children() {
  for (int kind = 0; !over; ++kind) {
    const pid_t child = fork();
    if (child == 0) be_child(kind % 4);
    expect(child > 0 && status_of(child) == 3, "a child of fork()");
    usleep(3000);
  }
}

void copy_processes() {
  while (!over) {
    const pid_t child = _Fork();
    if (child == 0) {
      for (unsigned count = 0; count < 20; ++count) static_cast<void>(getppid());
      _exit(3);
    }
    expect(child > 0 && status_of(child) == 3, "a child of _Fork()");
    usleep(20'000);
  }
}

void start_programs() {
  std::array<char, 3> shell{"sh"}, option{"-c"};
  std::array<char, 7> command{"exit 3"};
  std::array<char*, 4> words{shell.data(), option.data(), command.data(), nullptr};
  for (int kind = 0; !over; ++kind) {
    if (kind % 4 == 0) {
      const pid_t child = vfork();
      if (child == 0) {
        execve("/bin/sh", words.data(), environ);
        _exit(9);
      }
      expect(child > 0 && status_of(child) == 3, "a child of vfork()");
    } else if (kind % 4 == 1) {
      pid_t child = 0;
      const int error = posix_spawn(&child, "/bin/sh", nullptr, nullptr, words.data(), environ);
      expect(error == 0 && status_of(child) == 3, "a child of posix_spawn()");
    } else if (kind % 4 == 2) {
      const int status = std::system("exit 3");  // NOLINT: what is tested
      expect(WIFEXITED(status) && WEXITSTATUS(status) == 3, "system()");
    } else {
      FILE* const stream = popen("echo right", "r");
      std::array<char, 16> line{};
      const bool read =
          stream != nullptr && std::fgets(line.data(), line.size(), stream) != nullptr;
      expect(read && line[0] == 'r' && pclose(stream) == 0, "popen()");
    }
    usleep(2000);
  }
}

void load_plugin(const char* path) {
  while (!over) {
    void* const plugin = dlopen(path, RTLD_NOW);
    expect(plugin != nullptr, "dlopen()");
    if (plugin != nullptr) {
      const auto function = reinterpret_cast<void (*)()>(dlsym(plugin, "plugin_leak"));
      if (function != nullptr) function();
      dlclose(plugin);
    }
    usleep(1000);
  }
}

// Interrupts whatever is there, the tracer's own work, too. No function of libc's heap is
// async-signal -safe; fork() is, but for its handlers.
void on_signal(int /*signal*/) {
  const int error = errno;
  static std::atomic<int> count{0};
  if (++count % 64 == 0) {
    const pid_t child = _Fork();
    if (child == 0) _exit(3);
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  errno = error;
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) return 99;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, nullptr);
  const itimerval timer{{0, 7000}, {0, 7000}};
  setitimer(ITIMER_REAL, &timer, nullptr);
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(churn, seed);
  threads.emplace_back(come_and_go);
  threads.emplace_back(fork_children);
  threads.emplace_back(copy_processes);
  threads.emplace_back(start_programs);
  threads.emplace_back(load_plugin, words[2]);
  const std::time_t end = std::time(nullptr) + std::atoi(words[1]);
  while (std::time(nullptr) < end) usleep(100'000);
  over = true;
  for (std::thread& thread : threads) thread.join();
  const itimerval none{};
  setitimer(ITIMER_REAL, &none, nullptr);
  std::printf("kept %ld\nchildren %ld\n", kept.load(), children.load());
  return failures == 0 ? 0 : 1;
}
