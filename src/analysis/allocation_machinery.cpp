// The one table of functions that stand between the line that wants memory and the allocator.
#include <algorithm>
#include <array>

#include "analysis/ownership.hpp"

namespace memtrace {
namespace {

// By their whole name, which may be followed by parameters where C++ gave it. Those of libraries
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
    // names that programs give theirs
    "safe_malloc safe_calloc safe_realloc safe_strdup checked_malloc checked_calloc "
    "checked_realloc emalloc ecalloc erealloc estrdup estrndup ereallocarray mymalloc mycalloc "
    "myrealloc mystrdup mystrndup zalloc memdup greedy_realloc greedy_realloc0 malloc_multiply "
    "reallocf ";

constexpr std::size_t kFunctions = std::ranges::count(kAllocationFunctions, ' ');

constexpr auto kSortedFunctions = [] {
  std::array<std::string_view, kFunctions> names;
  std::string_view rest = kAllocationFunctions;
  for (std::string_view& name : names) {
    name = rest.substr(0, rest.find(' '));
    rest.remove_prefix(name.size() + 1);
  }
  std::ranges::sort(names);
  return names;
}();

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

bool is_allocation_machinery(std::string_view function) {
  const std::string_view name = function.substr(0, function.find('('));
  return std::ranges::binary_search(kSortedFunctions, name) ||
         std::ranges::find(kOperators, name) != kOperators.end() ||
         std::ranges::any_of(kAllocationPrefixes,
                             [&](std::string_view prefix) { return function.starts_with(prefix); });
}

}  // namespace memtrace
