# What Debian wants in each package beside what `cmake --install` puts there: copyright, changelogs, compressed
# manual pages. And nothing that says when or where it was made: times are SOURCE_DATE_EPOCH's.

set(staging ${CPACK_TEMPORARY_DIRECTORY})
if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  message(FATAL_ERROR "SOURCE_DATE_EPOCH is not set: ./dev package sets it")
endif()

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
set(changelog "mtrace (${CPACK_MTRACE_VERSION}) unstable; urgency=medium\n\n  * What is new is in changelog.gz.\n\n")
string(APPEND changelog " -- ${CPACK_DEBIAN_PACKAGE_MAINTAINER}  ${date}\n")

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(root ${staging}/${component})
  set(documents ${root}/usr/share/doc/${package})
  # What is in Debian's copyright file already.
  file(REMOVE ${root}/usr/share/doc/mtrace/LICENSE)
  file(MAKE_DIRECTORY ${documents})
  configure_file(${CPACK_MTRACE_PACKAGING}/copyright ${documents}/copyright COPYONLY)
  configure_file(${CPACK_MTRACE_CHANGELOG} ${documents}/changelog COPYONLY)
  file(WRITE ${documents}/changelog.Debian "${changelog}")
  if(EXISTS ${CPACK_MTRACE_PACKAGING}/${package}/lintian-overrides)
    configure_file(${CPACK_MTRACE_PACKAGING}/${package}/lintian-overrides
      ${root}/usr/share/lintian/overrides/${package} COPYONLY)
  endif()
  file(GLOB_RECURSE pages ${root}/usr/share/man/*.1)
  run(gzip -9 --no-name --force ${documents}/changelog ${documents}/changelog.Debian ${pages})
  run(chmod -R u=rwX,go=rX ${root})
  run(find ${root} -exec touch --no-dereference --date=@$ENV{SOURCE_DATE_EPOCH} {} +)
endforeach()
