// memory_program WHAT [NUMBER]...: memory that no line explains. Does a round for each line that it
// reads, says so, and ends with its input.
//
//   fragments THREADS BLOCKS   each round, threads allocate blocks of 40 to 400 bytes, keep every
//                              50th and free the others, and those that they kept before
//   pool WINDOWS CHUNKS LOST   chunks of 64 KiB are kept and used again: some more in each round,
//                              until there are CHUNKS; LOST of them are forgotten in each round
//   sieve BLOCKS               one thread, once: keeps every 50th of so many blocks
//   child                      forks a child that allocates and ends at once
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kChunk = std::size_t{64} << 10;

using Blocks = std::vector<void*>;

void* touched(std::size_t size) {
  void* const block = std::malloc(size);
  if (block != nullptr) std::memset(block, 1, size);
  return block;
}

void keep_some(Blocks& kept, std::size_t count, unsigned seed) {
  for (void* block : kept) std::free(block);
  kept.clear();
  Blocks blocks;
  blocks.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    seed = seed * 1103515245 + 12345;
    blocks.push_back(touched(40 + (seed >> 16) % 361));
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 50 == 0) {
      kept.push_back(blocks[i]);
    } else {
      std::free(blocks[i]);
    }
  }
}

std::function<void(unsigned)> fragments(std::size_t threads, std::size_t count) {
  return [count, kept = std::vector<Blocks>(threads)](unsigned round) mutable {
    std::vector<std::thread> running;
    for (unsigned number = 0; number < kept.size(); ++number) {
      running.emplace_back([&, number] { keep_some(kept[number], count, 77 * number + round); });
    }
    for (std::thread& thread : running) thread.join();
  };
}

std::function<void(unsigned)> pool(std::size_t windows, std::size_t chunks, std::size_t lost) {
  return [=, all = Blocks(), given = std::size_t{0}](unsigned round) mutable {
    // Half of what is missing each time, as a cache fills.
    const std::size_t wanted = round < windows ? chunks - (chunks >> (round + 1)) : chunks;
    for (; given < wanted; ++given) all.push_back(touched(kChunk));
    for (std::size_t i = 0; i < lost; ++i) all.push_back(touched(kChunk));
  };
}

std::function<void(unsigned)> sieve(std::size_t count) {
  return [=, kept = Blocks()](unsigned round) mutable {
    if (round == 0) keep_some(kept, count, 1);
  };
}

void make_child(unsigned /*round*/) {
  const pid_t child = fork();
  if (child == 0) {
    touched(5000);
    std::exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
}

}  // namespace

int main(int count, char** words) {
  const std::string what = count > 1 ? words[1] : "";
  const auto number = [&](int index) {
    return static_cast<std::size_t>(index < count ? std::atoi(words[index]) : 0);
  };
  std::function<void(unsigned)> work = make_child;
  if (what == "fragments") work = fragments(number(2), number(3));
  if (what == "pool") work = pool(number(2), number(3), number(4));
  if (what == "sieve") work = sieve(number(2));
  char line[64];
  for (unsigned round = 0; std::fgets(line, sizeof(line), stdin) != nullptr; ++round) {
    work(round);
    std::puts("done");
    std::fflush(stdout);
  }
}
