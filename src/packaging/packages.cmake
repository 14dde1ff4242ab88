# `cpack -G DEB` makes Debian's packages from what is installed; `./dev package` builds what they need.

# The licences of what is compiled or linked into the binaries go where they go.
set(libraries libzstd-dev libxxhash-dev libiberty-dev robin-map-dev libprotozero-dev libcli11-dev libtomlplusplus-dev)
if(MTRACE_ESBUILD AND MTRACE_D3_MODULES)
  list(APPEND libraries node-d3-axis node-d3-hierarchy node-d3-scale node-d3-selection node-d3-shape)
endif()
if(MTRACE_PORTABLE)
  list(APPEND libraries libfmt-dev libdw-dev libutf8proc-dev liblzma-dev libbz2-dev zlib1g-dev libpugixml-dev
    libncurses-dev)
endif()
foreach(library IN LISTS libraries)
  if(EXISTS /usr/share/doc/${library}/copyright)
    install(FILES /usr/share/doc/${library}/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR}/libraries
      RENAME ${library} COMPONENT command)
  endif()
endforeach()

# What says which package has a library, for dpkg-shlibdeps.
set(control ${CMAKE_CURRENT_BINARY_DIR}/packaging)
set(version "(>= ${PROJECT_VERSION})")
file(WRITE ${control}/runtime/shlibs "libmtrace_rt ${MTRACE_RUNTIME_ABI} mtrace ${version}\n")
file(WRITE ${control}/library/shlibs "libmtrace ${MTRACE_ABI} libmtrace${MTRACE_ABI} ${version}\n")

set(CPACK_PACKAGE_NAME mtrace)
set(CPACK_PACKAGE_VENDOR "the mtrace maintainers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# Where dpkg-shlibdeps finds the runtime; that the Python package needs mtrace is said already.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR})
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
# For debian.cmake and what it runs.
set(CPACK_MTRACE_PACKAGING ${CMAKE_CURRENT_LIST_DIR})
set(CPACK_MTRACE_CONTROL ${control})
set(CPACK_MTRACE_CHANGELOG ${PROJECT_SOURCE_DIR}/CHANGELOG.md)
set(CPACK_MTRACE_ABI ${MTRACE_ABI})
set(CPACK_MTRACE_PYTHON ${MTRACE_PYTHON_VERSION})
include(CPack)
