#include "analysis/ownership.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace memtrace {
namespace {

// Names as one text, each with a space behind it: a table that reads well, and is searched fast.
constexpr std::size_t count_words(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count(text, ' '));
}

template <std::size_t kWords>
constexpr std::array<std::string_view, kWords> sorted_words(std::string_view text) {
  std::array<std::string_view, kWords> words;
  for (std::string_view& word : words) {
    word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size() + 1);
  }
  std::ranges::sort(words);
  return words;
}

constexpr std::string_view kFrozen = "<frozen ";

constexpr std::array<std::string_view, 2> kPackageFolders = {"/site-packages/", "/dist-packages/"};

// Where distributions and tool chains put what they bring.
constexpr std::array<std::string_view, 8> kSystemFolders = {
    "/usr/include/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/",
    "/usr/src/",     "/lib/",     "/lib64/",     "/rustc/"};
constexpr std::array<std::string_view, 3> kSystemFolderParts = {"/.cargo/registry/", "/.rustup/",
                                                                "/include/c++/"};

// Shared objects, by what their file's name begins with.
constexpr std::array<std::string_view, 4> kInterpreterLibraries = {"libpython3", "libffi.so",
                                                                   "_ctypes.", "_cffi_backend."};

// The containers of C++ and what is built like them, in namespace std: their code runs on behalf of
// the line that calls it.
constexpr std::string_view kContainerNames =
    "vector deque list forward_list map multimap set multiset unordered_map "
    "unordered_multimap unordered_set unordered_multiset stack queue priority_queue "
    "basic_string string basic_stringbuf basic_stringstream basic_ostringstream function "
    "any valarray shared_ptr unique_ptr make_shared make_unique allocate_shared "
    "make_unique_for_overwrite make_shared_for_overwrite construct_at uninitialized_copy "
    "uninitialized_fill back_insert_iterator insert_iterator front_insert_iterator pair "
    "tuple optional variant operator+ to_string ";
constexpr auto kContainers = sorted_words<count_words(kContainerNames)>(kContainerNames);

// Namespaces that versions and modes of the libraries put around them.
constexpr std::array kInnerNamespaces = std::to_array<std::string_view>(
    {"__cxx11::", "__1::", "__debug::", "__cxx1998::", "_V2::", "__ndk1::"});

constexpr std::array kRustContainerPrefixes = std::to_array<std::string_view>(
    {"alloc::vec::", "alloc::raw_vec::", "alloc::string::", "alloc::boxed::", "alloc::rc::",
     "alloc::sync::", "alloc::collections::", "alloc::slice::", "alloc::str::", "alloc::borrow::",
     "hashbrown::", "std::collections::hash::"});

// "/usr/include/c++/12/bits/…", "/usr/lib/llvm-14/include/c++/v1/…",
// "/rustc/0123…/library/alloc/…".
constexpr std::array kContainerSources = std::to_array<std::string_view>(
    {"/include/c++/", "/library/alloc/src/", "/library/core/src/", "/library/std/src/alloc.rs",
     "/library/std/src/collections/", "/hashbrown-"});

template <class Table>
bool begins_with_any(std::string_view text, const Table& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
}

template <class Table>
bool contains_any(std::string_view text, const Table& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  });
}

// What follows ".../lib/python3.11/" or ".../lib64/python3/", else empty.
std::string_view below_standard_library(std::string_view filename) {
  static constexpr std::string_view kPython = "/python";
  for (std::size_t at = filename.find(kPython); at != std::string_view::npos;
       at = filename.find(kPython, at + 1)) {
    const std::string_view before = filename.substr(0, at);
    if (!before.ends_with("/lib") && !before.ends_with("/lib64")) continue;
    std::string_view rest = filename.substr(at + kPython.size());
    const std::size_t version_end = rest.find('/');
    if (version_end == 0 || version_end == std::string_view::npos) continue;
    const std::string_view version = rest.substr(0, version_end);
    const bool is_version = std::all_of(version.begin(), version.end(), [](unsigned char c) {
      return std::isdigit(c) != 0 || c == '.' || c == 't';
    });
    if (is_version) return rest.substr(version_end + 1);
  }
  return {};
}

std::string_view below_package_folder(std::string_view filename) {
  for (const std::string_view folder : kPackageFolders) {
    const std::size_t at = filename.rfind(folder);
    if (at != std::string_view::npos) return filename.substr(at + folder.size());
  }
  return {};
}

// What follows "std::" and the like, else empty.
std::string_view below_standard_namespace(std::string_view function) {
  if (function.starts_with("__gnu_cxx::")) return function.substr(11);
  if (!function.starts_with("std::")) return {};
  function.remove_prefix(5);
  for (const std::string_view inner : kInnerNamespaces) {
    if (function.starts_with(inner)) function.remove_prefix(inner.size());
  }
  return function;
}

// The first component; of a file, without what follows its first dot.
std::string_view first_component(std::string_view path) {
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? path.substr(0, path.find('.')) : path.substr(0, slash);
}

// The functions that stand between the line that wants memory and the allocator: by their whole
// name, which may be followed by parameters where C++ gave it. Those of libraries
// and programs only pass a size on: they ask malloc() for it, or give up where there is no memory.
constexpr std::string_view kAllocationFunctions =
    // libc's
    "malloc calloc realloc reallocarray posix_memalign aligned_alloc memalign valloc pvalloc "
    "strdup strndup asprintf vasprintf __asprintf_chk __vasprintf_chk __libc_malloc "
    "__libc_calloc __libc_realloc __libc_memalign __libc_valloc __libc_pvalloc "
    "__libc_reallocarray __posix_memalign __strdup __strndup __asprintf __vasprintf_internal "
    "_int_malloc _int_memalign _int_realloc sysmalloc tcache_init malloc_hook_ini "
    // Rust's
    "__rust_alloc __rust_realloc __rust_alloc_zeroed __rdl_alloc __rdl_realloc "
    "__rdl_alloc_zeroed __rg_alloc __rg_realloc exchange_malloc "
    // GNU's (libiberty, gnulib), which many programs have copied, and git's, bash's, gdb's
    "xmalloc xmalloc2 xcalloc xzalloc xrealloc xreallocarray xrecalloc xnmalloc xnrealloc "
    "x2realloc x2nrealloc xcharalloc xpalloc ximalloc xizalloc xicalloc xirealloc "
    "xireallocarray ximemdup ximemdup0 imalloc icalloc irealloc ireallocarray xstrdup xstrndup "
    "xmemdup xmemdup0 xasprintf xvasprintf xmallocz xmallocz_gently xmemdupz do_xmalloc "
    "do_xmallocz xstrfmt xstrvfmt sh_xmalloc sh_xrealloc _obstack_begin "
    "_obstack_begin_1 _obstack_begin_worker _obstack_newchunk call_chunkfun bfd_malloc "
    "bfd_zmalloc bfd_malloc2 bfd_realloc bfd_realloc_or_free bfd_alloc bfd_zalloc "
    "_objalloc_alloc ggc_internal_alloc ggc_internal_cleared_alloc ggc_realloc "
    // GLib's
    "g_malloc g_malloc0 g_malloc_n g_malloc0_n g_realloc g_realloc_n g_try_malloc "
    "g_try_malloc0 g_try_malloc_n g_try_malloc0_n g_try_realloc g_try_realloc_n "
    "g_aligned_alloc g_aligned_alloc0 g_slice_alloc g_slice_alloc0 g_slice_copy g_strdup "
    "g_strndup g_memdup g_memdup2 g_strdup_printf g_strdup_vprintf g_vasprintf "
    // FFmpeg's
    "av_malloc av_mallocz av_malloc_array av_mallocz_array av_calloc av_realloc av_realloc_f "
    "av_realloc_array av_reallocp av_reallocp_array av_fast_malloc av_fast_mallocz "
    "av_fast_realloc av_fast_padded_malloc av_fast_padded_mallocz av_strdup av_strndup "
    "av_memdup fast_malloc "
    // CPython's, and NumPy's
    "PyMem_Malloc PyMem_Calloc PyMem_Realloc PyMem_RawMalloc PyMem_RawCalloc PyMem_RawRealloc "
    "PyObject_Malloc PyObject_Calloc PyObject_Realloc _PyMem_RawMalloc _PyMem_RawCalloc "
    "_PyMem_RawRealloc _PyMem_DebugMalloc _PyMem_DebugCalloc _PyMem_DebugRealloc "
    "_PyMem_DebugRawMalloc _PyMem_DebugRawCalloc _PyMem_DebugRawRealloc _PyMem_DebugRawAlloc "
    "_PyMem_Strdup _PyMem_RawStrdup _PyMem_RawWcsdup _PyObject_Malloc _PyObject_Calloc "
    "_PyObject_Realloc _PyObject_ArenaMalloc _PyObject_ArenaMmap _PyMem_ArenaAlloc "
    "_PyMem_MiMalloc _PyMem_MiCalloc _PyMem_MiRealloc _PyObject_MiMalloc _PyObject_MiCalloc "
    "_PyObject_MiRealloc pymalloc_alloc pymalloc_realloc allocate_from_new_pool PyDataMem_NEW "
    "PyDataMem_NEW_ZEROED PyDataMem_RENEW PyDataMem_UserNEW PyDataMem_UserNEW_ZEROED "
    "PyDataMem_UserRENEW npy_alloc_cache npy_alloc_cache_zero default_malloc default_calloc "
    "default_realloc "
    // OpenSSL's, and BoringSSL's
    "CRYPTO_malloc CRYPTO_zalloc CRYPTO_calloc CRYPTO_realloc CRYPTO_clear_realloc "
    "CRYPTO_malloc_array CRYPTO_realloc_array CRYPTO_aligned_alloc CRYPTO_secure_malloc "
    "CRYPTO_secure_zalloc CRYPTO_strdup CRYPTO_strndup CRYPTO_memdup OPENSSL_malloc "
    "OPENSSL_zalloc OPENSSL_calloc OPENSSL_realloc OPENSSL_strdup OPENSSL_strndup "
    "OPENSSL_memdup BUF_strdup BUF_memdup "
    // SQLite's
    "sqlite3_malloc sqlite3_malloc64 sqlite3_realloc sqlite3_realloc64 sqlite3Malloc "
    "sqlite3MallocZero sqlite3Realloc sqlite3DbMallocRaw sqlite3DbMallocRawNN "
    "sqlite3DbMallocZero sqlite3DbRealloc sqlite3DbReallocOrFree sqlite3DbStrDup "
    "sqlite3DbStrNDup sqlite3DbSpanDup sqlite3MemMalloc sqlite3MemRealloc sqlite3PageMalloc "
    "mallocWithAlarm dbMallocRawFinish dbReallocFinish "
    // APR's, nginx's, Redis'
    "apr_palloc apr_palloc_debug apr_pcalloc apr_pcalloc_debug apr_pstrdup apr_pstrndup "
    "apr_pstrmemdup apr_pmemdup apr_allocator_alloc allocator_alloc ngx_alloc ngx_calloc "
    "ngx_memalign ngx_palloc ngx_pnalloc ngx_pcalloc ngx_pmemalign ngx_palloc_small "
    "ngx_palloc_large ngx_palloc_block ngx_pstrdup zmalloc zcalloc zcalloc_num zrealloc "
    "zstrdup ztrymalloc ztrycalloc ztryrealloc zmalloc_usable zcalloc_usable zrealloc_usable "
    "ztrymalloc_usable ztrycalloc_usable ztryrealloc_usable ztrymalloc_usable_internal "
    "ztrycalloc_usable_internal ztryrealloc_usable_internal zmalloc_no_tcache "
    "zmalloc_cache_aligned "
    // PostgreSQL's, MySQL's, Berkeley DB's
    "palloc palloc0 palloc_extended palloc_aligned palloc_mul palloc0_mul repalloc repalloc0 "
    "repalloc_extended repalloc_huge pstrdup pnstrdup MemoryContextAlloc "
    "MemoryContextAllocZero MemoryContextAllocZeroAligned MemoryContextAllocExtended "
    "MemoryContextAllocHuge MemoryContextAllocAligned MemoryContextStrdup AllocSetAlloc "
    "AllocSetAllocLarge AllocSetAllocFromNewBlock AllocSetAllocChunkFromBlock AllocSetRealloc "
    "GenerationAlloc GenerationAllocLarge GenerationAllocFromNewBlock GenerationRealloc "
    "SlabAlloc SlabAllocFromNewBlock BumpAlloc BumpAllocLarge BumpAllocFromNewBlock pg_malloc "
    "pg_malloc0 pg_malloc_extended pg_malloc_internal pg_realloc pg_strdup my_malloc "
    "my_realloc my_multi_malloc my_strdup my_strndup my_memdup alloc_root strdup_root "
    "memdup_root __os_malloc __os_calloc __os_realloc __os_umalloc __os_urealloc __os_strdup "
    // other interpreters': Perl, Ruby, PHP, Lua, Tcl, Node.js
    "Perl_malloc Perl_calloc Perl_realloc Perl_safesysmalloc Perl_safesyscalloc "
    "Perl_safesysrealloc Perl_savepv Perl_savepvn ruby_xmalloc ruby_xmalloc2 ruby_xmalloc_body "
    "ruby_xmalloc2_body ruby_xcalloc ruby_xcalloc_body ruby_xrealloc ruby_xrealloc2 "
    "ruby_xrealloc_body ruby_xrealloc2_body ruby_sized_xrealloc ruby_sized_xrealloc2 "
    "ruby_mimmalloc ruby_mimcalloc ruby_strdup rb_xmalloc_mul_add rb_xcalloc_mul_add "
    "rb_xrealloc_mul_add rb_alloc_tmp_buffer rb_alloc_tmp_buffer_with_count rb_gc_impl_malloc "
    "rb_gc_impl_calloc rb_gc_impl_realloc objspace_xmalloc0 objspace_xmalloc objspace_xcalloc "
    "objspace_xrealloc _emalloc _ecalloc _erealloc _erealloc2 _estrdup _estrndup "
    "_emalloc_large _emalloc_huge _safe_emalloc _safe_malloc _safe_erealloc _safe_realloc "
    "__zend_malloc __zend_calloc __zend_realloc zend_strndup l_alloc luaM_malloc_ "
    "luaM_realloc_ luaM_saferealloc_ luaM_growaux_ Tcl_Alloc Tcl_AttemptAlloc Tcl_Realloc "
    "Tcl_AttemptRealloc TclpAlloc TclpRealloc uv__malloc uv__calloc uv__realloc uv__reallocf "
    "uv__strdup uv__strndup "
    // other libraries'
    "xmlStrdup xmlStrndup xmlMemMalloc xmlMemRealloc xmlMemoryStrdup Curl_saferealloc "
    "gcry_malloc gcry_calloc gcry_realloc gcry_strdup gcry_xmalloc gcry_xcalloc gcry_xrealloc "
    "gcry_xstrdup _gcry_malloc _gcry_calloc _gcry_realloc _gcry_private_malloc _gcry_xmalloc "
    "_gcry_xcalloc __gmp_default_allocate __gmp_default_reallocate _pcre2_memctl_malloc "
    "_pcre2_memctl_malloc_8 XtMalloc XtCalloc XtRealloc AcquireMagickMemory "
    "AcquireCriticalMemory AcquireQuantumMemory AcquireAlignedMemory ResizeMagickMemory "
    "ResizeQuantumMemory rtl_allocateMemory rtl_allocateZeroMemory rtl_reallocateMemory "
    "_talloc __talloc _talloc_zero _talloc_array _talloc_zero_array _talloc_realloc "
    "_talloc_realloc_array _talloc_memdup talloc_strdup talloc_strndup talloc_named_const "
    // jemalloc's profiler, in programs that are linked to it
    "je_prof_backtrace je_prof_tctx_create je_malloc_default prof_backtrace prof_backtrace_impl "
    "prof_alloc_prep prof_tctx_create imalloc imalloc_body imalloc_sample imalloc_no_sample "
    // names that programs give theirs
    "safe_malloc safe_calloc safe_realloc safe_strdup checked_malloc checked_calloc "
    "checked_realloc emalloc ecalloc erealloc estrdup estrndup ereallocarray mymalloc mycalloc "
    "myrealloc mystrdup mystrndup zalloc memdup greedy_realloc greedy_realloc0 malloc_multiply "
    "reallocf ";

constexpr auto kSortedFunctions =
    sorted_words<count_words(kAllocationFunctions)>(kAllocationFunctions);

constexpr std::array<std::string_view, 2> kOperators = {"operator new", "operator new[]"};

// … and by what their name begins with.
constexpr std::array kAllocationPrefixes = std::to_array<std::string_view>(
    {"operator new(", "operator new[](",
     // C++
     "std::allocator<", "std::allocator_traits<", "std::__allocate", "std::__new_allocator<",
     "std::pmr::", "__gnu_cxx::new_allocator<", "__gnu_cxx::malloc_allocator<",
     "__gnu_cxx::__alloc_traits<", "__gnu_cxx::__mt_alloc<", "__gnu_cxx::__pool_alloc<",
     "std::__1::allocator<", "std::__1::allocator_traits<", "std::__1::__allocate",
     "std::__1::__libcpp_", "std::__1::pmr::",
     // what some C++ programs put in front of malloc(): Node.js and V8, LLVM, OpenJDK, Chromium
     "node::Malloc<", "node::Calloc<", "node::Realloc<", "node::UncheckedMalloc<",
     "node::UncheckedCalloc<", "node::UncheckedRealloc<", "v8::base::Malloc(", "v8::base::Calloc(",
     "v8::base::Realloc(", "v8::internal::AllocWithRetry(", "v8::internal::Malloced::operator new(",
     "llvm::safe_malloc(", "llvm::safe_calloc(", "llvm::safe_realloc(", "llvm::allocate_buffer(",
     "llvm::MallocAllocator::", "llvm::BumpPtrAllocatorImpl<", "os::malloc(", "os::realloc(",
     "os::strdup(", "AllocateHeap(", "ReallocateHeap(", "allocator_shim::", "partition_alloc::",
     // Rust
     "alloc::alloc::", "<alloc::alloc::Global as ", "<std::alloc::System as ",
     "std::alloc::", "std::sys::alloc::", "__rustc::"});

}  // namespace

std::string_view package_of(std::string_view filename) {
  if (filename.starts_with(kFrozen) && filename.ends_with('>')) {
    return filename.substr(kFrozen.size(), filename.size() - kFrozen.size() - 1);
  }
  if (const auto below = below_package_folder(filename); !below.empty()) {
    return first_component(below);
  }
  return first_component(below_standard_library(filename));
}

bool is_system_filename(std::string_view filename) {
  return filename.starts_with(kFrozen) || begins_with_any(filename, kSystemFolders) ||
         contains_any(filename, kPackageFolders) || contains_any(filename, kSystemFolderParts) ||
         !below_standard_library(filename).empty();
}

bool is_system_module(std::string_view module) {
  return begins_with_any(module, kSystemFolders) || module == "[vdso]" ||
         module == "linux-vdso.so.1";
}

bool is_program_entry(std::string_view function) {
  return function == "_start";
}

bool is_interpreter_module(std::string_view module) {
  static constexpr std::string_view kPython = "python";
  std::string_view name = module.substr(module.rfind('/') + 1);
  if (begins_with_any(name, kInterpreterLibraries)) return true;
  if (!name.starts_with(kPython)) return false;
  name.remove_prefix(kPython.size());
  return name.find_first_not_of("0123456789.") == std::string_view::npos || name.ends_with("-dbg");
}

bool is_container_source(std::string_view filename) {
  return contains_any(filename, kContainerSources);
}

bool is_program_runner(std::string_view filename) {
  static constexpr std::array kRunners = std::to_array<std::string_view>(
      {"/mtrace/__main__.py", "/mtrace/running.py", "/mtrace/sessions.py", "/mtrace/own.py",
       "/pytest_mtrace.py", "/mtrace_startup.py"});
  return std::any_of(kRunners.begin(), kRunners.end(),
                     [&](std::string_view runner) { return filename.ends_with(runner); });
}

bool is_module_runner(std::string_view filename) {
  return filename == "<frozen runpy>" || below_standard_library(filename) == "runpy.py";
}

bool is_container_internal(std::string_view function) {
  const std::string_view rust = function.substr(function.starts_with('<') ? 1 : 0);
  if (begins_with_any(rust, kRustContainerPrefixes)) return true;
  const std::string_view inner = below_standard_namespace(function);
  const std::string_view name = inner.substr(0, inner.find_first_of("<(:["));
  // Names that begin like this are the library's own: nobody else may call them.
  if (name.size() > 1 && name.front() == '_') return true;
  return std::ranges::binary_search(kContainers, name);
}

bool is_allocator_module(std::string_view module) {
  static constexpr std::array kAllocators = std::to_array<std::string_view>(
      {"libjemalloc.so", "libtcmalloc", "libmimalloc", "libheaptrack_", "vgpreload_"});
  return begins_with_any(module.substr(module.rfind('/') + 1), kAllocators);
}

bool is_allocation_machinery(std::string_view function) {
  const std::string_view name = function.substr(0, function.find('('));
  return std::ranges::binary_search(kSortedFunctions, name) ||
         std::ranges::find(kOperators, name) != kOperators.end() ||
         std::ranges::any_of(kAllocationPrefixes,
                             [&](std::string_view prefix) { return function.starts_with(prefix); });
}

}  // namespace memtrace
