// Asking debuginfod servers.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "symbolize/elf_file.hpp"

namespace memtrace {

// The servers in the environment variable DEBUGINFOD_URLS; where it is not set, nobody is asked and
// nothing is loaded. For many threads; one question at a time. A server that does not answer is not
// asked again: a hundred libraries must not take a hundred times as long.
class DebugServers {
 public:
  DebugServers();
  ~DebugServers();
  DebugServers(const DebugServers&) = delete;
  DebugServers& operator=(const DebugServers&) = delete;

  // nullptr where there is none. `problem` is set where something went wrong, but once only for
  // servers that do not answer.
  std::unique_ptr<ElfFile> debug_information(const std::string& build_id, std::string& problem);
  // The program or library itself.
  std::unique_ptr<ElfFile> module(const std::string& build_id, std::string& problem);

 private:
  struct Library;

  std::unique_ptr<ElfFile> ask(bool is_for_module, const std::string& build_id,
                               std::string& problem);
  bool begin(std::string& problem);
  // Called about once a second while it asks; not 0 ends that.
  static int check_progress(void* client, long received, long expected);
  void listen(long received, long expected);

  std::mutex mutex_;  // for all that follows
  std::unique_ptr<Library> library_;
  void* client_ = nullptr;
  bool is_given_up_ = false;
  // Of the question that is being asked:
  std::chrono::steady_clock::time_point last_heard_;
  long checks_ = 0, received_ = 0;
  bool is_silent_ = false;
};

}  // namespace memtrace
