// Which sanitizer this is built with: of the unit tests alone, the runtime itself is built with
// none.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define MTRACE_THREAD_SANITIZER 1
#elif defined(__SANITIZE_ADDRESS__)
#define MTRACE_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MTRACE_THREAD_SANITIZER 1
#elif __has_feature(address_sanitizer)
#define MTRACE_ADDRESS_SANITIZER 1
#endif
#endif

namespace memtrace::runtime {

#ifdef MTRACE_THREAD_SANITIZER
inline constexpr bool kHasThreadSanitizer = true;
#else
inline constexpr bool kHasThreadSanitizer = false;
#endif

}  // namespace memtrace::runtime
