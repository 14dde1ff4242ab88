#include "cli/live_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <utility>

#include "cli/snapshot_request.hpp"
#include "mtrace/error.hpp"
#include "mtrace/read.hpp"

namespace memtrace {
namespace {

constexpr std::string_view kAbove = "/tmp", kPattern = "mtrace-view-XXXXXX";
constexpr std::string_view kName = "/snapshot.zst";
// Of a process that is busy or stopped.
constexpr std::chrono::milliseconds kPatience(10'000);

}  // namespace

// A process in a container has other folders of the same names.
LiveProcess::Folder::Folder(pid_t process) {
  const std::string root = fmt::format("/proc/{}/root", process);
  for (const std::string& seen_from : {root, std::string()}) {
    ours = fmt::format("{}{}/{}", seen_from, kAbove, kPattern);
    if (mkdtemp(ours.data()) == nullptr) continue;
    theirs = ours.substr(seen_from.size());
    above_ = open((seen_from + std::string(kAbove)).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat owner {};
    if (geteuid() == 0 && stat(fmt::format("/proc/{}", process).c_str(), &owner) == 0) {
      static_cast<void>(!chown(ours.c_str(), owner.st_uid, owner.st_gid));
    }
    return;
  }
  throw Error(std::strerror(errno)).in(std::string(kAbove));
}

LiveProcess::Folder::~Folder() {
  const std::string name = ours.substr(ours.rfind('/') + 1);
  unlinkat(above_, (name + std::string(kName)).c_str(), 0);
  unlinkat(above_, name.c_str(), AT_REMOVEDIR);
  close(above_);
}

LiveProcess::LiveProcess(pid_t process, std::chrono::milliseconds interval)
    : process_(process), interval_(interval), folder_(process) {
  latest_ = {ask(), 1};
  news_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (news_ < 0) throw Error(std::strerror(errno));
  // Signals are for the thread that has the terminal.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LiveProcess::~LiveProcess() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
  close(news_);
}

std::shared_ptr<const Snapshot> LiveProcess::ask() {
  const std::string name(kName);
  request_snapshot(process_, kPatience, "\nfile=" + folder_.theirs + name);
  const std::string path = folder_.ours + name;
  Snapshot snapshot = read_snapshot(path);
  unlink(path.c_str());
  symbolizer_.symbolize(snapshot);
  return std::make_shared<const Snapshot>(std::move(snapshot));
}

void LiveProcess::run() {
  std::unique_lock lock(mutex_);
  while (latest_.failure.empty()) {
    changed_.wait_for(lock, interval_, [this] { return is_ending_; });
    changed_.wait(lock, [this] { return is_ending_ || !is_paused_; });
    if (is_ending_) return;
    lock.unlock();
    std::shared_ptr<const Snapshot> snapshot;
    std::string failure;
    try {
      snapshot = ask();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    lock.lock();
    if (snapshot) ++latest_.number;
    latest_.snapshot = std::move(snapshot);
    latest_.failure = std::move(failure);
    const std::uint64_t one = 1;
    static_cast<void>(!write(news_, &one, sizeof(one)));
  }
}

LiveProcess::News LiveProcess::take() {
  std::uint64_t times = 0;
  static_cast<void>(!read(news_, &times, sizeof(times)));
  const std::lock_guard lock(mutex_);
  News news = latest_;
  latest_.snapshot = nullptr;
  return news;
}

bool LiveProcess::pause_or_go_on() {
  const std::lock_guard lock(mutex_);
  is_paused_ = !is_paused_;
  changed_.notify_all();
  return is_paused_;
}

}  // namespace memtrace
