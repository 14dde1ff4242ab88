// UTF-8 as CPython's "surrogatepass" writes it.
#pragma once

#include <string_view>

namespace memtrace {

// True for UTF-8 in which surrogates (U+D800 to U+DFFF) may stand as three bytes each, because
// Python's strings may hold them. Overlong forms and code points past U+10FFFF are not.
bool is_surrogate_utf8(std::string_view text);

}  // namespace memtrace
