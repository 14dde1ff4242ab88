#include "render/readable_name.hpp"

#include <doctest/doctest.h>

#include "render/escape.hpp"

namespace memtrace {
namespace {

std::string whole(std::string_view name) {
  return readable_name(name, 1000);
}

TEST_CASE("names of the standard library as they are written") {
  CHECK(whole("split(std::__cxx11::basic_string<char, std::char_traits<char>, "
              "std::allocator<char> > const&)") == "split(std::string const&)");
  CHECK(whole("std::__1::basic_string<wchar_t, std::__1::char_traits<wchar_t>, "
              "std::__1::allocator<wchar_t> >::reserve(unsigned long)") ==
        "std::wstring::reserve(unsigned long)");
  CHECK(whole("std::vector<std::basic_string_view<char, std::char_traits<char> >, "
              "std::allocator<std::basic_string_view<char, std::char_traits<char> > > >::"
              "push_back(std::basic_string_view<char, std::char_traits<char> >&&)") ==
        "std::vector<std::string_view>::push_back(std::string_view&&)");
  CHECK(whole("load(std::map<int, Row, std::less<int>, std::allocator<std::pair<int const, Row> > "
              ">&)") == "load(std::map<int, Row>&)");
  CHECK(whole("std::unordered_map<int, long, Mix, std::equal_to<int>, "
              "std::allocator<std::pair<int const, long> > >::clear()") ==
        "std::unordered_map<int, long, Mix>::clear()");
  CHECK(whole("std::unique_ptr<Page, std::default_delete<Page> >::reset(Page*)") ==
        "std::unique_ptr<Page>::reset(Page*)");
  CHECK(whole("operator<<[abi:cxx11](std::basic_ostream<char, std::char_traits<char> >&, int)") ==
        "operator<<(std::ostream&, int)");
  CHECK(whole("std::filesystem::__cxx11::path::operator/=(char)") ==
        "std::filesystem::path::operator/=(char)");
  CHECK(whole("std::basic_string<Glyph>::size()") == "std::basic_string<Glyph>::size()");
}

TEST_CASE("what else is in brackets stays") {
  for (const char* const name : {"main",
                                 "operator new(unsigned long)",
                                 "Table<int>::operator()(int) const",
                                 "a::operator<(a const&, a const&)",
                                 "bool operator< <int>(B<int> const&)",
                                 "S::operator->() const",
                                 "(anonymous namespace)::cache",
                                 "f()::{lambda(int)#1}::operator()",
                                 "run(int (*)(char), int [3])",
                                 "Buffer<(3)>(2)>::grow()",
                                 "outer.<locals>.inner",
                                 "<module>",
                                 "<listcomp>",
                                 "<alloc::vec::Vec<T> as Clone>::clone",
                                 "core::ops::function::FnOnce::call_once{{vtable.shim}}",
                                 "a < b",
                                 ">>",
                                 "f(",
                                 "x]",
                                 ""}) {
    CAPTURE(name);
    CHECK(whole(name).size() <= std::string_view(name).size());
    CHECK(whole(name).substr(0, 3) == std::string(name).substr(0, 3));
  }
  CHECK(whole("Table<int>::operator()(int) const") == "Table<int>::operator()(int) const");
  CHECK(whole("outer.<locals>.inner") == "outer.<locals>.inner");
}

TEST_CASE("a long name loses arguments within arguments first, the last component never") {
  const std::string_view name =
      "shop::Index<shop::Key<std::pair<int, long> >, shop::Row<double> >::"
      "insert(shop::Key<std::pair<int, long> > const&, shop::Row<double>&&)";
  CHECK(readable_name(name, 200) ==
        "shop::Index<shop::Key<std::pair<int, long>>, shop::Row<double>>::"
        "insert(shop::Key<std::pair<int, long>> const&, shop::Row<double>&&)");
  CHECK(readable_name(name, 128) ==
        "shop::Index<shop::Key<std::pair<…>>, shop::Row<double>>::"
        "insert(shop::Key<std::pair<int, long>> const&, shop::Row<double>&&)");
  CHECK(readable_name(name, 100) ==
        "shop::Index<shop::Key<std::pair<int, long>>, shop::Row<double>>::insert(…)");
  CHECK(readable_name(name, 60) == "shop::Index<shop::Key<…>, shop::Row<…>>::insert(…)");
  CHECK(readable_name(name, 30) == "shop::Index<…>::insert(…)");
  CHECK(readable_name(name, 18) == "shop…::insert(…)");
  CHECK(readable_name(name, 12) == "…::insert(…)");
  CHECK(readable_name(name, 6) == "…::in…");
}

TEST_CASE("no width is exceeded") {
  for (const std::string_view name : {"a::b<c<d, e>, f>::g(h<i>) const", "x.y.z",
                                      "plain_function_of_c", "<<<>>>", "((", "ü::ö<ä>()"}) {
    for (std::size_t width = 1; width < 40; ++width) {
      CAPTURE(name);
      CAPTURE(width);
      CHECK(display_width(readable_name(name, width)) <= width);
    }
  }
}

TEST_CASE("a name that nests without end is only cut") {
  std::string name;
  for (int i = 0; i < 100000; ++i) name += "a<";
  CHECK(display_width(readable_name(name, 50)) == 50);
}

}  // namespace
}  // namespace memtrace
