#include "symbolize/names.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

// Not <demangle.h>: it is C of its time, and declares basename() differently from <string.h>.
extern "C" {
using DemangleCallback = void (*)(const char* text, std::size_t size, void* opaque);
int cplus_demangle_v3_callback(const char* mangled, int options, DemangleCallback, void* opaque);
int rust_demangle_callback(const char* mangled, int options, DemangleCallback, void* opaque);
}

namespace memtrace {
namespace {

// Of libiberty's <demangle.h>.
constexpr int kWithParameters = 1 << 0;
constexpr int kWithQualifiers = 1 << 1;
constexpr int kWithoutReturnType = 1 << 6;

// What is longer was not made by a compiler in its right mind, and could take hours and gigabytes:
// a name may repeat its own parts, which repeat theirs.
constexpr std::size_t kLongestSymbol = 16384;
constexpr std::size_t kLongestName = std::size_t{1} << 20;

void append(const char* text, std::size_t size, void* opaque) {
  auto& name = *static_cast<std::string*>(opaque);
  if (name.size() < kLongestName) name.append(text, size);
}

// "parse.part.0" is a part of parse(): compilers split and copy functions. In a mangled name a full
// stop stands for nothing else. Where that begins; npos: nowhere.
std::size_t copy_suffix(const std::string& name, bool is_mangled) {
  static constexpr std::array<std::string_view, 8> kSuffixes = {
      ".part.", ".constprop.", ".isra.", ".cold", ".lto_priv.", ".localalias", ".llvm.", ".clone."};
  std::size_t end = is_mangled ? name.find('.') : std::string::npos;
  for (const std::string_view suffix : kSuffixes) end = std::min(end, name.find(suffix, 1));
  return end;
}

}  // namespace

std::string demangled(const char* symbol) {
  std::string name(symbol);
  // "malloc@@GLIBC_2.2.5"
  if (const std::size_t version = name.find('@', 1); version != std::string::npos) {
    name.resize(version);
  }
  if (name.size() > kLongestSymbol) return name;
  std::string readable;
  const bool is_mangled = name.starts_with("_Z") || name.starts_with("_R");
  if (is_mangled && rust_demangle_callback(name.c_str(), 0, append, &readable) != 0) {
    return readable;
  }
  const std::string original = name.substr(0, copy_suffix(name, is_mangled));
  readable.clear();
  const int options = kWithParameters | kWithQualifiers | kWithoutReturnType;
  if (!is_mangled) return original;
  const bool done = cplus_demangle_v3_callback(original.c_str(), options, append, &readable) != 0;
  return done ? readable : name;
}

namespace {

// Damaged files have names of gigabytes.
constexpr std::size_t kLongest = 16384;

}  // namespace

StringId Names::text(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  return intern_(text.substr(0, kLongest));
}

StringId Names::function(const char* symbol) {
  const std::string name(symbol, strnlen(symbol, kLongest));
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = functions_.find(std::string_view(name)); found != functions_.end())
      return found->second;
  }
  const std::string readable = demangled(name.c_str());
  const std::scoped_lock lock(mutex_);
  const StringId id = intern_(readable);
  functions_.emplace(name, id);
  return id;
}

}  // namespace memtrace
