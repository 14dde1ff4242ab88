// How --help looks.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace memtrace {

// The parser's own layout, in the words that errors and manual pages use: commands are COMMANDs, an
// option shows its value's name and its default, an argument no type. No line is wider than a
// terminal is at least.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  [[nodiscard]] std::string make_group(std::string group, bool is_positional,
                                       std::vector<const CLI::Option*> options) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_subcommands(const CLI::App* app, CLI::AppFormatMode mode) const override;
};

}  // namespace memtrace
