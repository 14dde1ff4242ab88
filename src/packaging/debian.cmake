# Debian's packages: what each is called, holds, needs and says of itself. cpack reads this when it runs, so that
# `-D CPACK_PACKAGE_VERSION=…` and `-D CPACK_DEBIAN_PACKAGE_RELEASE=…` hold for all of it.

if(NOT CPACK_GENERATOR STREQUAL DEB)
  return()
endif()

set(CPACK_DEB_COMPONENT_INSTALL ON)
# Each has a description of its own, whose first line is the summary.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_COMPONENTS_ALL command library development)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
if(NOT CPACK_DEBIAN_PACKAGE_RELEASE)
  # Older than the package of the same version that Debian itself would make, whose number would be 1.
  set(CPACK_DEBIAN_PACKAGE_RELEASE 0.1)
endif()
if(NOT CPACK_DEBIAN_PACKAGE_MAINTAINER)
  set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The mtrace maintainers <maintainers@mtrace.invalid>")
endif()
set(CPACK_MTRACE_VERSION ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
set(library libmtrace${CPACK_MTRACE_ABI})

# --- the command, with the runtime that it preloads, manual pages and completions ---

set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME mtrace)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SUGGESTS "python3-mtrace, libmtrace-dev")
set(CPACK_DEBIAN_COMMAND_DESCRIPTION "memory tracer and snapshot analyzer
mtrace says which lines of a program hold its memory, what grew between two
moments, and what made the peak. It traces any program that allocates with
malloc or operator new, unchanged, and reads what Python's tracemalloc dumps.

The script of the same name in libc-devtools, and its manual page, are called
mtrace.libc while this package is installed.")
set(CPACK_DEBIAN_COMMAND_PACKAGE_CONTROL_EXTRA
  ${CPACK_MTRACE_PACKAGING}/mtrace/preinst ${CPACK_MTRACE_PACKAGING}/mtrace/postrm
  ${CPACK_MTRACE_CONTROL}/runtime/shlibs ${CPACK_MTRACE_PACKAGING}/triggers)

# --- the library ---

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME ${library})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_MULTIARCH same)
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION "library that reads and compares memory snapshots
libmtrace opens the snapshots that mtrace and Python's tracemalloc write,
selects, groups, ranks and compares what is in them, and looks up the lines of
addresses.

This package has the shared library.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA
  ${CPACK_MTRACE_CONTROL}/library/shlibs ${CPACK_MTRACE_PACKAGING}/triggers)

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libmtrace-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "${library} (= ${CPACK_MTRACE_VERSION}), mtrace (= ${CPACK_MTRACE_VERSION})")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "library that reads memory snapshots: development files
libmtrace opens the snapshots that mtrace and Python's tracemalloc write,
selects, groups, ranks and compares what is in them. With the runtime,
libmtrace_rt, a program traces itself.

This package has the headers and what CMake and pkg-config need, for both.")

# --- the Python package, for Debian's own interpreter ---

if(CPACK_MTRACE_PYTHON)
  list(APPEND CPACK_COMPONENTS_ALL python)
  string(REGEX REPLACE "^3\\." "" next_minor ${CPACK_MTRACE_PYTHON})
  math(EXPR next_minor "${next_minor} + 1")
endif()
set(CPACK_DEBIAN_PYTHON_PACKAGE_NAME python3-mtrace)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS
  "mtrace (= ${CPACK_MTRACE_VERSION}), python3 (>= ${CPACK_MTRACE_PYTHON}), python3 (<< 3.${next_minor})")
set(CPACK_DEBIAN_PYTHON_PACKAGE_SUGGESTS python3-pytest)
set(CPACK_DEBIAN_PYTHON_DESCRIPTION "memory tracer for Python programs
Traces the memory of a Python program by its lines, with the API of
tracemalloc at a fraction of its cost, and that of C extensions by the lines
that called them. MTRACE=25 in the environment traces a program as it is; with
pytest, a budget holds tests to a limit.")
set(CPACK_DEBIAN_PYTHON_PACKAGE_CONTROL_EXTRA
  ${CPACK_MTRACE_PACKAGING}/python3-mtrace/postinst ${CPACK_MTRACE_PACKAGING}/python3-mtrace/prerm)

# Runs between the installation into a folder for each package, and the packing.
set(CPACK_PRE_BUILD_SCRIPTS ${CPACK_MTRACE_PACKAGING}/debian_files.cmake)
