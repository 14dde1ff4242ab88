// Which symbols libmtrace exports: only what is declared MTRACE_API.
//
// The C++ namespace is `memtrace`, not `mtrace`: glibc's <mcheck.h> declares a function `mtrace()`,
// and a program may include both.
#pragma once

#define MTRACE_API __attribute__((visibility("default")))
