#include "symbolize/module_lookup.hpp"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "mtrace/error.hpp"
#include "symbolize/unit_resolver.hpp"

namespace memtrace {
namespace {

// --- which unit an address is in ---

constexpr std::uint32_t kNoUnit = UINT32_MAX;

// The narrowest unit wins where several claim an address.
struct Claim {
  std::uint32_t unit = kNoUnit;
  std::uint64_t size = UINT64_MAX;
};

class UnitIndex {
 public:
  UnitIndex(std::span<const std::uint64_t> addresses, std::span<const CodeRange> code)
      : addresses_(addresses), code_(code), claims_(addresses.size()) {}

  void add(Dwarf_Die& unit) {
    const auto number = static_cast<std::uint32_t>(units_.size());
    units_.push_back(dwarf_dieoffset(&unit));
    Dwarf_Addr base = 0, low = 0, high = 0;
    for (ptrdiff_t at = 0; (at = dwarf_ranges(&unit, at, &base, &low, &high)) > 0;) {
      claim(number, low, high);
    }
  }

  [[nodiscard]] std::vector<UnitAddresses> take() const {
    std::vector<UnitAddresses> found(units_.size());
    for (std::uint32_t i = 0; i < claims_.size(); ++i) {
      if (claims_[i].unit != kNoUnit) found[claims_[i].unit].addresses.push_back(i);
    }
    for (std::size_t unit = 0; unit < units_.size(); ++unit) found[unit].unit = units_[unit];
    std::erase_if(found, [](const UnitAddresses& unit) { return unit.addresses.empty(); });
    return found;
  }

 private:
  void claim(std::uint32_t unit, std::uint64_t low, std::uint64_t high) {
    if (low >= high || !is_code(code_, low)) return;
    auto address = std::lower_bound(addresses_.begin(), addresses_.end(), low);
    for (; address != addresses_.end() && *address < high; ++address) {
      Claim& claim = claims_[static_cast<std::size_t>(address - addresses_.begin())];
      if (high - low < claim.size) claim = {unit, high - low};
    }
  }

  std::span<const std::uint64_t> addresses_;
  std::span<const CodeRange> code_;
  std::vector<Claim> claims_;
  std::vector<Dwarf_Off> units_;
};

struct ModuleUnits {
  std::vector<UnitAddresses> units;  // in the order of their offsets
  bool has_split = false;            // some units' DIEs are elsewhere
  bool is_damaged = false;           // not all units could be looked at
};

// Looks at every unit's DIE, and at nothing below. `addresses` are sorted; those that no unit
// claims are left out. Only ranges within `code` count: linkers leave those of code that they
// dropped at address 0.
ModuleUnits addresses_by_unit(Dwarf& dwarf, std::span<const std::uint64_t> addresses,
                              std::span<const CodeRange> code) {
  ModuleUnits found;
  UnitIndex index(addresses, code);
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  std::uint8_t type = 0;
  int status = 0;
  while ((status = dwarf_get_units(&dwarf, unit, &unit, nullptr, &type, &die, nullptr)) == 0) {
    if (type == DW_UT_skeleton) found.has_split = true;
    if (type == DW_UT_compile || type == DW_UT_skeleton || type == DW_UT_partial) index.add(die);
  }
  found.is_damaged = status < 0;
  found.units = index.take();
  return found;
}

// A view of the debug information remembers every unit that it was asked about (libdw keeps them
// until the end), so it serves a limited number of them.
constexpr std::size_t kUnitsInPart = 16;
constexpr const char* kDamaged = "its debug information is damaged";

}  // namespace

// --- one module ---

void ModuleLookup::warn(const std::string& message) {
  const std::scoped_lock lock(warning_mutex_);
  if (request_.warning.empty()) request_.warning = request_.path + ": " + message;
}

std::vector<ModuleLookup::Part> ModuleLookup::open() {
  try {
    files_ = find_module_files(request_.path, request_.build_id, options_, servers_);
    if (!files_.problem.empty()) warn(files_.problem);
    if (files_.debug_information().has_debug_information()) index_units();
  } catch (const Error& error) {
    warn(error.what());
  }
  std::vector<Part> parts;
  for (std::size_t first = 0; first < units_.size(); first += kUnitsInPart) {
    parts.push_back({first, std::min(first + kUnitsInPart, units_.size())});
  }
  return parts;
}

void ModuleLookup::index_units() {
  ElfFile& file = files_.debug_information();
  if (!file.hide_unused_debug_information()) warn(kDamaged);
  find_shared();
  info_ = std::make_unique<DebugInfo>(file, shared_.get());
  const DwarfView view = info_->view();
  code_ = files_.main ? files_.main->code() : file.code();
  ModuleUnits found = addresses_by_unit(*view.dwarf, request_.addresses, code_);
  units_ = std::move(found.units);
  if (found.is_damaged) warn(kDamaged);
  if (found.has_split) find_package();
}

// A package stands beside the file whose debug information it completes, and has its whole name.
void ModuleLookup::find_package() {
  for (const ElfFile* const file : {files_.main.get(), files_.debug.get()}) {
    const std::string path = file == nullptr ? "" : file->path() + ".dwp";
    if (package_ || file == nullptr || access(path.c_str(), F_OK) != 0) continue;
    try {
      package_ = std::make_unique<DwarfPackage>(path);
    } catch (const Error& error) {
      warn(fmt::format("{} cannot be read: {}", path, error.what()));
    }
  }
}

void ModuleLookup::find_shared() {
  const ElfFile& file = files_.debug_information();
  if (file.section(".gnu_debugaltlink") == nullptr) return;
  const DwarfView view = DebugInfo(file, nullptr).view();
  const char* name = nullptr;
  const void* id = nullptr;
  const ssize_t size = dwelf_dwarf_gnu_debugaltlink(view.dwarf.get(), &name, &id);
  if (size <= 0) return;
  const std::string build_id(static_cast<const char*>(id), static_cast<std::size_t>(size));
  std::string problem;
  shared_ = find_shared_debug_file(file, name, build_id, options_, servers_, problem);
  if (!problem.empty()) warn(problem);
  if (shared_ && !shared_->hide_unused_debug_information()) warn(kDamaged);
  if (!shared_) warn(fmt::format("its debug information needs {}, which is not there", name));
}

void ModuleLookup::resolve(Part part) {
  resolve_units(std::span(units_).subspan(part.first, part.last - part.first), Search::quick);
}

void ModuleLookup::resolve_units(std::span<const UnitAddresses> units, Search search) {
  try {
    DwarfView view = info_->view();
    FunctionNames names(names_);
    for (const UnitAddresses& unit : units) resolve_one(view, unit, search, names);
  } catch (const Error& error) {
    warn(error.what());
  }
}

void ModuleLookup::resolve_one(DwarfView& view, const UnitAddresses& unit, Search search,
                               FunctionNames& names) {
  std::vector<std::uint64_t> addresses;
  addresses.reserve(unit.addresses.size());
  for (const std::uint32_t i : unit.addresses) addresses.push_back(request_.addresses[i]);
  std::vector<FrameChain> chains(addresses.size());
  const UnitSource source = {*info_, view, package_.get(), code_, search};
  const UnitProblem problem = resolve_unit(source, unit.unit, addresses, chains, names, names_);
  for (std::size_t i = 0; i < chains.size(); ++i) {
    if (!chains[i].empty()) request_.chains[unit.addresses[i]] = std::move(chains[i]);
  }
  if (problem.is_damaged) warn(kDamaged);
  if (!problem.missing.empty()) {
    warn(fmt::format("a part of its debug information is not there: {}", problem.missing));
  }
}

bool ModuleLookup::lacks_name(std::size_t i) const {
  const FrameChain& chain = request_.chains[i];
  return chain.empty() || chain.back().function == kNone<StringId>;
}

// What is in a function by its symbol, but in none by its unit.
void ModuleLookup::search_again(const FunctionSymbols& symbols) {
  std::vector<UnitAddresses> again;
  for (const UnitAddresses& unit : units_) {
    UnitAddresses left{.unit = unit.unit, .addresses = {}};
    std::copy_if(unit.addresses.begin(), unit.addresses.end(), std::back_inserter(left.addresses),
                 [&](std::uint32_t i) {
                   return lacks_name(i) &&
                          (symbols.empty() || symbols.find(request_.addresses[i]) != nullptr);
                 });
    if (!left.addresses.empty()) again.push_back(std::move(left));
  }
  if (!again.empty()) resolve_units(again, Search::thorough);
}

void ModuleLookup::finish() {
  if (!files_.main && !files_.debug) return;
  std::size_t i = 0;
  while (i < request_.chains.size() && !lacks_name(i)) ++i;
  if (i == request_.chains.size()) return;
  FunctionSymbols symbols;
  // A separate file has the whole table; what it was taken from may have only what it exports.
  const bool separate = files_.debug && files_.debug->section(".symtab") != nullptr;
  symbols.add(separate || !files_.main ? *files_.debug : *files_.main);
  symbols.finish((files_.main ? *files_.main : *files_.debug).code());
  search_again(symbols);
  for (; i < request_.chains.size(); ++i) {
    if (!lacks_name(i)) continue;
    const char* const symbol = symbols.find(request_.addresses[i]);
    if (symbol == nullptr) continue;
    FrameChain& chain = request_.chains[i];
    if (chain.empty()) chain.emplace_back();
    chain.back().function = names_.function(symbol);
  }
}

std::uint64_t ModuleLookup::addresses_in(Part part) const {
  std::uint64_t count = 0;
  for (std::size_t i = part.first; i < part.last; ++i) count += units_[i].addresses.size();
  return count;
}

// --- all of them, on all cores ---

namespace {

constexpr auto kProgressEvery = std::chrono::milliseconds(50);

struct OpenModule {
  OpenModule(ModuleRequest& request, const SymbolizeOptions& options, DebugServers& servers,
             Names& names)
      : lookup(request, options, servers, names), addresses(request.addresses.size()) {}

  ModuleLookup lookup;
  std::uint64_t addresses;     // not counted as done yet
  std::size_t parts_left = 0;  // not resolved yet
};

struct Task {
  std::shared_ptr<OpenModule> module;
  ModuleLookup::Part part;
};

class LookupThreads {
 public:
  LookupThreads(std::span<ModuleRequest> requests, const SymbolizeOptions& options,
                DebugServers& servers, Names& names)
      : requests_(requests), options_(options), servers_(servers), names_(names) {
    for (const ModuleRequest& request : requests) total_ += request.addresses.size();
  }

  void run() {
    const unsigned wanted = options_.threads != 0
                                ? options_.threads
                                : std::max(1U, std::thread::hardware_concurrency());
    if (wanted == 1 && !options_.progress) {
      // On the calling thread, as a program that looks at itself wants it.
      work();
      if (failure_) std::rethrow_exception(failure_);
      return;
    }
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < wanted; ++i) threads.emplace_back([this] { work(); });
    report_until_done(wanted);
    threads.clear();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  using Lock = std::unique_lock<std::mutex>;

  void report_until_done(unsigned threads) {
    Lock lock(mutex_);
    while (!changed_for_caller_.wait_for(lock, kProgressEvery,
                                         [&] { return threads_done_ == threads; })) {
      if (!options_.progress) continue;
      const std::uint64_t done = done_;
      lock.unlock();
      options_.progress(done, total_);
      lock.lock();
    }
  }

  void work() {
    Lock lock(mutex_);
    try {
      while (step(lock)) {
      }
    } catch (...) {
      if (!lock.owns_lock()) lock.lock();
      if (!failure_) failure_ = std::current_exception();
    }
    ++threads_done_;
    changed_.notify_all();
    changed_for_caller_.notify_all();
  }

  // Does one thing with the lock let go; false when there is nothing left to do.
  bool step(Lock& lock) {
    changed_.wait(lock, [&] {
      return failure_ || !tasks_.empty() || next_ < requests_.size() || opening_ == 0;
    });
    if (failure_) return false;
    if (!tasks_.empty()) {
      const Task task = std::move(tasks_.front());
      tasks_.pop_front();
      resolve(task, lock);
      return true;
    }
    if (next_ == requests_.size()) return false;
    open(requests_[next_++], lock);
    return true;
  }

  void open(ModuleRequest& request, Lock& lock) {
    ++opening_;
    lock.unlock();
    const auto module = std::make_shared<OpenModule>(request, options_, servers_, names_);
    const std::vector<ModuleLookup::Part> parts = module->lookup.open();
    if (parts.empty()) module->lookup.finish();
    lock.lock();
    module->parts_left = parts.size();
    for (const auto part : parts) tasks_.push_back({module, part});
    if (parts.empty()) done_ += module->addresses;
    --opening_;
    changed_.notify_all();
  }

  void resolve(const Task& task, Lock& lock) {
    lock.unlock();
    task.module->lookup.resolve(task.part);
    const std::uint64_t resolved = task.module->lookup.addresses_in(task.part);
    lock.lock();
    done_ += resolved;
    task.module->addresses -= resolved;
    if (--task.module->parts_left > 0) return;
    lock.unlock();
    task.module->lookup.finish();
    lock.lock();
    done_ += task.module->addresses;
  }

  std::span<ModuleRequest> requests_;
  const SymbolizeOptions& options_;
  DebugServers& servers_;
  Names& names_;

  std::mutex mutex_;  // for all that follows
  std::condition_variable changed_, changed_for_caller_;
  std::deque<Task> tasks_;
  std::size_t next_ = 0;  // the next request to open
  std::size_t opening_ = 0;
  std::uint64_t done_ = 0, total_ = 0;
  unsigned threads_done_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

void look_up(std::span<ModuleRequest> requests, const SymbolizeOptions& options,
             DebugServers& servers, Names& names) {
  LookupThreads(requests, options, servers, names).run();
}

}  // namespace memtrace
