// The tracer's own thread has the privileges that the program has, also after the program has given
// some away (libc changes those of its own threads only), and makes files with its umask.
#pragma once

namespace memtrace::runtime {

// On the service's thread: what the program's thread that asked for it has.
void take_over_credentials();
// The same for the umask, before it makes a file: it has one of its own.
void use_program_umask();

}  // namespace memtrace::runtime
