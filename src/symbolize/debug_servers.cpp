#include "symbolize/debug_servers.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// A server that has what it is asked for begins to send it at once.
constexpr auto kPatience = std::chrono::seconds(10);
constexpr const char* kLibrary = "libdebuginfod.so.1";

bool has_servers() {
  const char* const urls = std::getenv("DEBUGINFOD_URLS");
  return urls != nullptr && urls[std::strspn(urls, " ")] != '\0';
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw Error(fmt::format("{} has no {}", kLibrary, name));
}

// Which one the thread asks: libdebuginfod's callbacks do not say whom they are for.
thread_local DebugServers* asked_now = nullptr;

}  // namespace

// libdebuginfod brings HTTP, TLS and more along, so it is loaded only where it is needed.
struct DebugServers::Library {
  using Question = int (*)(void* client, const unsigned char* build_id, int size, char** path);

  explicit Library(void* handle) {
    find(handle, "debuginfod_begin", begin);
    find(handle, "debuginfod_end", end);
    find(handle, "debuginfod_find_debuginfo", find_debug_information);
    find(handle, "debuginfod_find_executable", find_module);
    find(handle, "debuginfod_set_progressfn", set_progress);
  }

  void* (*begin)() = nullptr;
  void (*end)(void* client) = nullptr;
  Question find_debug_information = nullptr, find_module = nullptr;
  void (*set_progress)(void* client, int (*check)(void* client, long, long)) = nullptr;
};

DebugServers::DebugServers() = default;

DebugServers::~DebugServers() {
  if (client_ != nullptr) library_->end(client_);
}

bool DebugServers::begin(std::string& problem) {
  if (client_ != nullptr) return true;
  is_given_up_ = true;
  try {
    // Stays loaded: curl does not like to be unloaded.
    void* const handle = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) throw Error(dlerror());
    library_ = std::make_unique<Library>(handle);
    client_ = library_->begin();
    if (client_ == nullptr) throw Error(fmt::format("{} does not work", kLibrary));
  } catch (const Error& error) {
    problem = fmt::format("the servers in DEBUGINFOD_URLS are not asked: {}", error.what());
    return false;
  }
  library_->set_progress(client_, check_progress);
  is_given_up_ = false;
  return true;
}

int DebugServers::check_progress(void*, long received, long expected) {
  asked_now->listen(received, expected);
  return asked_now->is_silent_ ? 1 : 0;
}

void DebugServers::listen(long received, long expected) {
  const auto now = std::chrono::steady_clock::now();
  ++checks_;
  // Before the first byte, the number received is that of the checks.
  const bool is_answer = expected > 0 || received > checks_;
  if (is_answer && received != received_) last_heard_ = now;
  received_ = received;
  is_silent_ = is_silent_ || now - last_heard_ > kPatience;
}

std::unique_ptr<ElfFile> DebugServers::ask(bool is_for_module, const std::string& build_id,
                                           std::string& problem) {
  if (build_id.empty() || !has_servers()) return nullptr;
  const std::scoped_lock lock(mutex_);
  if (is_given_up_ || !begin(problem)) return nullptr;
  asked_now = this;
  last_heard_ = std::chrono::steady_clock::now();
  checks_ = received_ = 0;
  is_silent_ = false;
  char* found = nullptr;
  const auto question = is_for_module ? library_->find_module : library_->find_debug_information;
  const int file = question(client_, reinterpret_cast<const unsigned char*>(build_id.data()),
                            static_cast<int>(build_id.size()), &found);
  const std::unique_ptr<char, void (*)(void*)> path(found, std::free);
  if (file == -ENOENT && !is_silent_) return nullptr;
  if (file < 0) {
    is_given_up_ = true;
    problem = fmt::format("debuginfod servers are not asked any more: {}",
                          is_silent_ ? fmt::format("no answer for {} seconds", kPatience.count())
                                     : std::string(std::strerror(-file)));
    return nullptr;
  }
  try {
    auto answer = std::make_unique<ElfFile>(found == nullptr ? "" : found, file);
    if (answer->build_id() == build_id) return answer;
    throw Error("it is of another build");
  } catch (const Error& error) {
    problem = fmt::format("what a debuginfod server sent is of no use: {}", error.what());
    return nullptr;
  }
}

std::unique_ptr<ElfFile> DebugServers::debug_information(const std::string& build_id,
                                                         std::string& problem) {
  return ask(false, build_id, problem);
}

std::unique_ptr<ElfFile> DebugServers::module(const std::string& build_id, std::string& problem) {
  return ask(true, build_id, problem);
}

}  // namespace memtrace
