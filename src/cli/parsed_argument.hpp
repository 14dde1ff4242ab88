// Arguments that a function of ours reads, checked while the parser still knows whose they are.
#pragma once

#include <string>

#include "mtrace/error.hpp"

namespace memtrace {

// For CLI::Option::check(): what `kParse` throws at the text, or nothing.
template <auto kParse>
std::string complaint_about(const std::string& text) {
  try {
    kParse(text);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace memtrace
