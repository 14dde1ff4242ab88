// What is said around a table for people: what was read, what was lost, what is left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mtrace/report.hpp"
#include "render/renderer.hpp"

namespace memtrace {

// Makes untrusted text harmless: escaped() for a terminal, markdown_code() for Markdown.
using Quote = std::string (*)(std::string_view text);

// "app.zst (mtrace snapshot of python3, pid 4711 on build-7, taken 2026-11-20 23:16:36 UTC)"
std::string snapshot_title(const Metadata& metadata, std::string_view path, Quote quote);
// "traced 812.4 MiB, at most 1.2 GiB; up to 25 frames a traceback"; empty where nothing is known.
std::string traced_words(const Metadata& metadata, const Style& style);
// "live: 812.4 MiB in 3,211,004 blocks, 3,221 groups by lineno"
std::string total_words(const TopReport& report, const Style& style);
// "live: 3,221 groups by lineno"
std::string total_words(const DiffReport& report);
// One line for each kind of data that the snapshot lacks.
std::vector<std::string> loss_lines(const Metadata& metadata, const Style& style);
// One line for the filters, one for each kind of hidden frames, one for the smallest size.
std::vector<std::string> selection_lines(const Report& report, std::string_view groups,
                                         const Style& style, Quote quote);

// Why a table has no rows; empty where it has some.
std::string nothing_words(const TopReport& report, const Style& style);
std::string nothing_words(const DiffReport& report, const Style& style);

// "… 3,211 more: 96.1 MiB (11.8%)"; empty where every group is shown.
std::string rest_words(const TopReport& report, const Style& style);
// "… 12 more: +1.2 MiB". Groups that did not change are not "more" where they are left out.
std::string rest_words(const DiffReport& report, const Style& style);

// "groups: 3 added, 1 removed, 12 grown, 4 shrunk, 120 unchanged"
std::string change_words(const ChangeCounts& changes);
// "before 81.2 MiB, after 92.0 MiB, change +10.8 MiB (+13.3%)"
std::string total_change_words(const DiffReport& report, const Style& style);

}  // namespace memtrace
