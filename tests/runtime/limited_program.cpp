// What a process does that may not have much memory. Its output says how far it came:
//
//   limited_program fill BLOCK MOST     keeps blocks of BLOCK bytes until MOST MiB are there or no
//   more are given limited_program space               the address space that it takes, in KiB
//   limited_program lock FLAGS          mlockall(FLAGS), then a block of 1 MiB and a thread's first
//   blocks limited_program reload LIBRARY N    loads and unloads a library N times, with the same
//   stacks after each;
//                                       by how many KiB it, and what the tracer says of itself,
//                                       have grown meanwhile
//   limited_program threads N           N threads that allocate, all alive at once; how many there
//   were
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include <pthread.h>

namespace {

void* volatile kept = nullptr;

void fill(std::size_t block, std::size_t most) {
  std::size_t bytes = 0;
  while (bytes < most << 20) {
    auto** const made = static_cast<void**>(std::malloc(block));
    if (made == nullptr) break;
    *made = kept;
    kept = made;
    bytes += block;
  }
  std::printf("%zu\n", bytes >> 20);
}

// The number behind `name` in a file of /proc/self.
long said_by_kernel(const char* file, std::string_view name) {
  char line[512];
  long number = -1;
  std::FILE* const opened = std::fopen(file, "r");
  while (opened != nullptr && std::fgets(line, sizeof line, opened) != nullptr) {
    if (std::string_view(line).starts_with(name)) number = std::atol(line + name.size());
  }
  if (opened != nullptr) std::fclose(opened);
  return number;
}

void lock(int flags) {
  std::free(std::malloc(100));
  const int error = mlockall(flags) == 0 ? 0 : errno;
  void* const block = std::malloc(std::size_t{1} << 20);
  std::thread([] { std::free(std::malloc(300)); }).join();
  std::printf("%s, a block %s\n", error == 0 ? "locked" : std::strerror(error),
              block != nullptr ? "comes" : "is refused");
  std::free(block);
}

template <int Depth>
[[gnu::noinline]] void one_stack_of_many(unsigned which) {
  if constexpr (Depth == 0) {
    std::free(std::malloc(70));
  } else if ((which & 1) != 0) {
    one_stack_of_many<Depth - 1>(which >> 1);
  } else {
    one_stack_of_many<Depth - 1>(which >> 1);
  }
  asm volatile("");
}

long tracer_memory() {
  const auto ask =
      reinterpret_cast<std::uint64_t (*)()>(dlsym(RTLD_DEFAULT, "mtrace_get_tracer_memory"));
  return ask == nullptr ? 0 : static_cast<long>(ask() >> 10);
}

void reload(const char* library, int rounds) {
  long resident = 0, tracer = 0;
  for (int round = 0; round < rounds; ++round) {
    void* const loaded = dlopen(library, RTLD_NOW);
    if (loaded == nullptr) std::exit(2);
    dlclose(loaded);
    for (unsigned which = 0; which < 1024; ++which) one_stack_of_many<10>(which);
    if (round != rounds / 4) continue;
    resident = said_by_kernel("/proc/self/status", "RssAnon:");
    tracer = tracer_memory();
  }
  std::printf("%ld %ld\n", said_by_kernel("/proc/self/status", "RssAnon:") - resident,
              tracer_memory() - tracer);
}

std::atomic<bool> may_end{false};

void* wait_for_the_end(void*) {
  std::free(std::malloc(200));
  while (!may_end) usleep(1000);
  return nullptr;
}

void make_threads(int most) {
  int made = 0;
  static pthread_t threads[1024];
  while (made < most && pthread_create(&threads[made], nullptr, wait_for_the_end, nullptr) == 0)
    ++made;
  may_end = true;
  for (int thread = 0; thread < made; ++thread) pthread_join(threads[thread], nullptr);
  std::printf("%d\n", made);
}

}  // namespace

int main(int, char** arguments) {
  const std::string_view what = arguments[1];
  if (what == "fill")
    fill(std::strtoul(arguments[2], nullptr, 0), std::strtoul(arguments[3], nullptr, 0));
  if (what == "space") std::printf("%ld\n", said_by_kernel("/proc/self/status", "VmSize:"));
  if (what == "lock") lock(std::atoi(arguments[2]));
  if (what == "reload") reload(arguments[2], std::atoi(arguments[3]));
  if (what == "threads") make_threads(std::atoi(arguments[2]));
}
