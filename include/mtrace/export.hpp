// Which symbols libmtrace exports: only what is declared MTRACE_API. And what differs between the
// versions of C++ that the headers compile in, C++17 and later.
//
// The C++ namespace is `memtrace`, not `mtrace`: glibc's <mcheck.h> declares a function `mtrace()`,
// and a program may include both.
#pragma once

#define MTRACE_API __attribute__((visibility("default")))

// Comparing member by member is beyond C++17; a program in C++17 does without it.
#if defined(__cpp_impl_three_way_comparison)
#define MTRACE_COMPARABLE(Type) friend bool operator==(const Type&, const Type&) = default
#else
#define MTRACE_COMPARABLE(Type) static_assert(true, #Type)
#endif
