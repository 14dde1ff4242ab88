// For builds where the page's program cannot be bundled.
#include "page/page_template.hpp"

namespace memtrace {

const std::string_view kPageTemplate;

}  // namespace memtrace
