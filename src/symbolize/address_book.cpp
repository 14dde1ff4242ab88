#include "symbolize/address_book.hpp"

#include <algorithm>
#include <iterator>

#include "symbolize/lookup_threads.hpp"

namespace memtrace {
namespace {

// Where to look: a return address may be behind the end of its line or even of its function.
std::uint64_t address_of(const Frame& frame) {
  return frame.kind == FrameKind::return_address && frame.offset > 0 ? frame.offset - 1
                                                                     : frame.offset;
}

// The kernel's own code has no file.
bool has_file(std::string_view module) {
  return !module.empty() && !module.starts_with('[') && module != "linux-vdso.so.1";
}

}  // namespace

std::size_t AddressBook::place_of(const Tracebacks& tables, const Module& module) {
  const std::string path(tables.strings[module.name]);
  const auto [found, is_new] = places_.try_emplace({path, module.build_id}, known_.size());
  if (is_new) {
    known_.push_back(
        {.path = path, .build_id = module.build_id, .addresses = {}, .chains = {}, .warning = {}});
  }
  return found->second;
}

void AddressBook::ask(const Tracebacks& tables) {
  asked_.clear();
  asked_of_ = IdVector<ModuleId, std::size_t>(tables.modules.size(), kNowhere);
  for (const Frame& frame : tables.frames) {
    if (!frame.is_address() || frame.module == kNone<ModuleId>) continue;
    const Module& module = tables.modules[frame.module];
    if (!has_file(tables.strings[module.name])) continue;
    std::size_t& index = asked_of_[frame.module];
    if (index == kNowhere) {
      index = asked_.size();
      asked_.push_back({.place = place_of(tables, module), .addresses = {}});
    }
    asked_[index].addresses.push_back(address_of(frame));
  }
  for (Asked& asked : asked_) {
    std::sort(asked.addresses.begin(), asked.addresses.end());
    const auto last = std::unique(asked.addresses.begin(), asked.addresses.end());
    asked.addresses.erase(last, asked.addresses.end());
  }
}

// One request for each of asked_; without addresses where all is known.
std::vector<ModuleRequest> AddressBook::unknown() const {
  std::vector<ModuleRequest> requests;
  requests.reserve(asked_.size());
  for (const Asked& asked : asked_) {
    const ModuleRequest& known = known_[asked.place];
    ModuleRequest& request = requests.emplace_back();
    request.path = known.path;
    request.build_id = known.build_id;
    std::set_difference(asked.addresses.begin(), asked.addresses.end(), known.addresses.begin(),
                        known.addresses.end(), std::back_inserter(request.addresses));
    request.chains.resize(request.addresses.size());
  }
  return requests;
}

void AddressBook::learn(ModuleRequest&& answered, ModuleRequest& known) const {
  if (known.addresses.empty()) {
    known = std::move(answered);
    return;
  }
  ModuleRequest merged{.path = known.path,
                       .build_id = known.build_id,
                       .addresses = {},
                       .chains = {},
                       .warning = known.warning.empty() ? answered.warning : known.warning};
  std::size_t a = 0, b = 0;
  while (a < known.addresses.size() || b < answered.addresses.size()) {
    const bool is_new = a == known.addresses.size() || (b < answered.addresses.size() &&
                                                        answered.addresses[b] < known.addresses[a]);
    ModuleRequest& from = is_new ? answered : known;
    std::size_t& at = is_new ? b : a;
    merged.addresses.push_back(from.addresses[at]);
    merged.chains.push_back(std::move(from.chains[at++]));
  }
  known = std::move(merged);
}

std::vector<std::string> AddressBook::look_up(const Tracebacks& tables,
                                              const SymbolizeOptions& options) {
  ask(tables);
  std::vector<ModuleRequest> requests = unknown();
  const auto nothing_new = [](const ModuleRequest& request) { return request.addresses.empty(); };
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!nothing_new(requests[i])) places.push_back(asked_[i].place);
  }
  std::erase_if(requests, nothing_new);
  memtrace::look_up(requests, options, servers_, names_);
  std::vector<std::string> warnings;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    ModuleRequest& known = known_[places[i]];
    const bool warns = known.warning.empty() && !requests[i].warning.empty();
    if (warns) warnings.push_back(requests[i].warning);
    learn(std::move(requests[i]), known);
  }
  return warnings;
}

const FrameChain& AddressBook::find(std::size_t place, std::uint64_t address) const {
  const ModuleRequest& known = known_[place];
  const auto found = std::lower_bound(known.addresses.begin(), known.addresses.end(), address);
  return known.chains[static_cast<std::size_t>(found - known.addresses.begin())];
}

const FrameChain* AddressBook::find(const Frame& frame) const {
  if (!frame.is_address() || frame.module == kNone<ModuleId>) return nullptr;
  const std::size_t index = asked_of_[frame.module];
  return index == kNowhere ? nullptr : &find(asked_[index].place, address_of(frame));
}

}  // namespace memtrace
