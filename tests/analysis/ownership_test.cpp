#include "analysis/ownership.hpp"

#include <doctest/doctest.h>

namespace memtrace::test {
namespace {

TEST_CASE("the package that a path tells") {
  CHECK(package_of("/usr/lib/python3/dist-packages/requests/models.py") == "requests");
  CHECK(package_of("/venv/lib/python3.12/site-packages/six.py") == "six");
  CHECK(package_of("/usr/lib/python3.11/json/decoder.py") == "json");
  CHECK(package_of("/usr/lib64/python3.11/enum.py") == "enum");
  CHECK(package_of("<frozen importlib._bootstrap>") == "importlib._bootstrap");
  CHECK(package_of("/srv/app/worker.py") == "");
  CHECK(package_of("/home/lib/pythonista/x.py") == "");
}

TEST_CASE("what is nobody's own code") {
  for (const char* const system :
       {"/usr/lib/python3.11/ast.py", "/opt/py/lib/python3.13/ast.py", "<frozen runpy>",
        "/usr/include/c++/12/bits/stl_vector.h", "/v/lib/python3.9/site-packages/a/b.py",
        "/rustc/abc/library/alloc/src/vec.rs"}) {
    CHECK_MESSAGE(is_system_filename(system), system);
  }
  for (const char* const own : {"/srv/app.py", "app.py", "<string>", "/home/u/src/lib/x.c", ""}) {
    CHECK_MESSAGE(!is_system_filename(own), own);
  }
  CHECK(is_system_module("/usr/lib/x86_64-linux-gnu/libc.so.6"));
  CHECK_FALSE(is_system_module("/srv/bin/server"));
}

TEST_CASE("the allocation machinery") {
  for (const char* const function :
       {"malloc", "operator new(unsigned long)", "std::allocator<int>::allocate(unsigned long)",
        "alloc::alloc::alloc"}) {
    CHECK_MESSAGE(is_allocation_machinery(function), function);
  }
  CHECK_FALSE(is_allocation_machinery("malloc_config"));
  CHECK_FALSE(is_allocation_machinery("main"));
}

}  // namespace
}  // namespace memtrace::test
