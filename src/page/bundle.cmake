# Makes the C++ source that holds the page: cmake -D HTML=page.html -D STYLE=page.min.css
# -D PROGRAM=page.min.js -D OUTPUT=page_template.cpp -P bundle.cmake. The page's policy names the hashes of its style and
# of its program, and allows nothing else.

cmake_minimum_required(VERSION 3.25)

# sha256-… as a policy has it: base64 of the hash, which CMake only has in hexadecimal.
function(policy_hash text result)
  string(SHA256 hash "${text}")
  set(digits "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  set(encoded)
  # Six digits of hexadecimal are four of base64; the last four digits leave one to fill.
  foreach(at RANGE 0 60 6)
    string(SUBSTRING "${hash}00" ${at} 6 group)
    foreach(shift 18 12 6 0)
      math(EXPR index "(0x${group} >> ${shift}) & 63")
      string(SUBSTRING "${digits}" ${index} 1 digit)
      string(APPEND encoded ${digit})
    endforeach()
  endforeach()
  string(REGEX REPLACE "A$" "=" encoded "${encoded}")
  set(${result} "sha256-${encoded}" PARENT_SCOPE)
endfunction()

foreach(part HTML STYLE PROGRAM)
  file(READ ${${part}} text)
  string(STRIP "${text}" text)
  set(${part}_TEXT "${text}")
endforeach()
policy_hash("${STYLE_TEXT}" STYLE_HASH)
policy_hash("${PROGRAM_TEXT}" PROGRAM_HASH)
set(page "${HTML_TEXT}")
foreach(mark STYLE_HASH PROGRAM_HASH)
  string(REPLACE "@${mark}@" "${${mark}}" page "${page}")
endforeach()
# Last, because what is in them is not looked at.
string(REPLACE "@STYLE@" "${STYLE_TEXT}" page "${page}")
string(REPLACE "@PROGRAM@" "${PROGRAM_TEXT}" page "${page}")
file(WRITE ${OUTPUT}.new "// Made by page/bundle.cmake.
#include \"page/page_template.hpp\"

namespace memtrace {

const std::string_view kPageTemplate = R\"MTRACE_PAGE(")
file(APPEND ${OUTPUT}.new "${page}")
file(APPEND ${OUTPUT}.new "\n)MTRACE_PAGE\";\n\n}  // namespace memtrace\n")
file(RENAME ${OUTPUT}.new ${OUTPUT})
