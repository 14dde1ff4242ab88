// The shared objects that frames lie in, and by what they are known later.
#pragma once

#include <array>
#include <climits>
#include <cstdint>

#include "runtime/container/append_only.hpp"
#include "runtime/container/keyed_hash.hpp"
#include "runtime/counters/snapshot_data.hpp"
#include "runtime/unwind/loaded_module.hpp"

namespace memtrace::runtime {

// By what a module is known later: its path and its build id.

// An absolute path where the module has one; "linux-vdso.so.1" has none.
void read_module_path(const LoadedModule& module, char (&path)[PATH_MAX]);

// From the module's notes in memory. Leaves `record` as it is where there is none.
void read_build_id(const LoadedModule& module, ModuleRecord& record);

// The shared objects that frames lie in.

// Used under its owner's lock, but for modules(), whose items never change.
class ModuleTable {
 public:
  // Where the instruction at `pc` is, or, unless it is `exact`, the call before it. `generation`
  // tells loads of different libraries at the same address apart. The module is copied when it is
  // seen first: a later dlclose() harms nothing.
  CodeLocation locate(std::uintptr_t pc, bool exact, std::uint32_t generation);

  // Where it is in memory, or was when its module was last loaded.
  [[nodiscard]] std::uintptr_t address_of(const CodeLocation& location) const;

  [[nodiscard]] const AppendOnly<ModuleRecord>& modules() const { return modules_; }

 private:
  static constexpr std::uint32_t kMostModules = 1U << 20;

  // Which module lies where, in a generation.
  struct Loaded {
    std::uintptr_t begin = 0;
    std::uint32_t generation = 0;
    std::uint32_t module = kNoModule;
  };

  std::uint32_t module_of(const LoadedModule& found, std::uint32_t generation);
  std::uint32_t add(const LoadedModule& found);
  const char* copy_path(const char* path);

  AppendOnly<ModuleRecord> modules_{kMostModules};
  IdIndex modules_by_content_;
  AppendOnly<std::uintptr_t> biases_{kMostModules};  // of each module, where it was last loaded
  // What was lately asked for: each dlclose() begins a generation, and nothing of an earlier one is
  // to be kept.
  std::array<Loaded, 256> loaded_{};
  char path_[PATH_MAX] = {};  // not on the stack, which may be a coroutine's
  char* text_ = nullptr;      // room for paths
  std::size_t text_room_ = 0;
};

}  // namespace memtrace::runtime
