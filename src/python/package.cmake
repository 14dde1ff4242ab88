# The package around the extension modules: in the build folder, installed, and as a wheel for each
# interpreter. PYTHONPATH=BUILD/python finds the first.

# Interpreter, version, headers, tag of wheels and site folder of those that have an extension module.
set(packages "")
foreach(interpreter IN LISTS interpreters)
  execute_process(COMMAND ${interpreter} ${CMAKE_CURRENT_SOURCE_DIR}/make_wheel.py facts
    OUTPUT_VARIABLE facts ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  list(POP_FRONT facts version)
  if(NOT failed AND TARGET mtrace_python_${version} AND NOT version IN_LIST packages)
    list(APPEND packages ${version})
    set(${version}_interpreter ${interpreter})
    list(POP_FRONT facts ${version}_include ${version}_tag ${version}_site)
  endif()
endforeach()
if(NOT packages)
  message(STATUS "The Python package is not built: there is no CPython 3.9 to 3.13 with its headers")
  return()
endif()
list(GET packages 0 first)
set(MTRACE_PYTHON_VERSION ${first} PARENT_SCOPE)

# --- files of snapshots, through the library: one module for all interpreters ---

add_library(mtrace_python_files MODULE
  files/files_module.cpp files/python_snapshot.cpp)
target_include_directories(mtrace_python_files SYSTEM PRIVATE ${${first}_include})
target_compile_definitions(mtrace_python_files PRIVATE Py_LIMITED_API=0x03090000)
target_link_libraries(mtrace_python_files PRIVATE
  mtrace_base mtrace_wire mtrace_model mtrace_analysis mtrace_read mtrace_write mtrace_flags ${MTRACE_STATIC_CXX})
target_link_options(mtrace_python_files PRIVATE LINKER:--exclude-libs,ALL)
set_target_properties(mtrace_python_files PROPERTIES
  PREFIX "" OUTPUT_NAME _files SUFFIX .abi3.so LIBRARY_OUTPUT_DIRECTORY ${package_folder})

# --- in the build folder ---

file(GLOB python_files CONFIGURE_DEPENDS
  ${CMAKE_CURRENT_SOURCE_DIR}/mtrace/*.py ${CMAKE_CURRENT_SOURCE_DIR}/mtrace/*.pyi
  ${CMAKE_CURRENT_SOURCE_DIR}/mtrace/py.typed)
# What stands beside the package: pytest's plugin, and what an interpreter reads when it starts.
set(beside pytest_mtrace.py mtrace_startup.py mtrace.pth)
list(TRANSFORM beside PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
list(TRANSFORM beside PREPEND --beside= OUTPUT_VARIABLE beside_options)
file(MAKE_DIRECTORY ${package_folder})
foreach(file IN LISTS python_files)
  cmake_path(GET file FILENAME name)
  file(CREATE_LINK ${file} ${package_folder}/${name} SYMBOLIC)
endforeach()
file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/pytest_mtrace.py ${PROJECT_BINARY_DIR}/python/pytest_mtrace.py SYMBOLIC)

# What tells others of the package, pytest of its plugin.
set(make_wheel ${${first}_interpreter} ${CMAKE_CURRENT_SOURCE_DIR}/make_wheel.py)
set(package_facts --version ${PROJECT_VERSION} --tag ${${first}_tag})
execute_process(COMMAND ${make_wheel} info ${PROJECT_BINARY_DIR}/python ${package_facts} COMMAND_ERROR_IS_FATAL ANY)

# --- as wheels: `cmake --build BUILD --target wheel` makes BUILD/mtrace-….whl ---

# With the command and its runtime in it: below a virtual environment, bin/mtrace finds lib/libmtrace_rt.so.0,
# and so does the extension module.
add_custom_target(wheel)
foreach(version IN LISTS packages)
  add_custom_target(wheel_${version}
    COMMAND ${make_wheel} wheel ${PROJECT_BINARY_DIR} --version ${PROJECT_VERSION} --tag ${${version}_tag}
      --package ${CMAKE_CURRENT_SOURCE_DIR}/mtrace ${beside_options} --module $<TARGET_FILE:mtrace_python_${version}>
      --module $<TARGET_FILE:mtrace_python_files> --script $<TARGET_FILE:mtrace_command>
      --library $<TARGET_SONAME_FILE:mtrace_rt>
    VERBATIM)
  add_dependencies(wheel_${version} mtrace_python_${version} mtrace_python_files mtrace_command mtrace_rt)
  add_dependencies(wheel wheel_${version})
endforeach()

# --- installed ---

if(MTRACE_INSTALL)
  # Where each interpreter looks below a prefix that it knows (/usr/local, a virtual environment). Below
  # any other, PYTHONPATH says where to look, or MTRACE_PYTHON_FOLDER what the interpreter knows.
  set(MTRACE_PYTHON_FOLDER "" CACHE STRING
    "Where the Python package goes below the prefix (empty: where each interpreter looks below /usr/local)")
  foreach(version IN LISTS packages)
    set(site ${${version}_site})
    if(MTRACE_PYTHON_FOLDER)
      set(site ${MTRACE_PYTHON_FOLDER})
    endif()
    install(FILES ${python_files} DESTINATION ${site}/mtrace COMPONENT python)
    install(TARGETS mtrace_python_${version} mtrace_python_files
      LIBRARY DESTINATION ${site}/mtrace COMPONENT python)
    install(FILES ${beside} DESTINATION ${site} COMPONENT python)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/python/mtrace-${PROJECT_VERSION}.dist-info DESTINATION ${site}
      COMPONENT python)
  endforeach()
endif()
