// Where a program is, said by the program itself.
#pragma once

// Prints the place of its caller: "0xOFFSET FILE LINE CHAIN", the return address without the load
// bias, and what is true of it: CHAIN are the functions, innermost first, separated by "<".
#if defined(__cplusplus)
extern "C"
#endif
    void
    say(const char* file, int line, const char* chain);

// The line of the whole call; what follows keeps it from being a tail call.
#define SAY(chain) (say(__FILE__, __LINE__, chain), __extension__({ __asm__ volatile(""); }))

#define NOINLINE __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))
