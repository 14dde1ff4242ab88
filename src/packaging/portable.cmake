# What is linked, and how: as the system has it, or, with MTRACE_PORTABLE, statically. Then the command and
# the Python package run where there is nothing but glibc. (CMakeLists.txt finds the other libraries' archives.)

set(MTRACE_FMT fmt::fmt)
set(MTRACE_ELFUTILS PkgConfig::DW)
set(MTRACE_STATIC_CXX)
if(NOT MTRACE_PORTABLE)
  return()
endif()

# Debian has no archive of fmt.
set(MTRACE_FMT fmt::fmt-header-only)
set(MTRACE_STATIC_CXX -static-libstdc++ -static-libgcc)

# Debian's libdw.a is made for programs and fits in no shared library: libmtrace.so needs libdw.so.1.
add_library(mtrace_elfutils INTERFACE)
set(archives)
foreach(name dw elf lzma bz2 z zstd)
  find_library(MTRACE_ARCHIVE_${name} ${name} REQUIRED)
  mark_as_advanced(MTRACE_ARCHIVE_${name})
  list(APPEND archives ${MTRACE_ARCHIVE_${name}})
endforeach()
target_include_directories(mtrace_elfutils SYSTEM INTERFACE ${DW_INCLUDE_DIRS})
target_link_libraries(mtrace_elfutils INTERFACE
  "$<IF:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>,${archives},PkgConfig::DW>")
set(MTRACE_ELFUTILS mtrace_elfutils)
