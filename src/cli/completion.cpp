#include <array>
#include <memory>

#include "base/output.hpp"
#include "cli/choice.hpp"
#include "cli/command.hpp"
#include "cli/completion_script.hpp"

namespace memtrace {
namespace {

constexpr std::array kShells = {
    CompletedShell{"bash", bash_completion},
    CompletedShell{"zsh", zsh_completion},
    CompletedShell{"fish", fish_completion},
};

void print_script(const CLI::App& program, const std::string& shell) {
  for (const CompletedShell& completed : completed_shells()) {
    if (completed.name != shell) continue;
    Output output("-");
    output.write(completed.script(grammar_of(program)));
    output.commit();
  }
}

}  // namespace

std::span<const CompletedShell> completed_shells() {
  return kShells;
}

void add_completion(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  std::vector<std::string> names;
  for (const CompletedShell& completed : completed_shells()) names.emplace_back(completed.name);
  add_choice(app, "SHELL", *shell, names, "The shell to teach")->required();
  app.callback([&app, shell] { print_script(*app.get_parent(), *shell); });
}

}  // namespace memtrace
