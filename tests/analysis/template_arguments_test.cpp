#include "analysis/renaming.hpp"

#include <doctest/doctest.h>

namespace memtrace::test {
namespace {

struct Case {
  const char* name;
  const char* without;
};

void check(std::initializer_list<Case> cases) {
  for (const Case& each : cases) CHECK(without_template_arguments(each.name) == each.without);
}

TEST_CASE("instances of a template are called the same") {
  check({{"twice<int>(int)", "twice"},
         {"outer::twice<double>(double)", "outer::twice"},
         {"Table<int, std::vector<int> >::put(int const&) const", "Table::put"},
         {"Table<(Kind)1>::Table()", "Table::Table"},
         {"a<b<c<d>>>::e<f>()", "a::e"},
         {"void_of<void (int, A<int>)>(int)", "void_of"},
         {"f<&g<int>, (char)60>()", "f"},
         {"Array<((1)>(2))>::at()", "Array::at"},
         {"Array<((1)<(2)), (A<B>)3>::at() volatile &&", "Array::at"},
         {"sum[abi:cxx11]<int>(int)", "sum[abi:cxx11]"},
         {"f<int>(int)::Local::run(int)", "f::Local::run"},
         {"f<decltype (A<int>()->x)>(int)", "f"},
         {"Box<int>::operator std::vector<int>() const", "Box::operator std::vector"}});
}

TEST_CASE("what is no instance keeps its parameters") {
  check({{"plain", "plain"},
         {"draw(int, char const*)", "draw(int, char const*)"},
         {"Shape::draw(std::vector<int> const&) const", "Shape::draw(std::vector const&) const"},
         {"apply(std::function<void (std::map<int, int>)>)", "apply(std::function)"},
         {"signal(int, void (*)(A<int>))", "signal(int, void (*)(A))"}});
}

TEST_CASE("operators are no brackets") {
  check({{"operator<(A const&, B const&)", "operator<(A const&, B const&)"},
         {"ns::operator<<(A<int>&, int)", "ns::operator<<(A&, int)"},
         {"operator<< <char>(A<char>&)", "operator<<"},
         {"operator< <char>(A<char>&)", "operator<"},
         {"bool operator<=> <A>(A, A)", "bool operator<=>"},
         {"Pointer<int>::operator->() const", "Pointer::operator->"},
         {"Pointer<int>::operator->*(int)", "Pointer::operator->*"},
         {"A::operator>>=(int)", "A::operator>>=(int)"},
         {"A::operator>(B<int>)", "A::operator>(B)"},
         {"f<&A::operator>>()", "f<&A::operator>>()"},
         {"A::operator()<int>(int) const", "A::operator()"},
         {"A<int>::operator()(int) const", "A::operator()"},
         {"operator new(unsigned long)", "operator new(unsigned long)"},
         {"my_operator<int>(int)", "my_operator"}});
}

TEST_CASE("names of what has none") {
  check({{"(anonymous namespace)::f<int>(int)", "(anonymous namespace)::f"},
         {"(anonymous namespace)::Table<int>::put(int)", "(anonymous namespace)::Table::put"},
         {"(anonymous namespace)::f(A<int>)", "(anonymous namespace)::f(A)"},
         {"main::{lambda(std::vector<int>)#1}::operator()(std::vector<int>) const",
          "main::{lambda(std::vector)#1}::operator()(std::vector) const"},
         {"f<int>(int)::{lambda(auto:1)#2}::operator()<A>(A) const",
          "f::{lambda(auto:1)#2}::operator()"},
         {"A<int>::{unnamed type#1}::f()", "A::{unnamed type#1}::f"}});
}

TEST_CASE("Rust") {
  check({{"alloc::vec::Vec<T,A>::push", "alloc::vec::Vec::push"},
         {"<alloc::vec::Vec<u8>>::push", "<alloc::vec::Vec>::push"},
         {"<alloc::vec::Vec<T> as core::clone::Clone>::clone",
          "<alloc::vec::Vec as core::clone::Clone>::clone"},
         {"store::fill::<store::Shelf<u8>, fn(u8) -> u16>", "store::fill"},
         {"alloc::slice::<impl [T]>::to_vec", "alloc::slice::<impl [T]>::to_vec"},
         {"core::iter::<impl core::iter::Iterator for A<T>>::next",
          "core::iter::<impl core::iter::Iterator for A>::next"},
         {"core::ptr::drop_in_place<alloc::boxed::Box<dyn core::ops::Fn(u8) -> u8>>",
          "core::ptr::drop_in_place"},
         {"main::{{closure}}", "main::{{closure}}"},
         {"<A<u8>>::run::{closure#0}::<B>", "<A>::run::{closure#0}"}});
}

TEST_CASE("Python, and what is no name") {
  check({{"<module>", "<module>"},
         {"<lambda>", "<lambda>"},
         {"outer.<locals>.<listcomp>", "outer.<locals>.<listcomp>"},
         {"", ""},
         {"<", "<"},
         {"a<", "a<"},
         {"a<b", "a<b"},
         {"a<(>)", "a<(>)"},
         {"a>b<", "a>b<"},
         {"(a<b>", "(a<b>"}});
}

TEST_CASE("deep brackets end somewhere") {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "(a<";
  CHECK(without_template_arguments(deep) == deep);
  const std::string nested = std::string(100000, '{') + "a<b>" + std::string(100000, '}');
  CHECK(without_template_arguments(nested) == nested);
}

}  // namespace
}  // namespace memtrace::test
