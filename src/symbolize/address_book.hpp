// What is known of the addresses of modules, over several snapshots.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "model/traceback_builder.hpp"
#include "mtrace/symbolize.hpp"
#include "symbolize/debug_servers.hpp"
#include "symbolize/module_lookup.hpp"

namespace memtrace {

class AddressBook {
 public:
  // The distinct addresses of one module in one snapshot.
  struct Asked {
    std::size_t place = 0;  // of the module in this book
    std::vector<std::uint64_t> addresses;
  };

  // Looks up what is not known yet of the addresses in `tables`, for which find() works from then
  // on. Returns new warnings.
  std::vector<std::string> look_up(const Tracebacks& tables, const SymbolizeOptions& options);

  // For the tables of the last look_up(). nullptr for a frame that has no address in a file.
  [[nodiscard]] const FrameChain* find(const Frame& frame) const;
  // Each of those addresses once.
  [[nodiscard]] const std::vector<Asked>& asked() const { return asked_; }
  [[nodiscard]] const FrameChain& find(std::size_t place, std::uint64_t address) const;

  // The text of an id in a chain.
  [[nodiscard]] std::string_view text(StringId id) const { return texts_.tables().strings[id]; }
  [[nodiscard]] std::size_t texts() const { return texts_.tables().strings.size(); }

 private:
  static constexpr std::size_t kNowhere = SIZE_MAX;

  void ask(const Tracebacks& tables);
  std::size_t place_of(const Tracebacks& tables, const Module& module);
  [[nodiscard]] std::vector<ModuleRequest> unknown() const;
  void learn(ModuleRequest&& answered, ModuleRequest& known) const;

  DebugServers servers_;
  TracebackBuilder texts_;
  Names names_{[this](std::string_view text) { return texts_.string(text); }};
  std::map<std::pair<std::string, std::string>, std::size_t> places_;  // by path and build id
  std::vector<ModuleRequest> known_;
  std::vector<Asked> asked_;
  IdVector<ModuleId, std::size_t> asked_of_;  // module of the last tables -> index into asked_
};

}  // namespace memtrace
