// The functions that the table of formats is made of: one file each.
#pragma once

#include <string_view>

#include "render/renderer.hpp"

namespace memtrace {

void top_as_text(const TopReport& report, std::string_view path, const Style& style, Sink& sink);
void diff_as_text(const DiffReport& report, std::string_view before_path,
                  std::string_view after_path, const Style& style, Sink& sink);

void top_as_json(const TopReport& report, std::string_view path, const Style& style, Sink& sink);
void diff_as_json(const DiffReport& report, std::string_view before_path,
                  std::string_view after_path, const Style& style, Sink& sink);
void info_as_json(const SnapshotInfo& info, std::string_view path, const Style& style, Sink& sink);

void top_as_csv(const TopReport& report, std::string_view path, const Style& style, Sink& sink);
void diff_as_csv(const DiffReport& report, std::string_view before_path,
                 std::string_view after_path, const Style& style, Sink& sink);

void top_as_table(const TopReport& report, std::string_view path, const Style& style, Sink& sink);
void diff_as_table(const DiffReport& report, std::string_view before_path,
                   std::string_view after_path, const Style& style, Sink& sink);
void info_as_table(const SnapshotInfo& info, std::string_view path, const Style& style, Sink& sink);

void top_as_markdown(const TopReport& report, std::string_view path, const Style& style,
                     Sink& sink);
void diff_as_markdown(const DiffReport& report, std::string_view before_path,
                      std::string_view after_path, const Style& style, Sink& sink);

}  // namespace memtrace
