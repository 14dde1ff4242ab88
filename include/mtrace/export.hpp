// Marks the symbols that libmtrace exports (MTRACE_API), and hides the differences between C++17
// and later versions, in all of which the headers compile.
//
// The C++ namespace is `memtrace`, because glibc's <mcheck.h> declares a function `mtrace()` and a
// program may include both.
#pragma once

#define MTRACE_API __attribute__((visibility("default")))

// C++17 cannot compare member by member: types are comparable from C++20 on.
#if defined(__cpp_impl_three_way_comparison)
#define MTRACE_COMPARABLE(Type) friend bool operator==(const Type&, const Type&) = default
#else
#define MTRACE_COMPARABLE(Type) static_assert(true, #Type)
#endif
