#include "analysis/ownership.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace memtrace {
namespace {

constexpr std::string_view kFrozen = "<frozen ";

constexpr std::array<std::string_view, 2> kPackageFolders = {"/site-packages/", "/dist-packages/"};

// Where distributions and tool chains put what they bring.
constexpr std::array<std::string_view, 8> kSystemFolders = {
    "/usr/include/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/",
    "/usr/src/",     "/lib/",     "/lib64/",     "/rustc/"};
constexpr std::array<std::string_view, 3> kSystemFolderParts = {"/.cargo/registry/", "/.rustup/",
                                                                "/include/c++/"};

// Shared objects, by what their file's name begins with.
constexpr std::array<std::string_view, 4> kInterpreterLibraries = {"libpython3", "libffi.so",
                                                                   "_ctypes.", "_cffi_backend."};

// The containers of C++ and what is built like them, in namespace std: their code runs on behalf of
// the line that calls it.
constexpr std::array kContainers = std::to_array<std::string_view>({"vector",
                                                                    "deque",
                                                                    "list",
                                                                    "forward_list",
                                                                    "map",
                                                                    "multimap",
                                                                    "set",
                                                                    "multiset",
                                                                    "unordered_map",
                                                                    "unordered_multimap",
                                                                    "unordered_set",
                                                                    "unordered_multiset",
                                                                    "stack",
                                                                    "queue",
                                                                    "priority_queue",
                                                                    "basic_string",
                                                                    "string",
                                                                    "basic_stringbuf",
                                                                    "basic_stringstream",
                                                                    "basic_ostringstream",
                                                                    "function",
                                                                    "any",
                                                                    "valarray",
                                                                    "shared_ptr",
                                                                    "unique_ptr",
                                                                    "make_shared",
                                                                    "make_unique",
                                                                    "allocate_shared",
                                                                    "make_unique_for_overwrite",
                                                                    "make_shared_for_overwrite",
                                                                    "construct_at",
                                                                    "uninitialized_copy",
                                                                    "uninitialized_fill",
                                                                    "back_insert_iterator",
                                                                    "insert_iterator",
                                                                    "front_insert_iterator",
                                                                    "pair",
                                                                    "tuple",
                                                                    "optional",
                                                                    "variant",
                                                                    "operator+",
                                                                    "to_string"});

// Namespaces that versions and modes of the libraries put around them.
constexpr std::array kInnerNamespaces = std::to_array<std::string_view>(
    {"__cxx11::", "__1::", "__debug::", "__cxx1998::", "_V2::", "__ndk1::"});

constexpr std::array kRustContainerPrefixes = std::to_array<std::string_view>(
    {"alloc::vec::", "alloc::raw_vec::", "alloc::string::", "alloc::boxed::", "alloc::rc::",
     "alloc::sync::", "alloc::collections::", "alloc::slice::", "alloc::str::", "alloc::borrow::",
     "hashbrown::", "std::collections::hash::"});

// "/usr/include/c++/12/bits/…", "/usr/lib/llvm-14/include/c++/v1/…",
// "/rustc/0123…/library/alloc/…".
constexpr std::array kContainerSources = std::to_array<std::string_view>(
    {"/include/c++/", "/library/alloc/src/", "/library/core/src/", "/library/std/src/alloc.rs",
     "/library/std/src/collections/", "/hashbrown-"});

template <class Table>
bool begins_with_any(std::string_view text, const Table& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
}

template <class Table>
bool contains_any(std::string_view text, const Table& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  });
}

// What follows ".../lib/python3.11/" or ".../lib64/python3/", else empty.
std::string_view below_standard_library(std::string_view filename) {
  static constexpr std::string_view kPython = "/python";
  for (std::size_t at = filename.find(kPython); at != std::string_view::npos;
       at = filename.find(kPython, at + 1)) {
    const std::string_view before = filename.substr(0, at);
    if (!before.ends_with("/lib") && !before.ends_with("/lib64")) continue;
    std::string_view rest = filename.substr(at + kPython.size());
    const std::size_t version_end = rest.find('/');
    if (version_end == 0 || version_end == std::string_view::npos) continue;
    const std::string_view version = rest.substr(0, version_end);
    const bool is_version = std::all_of(version.begin(), version.end(), [](unsigned char c) {
      return std::isdigit(c) != 0 || c == '.' || c == 't';
    });
    if (is_version) return rest.substr(version_end + 1);
  }
  return {};
}

std::string_view below_package_folder(std::string_view filename) {
  for (const std::string_view folder : kPackageFolders) {
    const std::size_t at = filename.rfind(folder);
    if (at != std::string_view::npos) return filename.substr(at + folder.size());
  }
  return {};
}

// What follows "std::" and the like, else empty.
std::string_view below_standard_namespace(std::string_view function) {
  if (function.starts_with("__gnu_cxx::")) return function.substr(11);
  if (!function.starts_with("std::")) return {};
  function.remove_prefix(5);
  for (const std::string_view inner : kInnerNamespaces) {
    if (function.starts_with(inner)) function.remove_prefix(inner.size());
  }
  return function;
}

// The first component; of a file, without what follows its first dot.
std::string_view first_component(std::string_view path) {
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? path.substr(0, path.find('.')) : path.substr(0, slash);
}

}  // namespace

std::string_view package_of(std::string_view filename) {
  if (filename.starts_with(kFrozen) && filename.ends_with('>')) {
    return filename.substr(kFrozen.size(), filename.size() - kFrozen.size() - 1);
  }
  if (const auto below = below_package_folder(filename); !below.empty()) {
    return first_component(below);
  }
  return first_component(below_standard_library(filename));
}

bool is_system_filename(std::string_view filename) {
  return filename.starts_with(kFrozen) || begins_with_any(filename, kSystemFolders) ||
         contains_any(filename, kPackageFolders) || contains_any(filename, kSystemFolderParts) ||
         !below_standard_library(filename).empty();
}

bool is_system_module(std::string_view module) {
  return begins_with_any(module, kSystemFolders) || module == "[vdso]" ||
         module == "linux-vdso.so.1";
}

bool is_program_entry(std::string_view function) {
  return function == "_start";
}

bool is_interpreter_module(std::string_view module) {
  static constexpr std::string_view kPython = "python";
  std::string_view name = module.substr(module.rfind('/') + 1);
  if (begins_with_any(name, kInterpreterLibraries)) return true;
  if (!name.starts_with(kPython)) return false;
  name.remove_prefix(kPython.size());
  return name.find_first_not_of("0123456789.") == std::string_view::npos || name.ends_with("-dbg");
}

bool is_container_source(std::string_view filename) {
  return contains_any(filename, kContainerSources);
}

bool is_program_runner(std::string_view filename) {
  static constexpr std::array kRunners = std::to_array<std::string_view>(
      {"/mtrace/__main__.py", "/mtrace/running.py", "/mtrace/sessions.py", "/mtrace/own.py",
       "/pytest_mtrace.py", "/mtrace_startup.py"});
  return std::any_of(kRunners.begin(), kRunners.end(),
                     [&](std::string_view runner) { return filename.ends_with(runner); });
}

bool is_module_runner(std::string_view filename) {
  return filename == "<frozen runpy>" || below_standard_library(filename) == "runpy.py";
}

bool is_container_internal(std::string_view function) {
  const std::string_view rust = function.substr(function.starts_with('<') ? 1 : 0);
  if (begins_with_any(rust, kRustContainerPrefixes)) return true;
  const std::string_view inner = below_standard_namespace(function);
  const std::string_view name = inner.substr(0, inner.find_first_of("<(:["));
  // Names that begin like this are the library's own: nobody else may call them.
  if (name.size() > 1 && name.front() == '_') return true;
  return std::find(kContainers.begin(), kContainers.end(), name) != kContainers.end();
}

}  // namespace memtrace
