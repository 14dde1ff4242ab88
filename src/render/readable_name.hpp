// Names of functions as a programmer writes them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace memtrace {

// Where nothing else says how wide a name may be.
inline constexpr std::size_t kWidestName = 100;

// A name of C++ without what compilers add to it: "std::string" for what that stands for, no inline
// namespaces, no "[abi:cxx11]", no default arguments of the standard library's templates. Where
// that is wider than `width`, deeply nested arguments of templates go first, then parameters
// ("get(…)"), then arguments within arguments ("Table<Row<…>>"), then all arguments, then the
// middle. The last component stays: it is what was called. Names of other languages are only cut.
// What does not look like a name is cut at its end.
std::string readable_name(std::string_view function, std::size_t width);

}  // namespace memtrace
