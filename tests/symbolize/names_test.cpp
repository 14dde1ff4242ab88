#include "symbolize/names.hpp"

#include <doctest/doctest.h>

namespace memtrace::test {
namespace {

TEST_CASE("names of C++") {
  CHECK(demangled("_Z3runi") == "run(int)");
  CHECK(demangled("_ZN12_GLOBAL__N_14helpEv") == "(anonymous namespace)::help()");
  CHECK(demangled("_ZNSt6vectorIiSaIiEE9push_backEOi") ==
        "std::vector<int, std::allocator<int> >::push_back(int&&)");
  CHECK(demangled("_Znwm") == "operator new(unsigned long)");
  // Without the return type.
  CHECK(demangled("_ZN5outer5twiceIiEET_S1_") == "outer::twice<int>(int)");
}

TEST_CASE("names of Rust, of both kinds, without hashes") {
  CHECK(demangled("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE") ==
        "core::fmt::Write::write_fmt");
  CHECK(demangled("_ZN60_$LT$alloc..string..String$u20$as$u20$core..clone..Clone$GT$5clone"
                  "17h0123456789abcdefE") ==
        "<alloc::string::String as core::clone::Clone>::clone");
  CHECK(demangled("_RNvC7mycrate3foo") == "mycrate::foo");
  CHECK(demangled("_RINvCs1234_7mycrate3fooNtCs5678_5other3BarE") == "mycrate::foo::<other::Bar>");
}

TEST_CASE("what is not mangled, versions, and copies of functions") {
  CHECK(demangled("main") == "main");
  CHECK(demangled("malloc@@GLIBC_2.2.5") == "malloc");
  CHECK(demangled("parse.part.0") == "parse");
  CHECK(demangled("parse.constprop.0.isra.0") == "parse");
  CHECK(demangled("a.out") == "a.out");
  CHECK(demangled("_Z3runi.cold") == "run(int)");
  CHECK(demangled("_ZNwhat") == "_ZNwhat");
  CHECK(demangled("") == "");
}

TEST_CASE("a name that repeats itself without end is left as it is, or cut") {
  std::string name = "_Z1fI";
  for (int i = 0; i < 200; ++i) name += "St4pairIS_S_E";
  CHECK(demangled((name + "Evv").c_str()).size() < 2U << 20);
  CHECK(demangled(("_Z" + std::string(100000, 'P')).c_str()).size() == 100002);
}

}  // namespace
}  // namespace memtrace::test
