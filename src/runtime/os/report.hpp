// What the tracer tells `mtrace run`, which waits outside: one line at a time.
#pragma once

#include <string_view>

namespace memtrace::runtime {

// Kinds of lines. Each line is "KIND PID NUMBER PATH\n"; the number is an error's, or 0.
enum class ReportKind : char {
  started = 's',       // tracing has begun; PATH is the program
  passed_on = 'o',     // this program is none of those to be traced; PATH is the program
  temporary = 't',     // a file of this name may exist until the next line of this process
  written = 'w',       // a snapshot has its name
  failed = 'f',        // a snapshot could not be written
  other_malloc = 'm',  // PATH, "" for the program, defines malloc and stands before the hooks
  interpreter = 'i',   // whose lines are not traced; PATH says why, and what to do
  given_up = 'g',      // tracing has ended, or did not begin, for want of memory; PATH says why
};

// `descriptor_path` names a file that lines are appended to ("/proc/PID/fd/N" of `mtrace run`);
// empty: nobody listens. The text is copied.
void report_to(std::string_view descriptor_path);

// For a thread that has descriptors of its own: it reaches the listener also when the program has
// lost the way, by giving up privileges or /proc.
void keep_report_open();

// Where the listener cannot be reached, nothing happens.
void report(ReportKind kind, std::string_view path, int error = 0);

// A line on standard error, for what nobody else could say: while the process starts, before the
// program has made anything else of that descriptor.
void say(std::string_view what);

}  // namespace memtrace::runtime
