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

TEST_CASE("what belongs to an interpreter") {
  for (const char* const own :
       {"/usr/bin/python3.11", "python3", "/opt/lib/libpython3.13.so.1.0",
        "/usr/bin/python3.11-dbg",
        "/usr/lib/python3.11/lib-dynload/_ctypes.cpython-311-x86_64-linux-gnu.so",
        "/lib/x86_64-linux-gnu/libffi.so.8"}) {
    CHECK_MESSAGE(is_interpreter_module(own), own);
  }
  for (const char* const other :
       {"/usr/bin/pythonista", "/srv/python/app.so", "libpython_helper.so",
        "_json.cpython-311-x86_64-linux-gnu.so", ""}) {
    CHECK_MESSAGE(!is_interpreter_module(other), other);
  }
}

TEST_CASE("the sources of containers") {
  for (const char* const source :
       {"/usr/include/c++/12/bits/stl_algo.h", "/usr/lib/llvm-14/bin/../include/c++/v1/vector",
        "/rustc/598/library/alloc/src/raw_vec/mod.rs", "/rustc/598/library/core/src/option.rs",
        "/r/hashbrown-0.15.2/src/raw.rs", "/rustc/598/library/std/src/collections/hash/map.rs"}) {
    CHECK_MESSAGE(is_container_source(source), source);
  }
  for (const char* const other :
       {"/usr/include/stdlib.h", "/rustc/598/library/std/src/thread/mod.rs", "/srv/library/a.rs",
        "/srv/c++/a.cpp", ""}) {
    CHECK_MESSAGE(!is_container_source(other), other);
  }
}

TEST_CASE("the allocation machinery") {
  for (const char* const function :
       {"malloc", "operator new(unsigned long)", "std::allocator<int>::allocate(unsigned long)",
        "alloc::alloc::alloc"}) {
    CHECK_MESSAGE(is_allocation_machinery(function), function);
  }
  for (const char* const function :
       {"__rustc::__rust_alloc", "_int_malloc", "operator new[](unsigned long, std::align_val_t)",
        "std::allocator_traits<std::allocator<int> >::allocate(std::allocator<int>&, unsigned "
        "long)",
        "std::__1::__libcpp_allocate[abi:v160006](unsigned long, unsigned long)",
        "__gnu_cxx::new_allocator<char>::allocate(unsigned long, void const*)",
        "<alloc::alloc::Global as core::alloc::Allocator>::allocate"}) {
    CHECK_MESSAGE(is_allocation_machinery(function), function);
  }
  CHECK_FALSE(is_allocation_machinery("operator new_shape(int)"));
  CHECK_FALSE(is_allocation_machinery("malloc_config"));
  CHECK_FALSE(is_allocation_machinery("main"));
}

TEST_CASE("the insides of containers") {
  for (const char* const function :
       {"std::vector<int, std::allocator<int> >::push_back(int&&)",
        "std::_Vector_base<int, std::allocator<int> >::_M_allocate(unsigned long)",
        "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_create"
        "(unsigned long&, unsigned long)",
        "std::__1::vector<int>::__push_back_slow_path", "std::__1::__tree<int>::__insert_unique",
        "std::make_unique<Shape>()", "std::__detail::_Hashtable_alloc<X>::_M_allocate_node",
        "alloc::raw_vec::RawVec<T,A>::grow_one",
        "<alloc::vec::Vec<T> as core::clone::Clone>::clone",
        "hashbrown::raw::RawTable<T,A>::reserve_rehash"}) {
    CHECK_MESSAGE(is_container_internal(function), function);
  }
  for (const char* const function :
       {"main", "vector<int>::push_back(int)", "mine::vector::push_back(int)",
        "stdx::vector::push_back(int)", "std::regex_compiler", "std::vectorize()",
        "std::getline<char>(std::istream&)", "std::__cxx11::", "std::", "<mine::Store as Clone>::x",
        "mine::f(std::vector<int>)", ""}) {
    CHECK_MESSAGE(!is_container_internal(function), function);
  }
}

TEST_CASE("functions that only pass a size on") {
  for (const char* const wrapper :
       {"xmalloc", "xstrdup", "g_malloc0", "g_strdup", "av_mallocz", "PyMem_Malloc",
        "PyObject_Realloc", "CRYPTO_zalloc", "sqlite3DbMallocRaw", "apr_palloc", "palloc0",
        "MemoryContextAlloc", "ruby_xmalloc2", "_objalloc_alloc", "xmallocz", "zmalloc",
        "ggc_internal_alloc(unsigned long, void (*)(void*), unsigned long, unsigned long)",
        "operator new", "operator new(unsigned long)"}) {
    CHECK_MESSAGE(is_allocation_machinery(wrapper), wrapper);
  }
  for (const char* const other :
       {"", "xmalloc_report", "Pool::xmalloc(int)", "main", "g_object_new",
        "(anonymous namespace)::malloc(int)", "PyList_New", "sqlite3_prepare_v2"}) {
    CHECK_MESSAGE(!is_allocation_machinery(other), other);
  }
}

TEST_CASE("shared objects that are allocators") {
  CHECK(is_allocator_module("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"));
  CHECK(is_allocator_module("/usr/lib/libtcmalloc_minimal.so.4"));
  CHECK(is_allocator_module("/usr/libexec/valgrind/vgpreload_dhat-amd64-linux.so"));
  CHECK_FALSE(is_allocator_module("/usr/lib/libc.so.6"));
  CHECK_FALSE(is_allocator_module("/opt/libjemalloc.so.2/app"));
  CHECK_FALSE(is_allocator_module(""));
}

}  // namespace
}  // namespace memtrace::test
