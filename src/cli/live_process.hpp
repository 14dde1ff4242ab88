// A traced process that is asked for a snapshot again and again.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "mtrace/snapshot.hpp"
#include "mtrace/symbolize.hpp"

namespace memtrace {

// The snapshots are files of a folder of their own, which are removed once they are read. A thread
// asks, reads and looks up addresses.
class LiveProcess {
 public:
  // Takes the first one. Throws Error.
  LiveProcess(pid_t process, std::chrono::milliseconds interval);
  ~LiveProcess();
  LiveProcess(const LiveProcess&) = delete;
  LiveProcess& operator=(const LiveProcess&) = delete;

  // Readable when there is something new.
  [[nodiscard]] int descriptor() const { return news_; }
  struct News {
    std::shared_ptr<const Snapshot> snapshot;  // none: nothing new
    std::uint64_t number = 0;                  // of snapshots so far
    std::string failure{};                     // why there will be no more; empty: there will
  };
  News take();
  // Returns whether it is paused now.
  bool pause_or_go_on();

 private:
  // The folder, as this process sees it, and as the traced one does.
  class Folder {
   public:
    explicit Folder(pid_t process);
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string ours, theirs;

   private:
    int above_ = -1;  // which stays when the process, and what it sees, is gone
  };

  std::shared_ptr<const Snapshot> ask();
  void run();

  pid_t process_;
  std::chrono::milliseconds interval_;
  Folder folder_;
  Symbolizer symbolizer_;
  int news_ = -1;

  std::mutex mutex_;
  std::condition_variable changed_;
  News latest_;  // under the mutex, as the two below
  bool is_ending_ = false;
  bool is_paused_ = false;
  std::thread thread_;
};

}  // namespace memtrace
