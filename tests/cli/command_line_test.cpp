// Command lines, as a toy of three commands understands them.
#include "cli/command_line.hpp"

#include <doctest/doctest.h>

#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "cli/help.hpp"
#include "mtrace/error.hpp"

namespace memtrace::test {
namespace {

void refuse_odd(std::string_view text) {
  if (text.size() % 2 != 0) throw Error("it is odd");
}

Option help_option() {
  return {.letter = 'h', .name = "help", .summary = "Print help"};
}

struct Toy {
  bool flag = false, other_flag = false;
  std::uint32_t number = 7;
  std::string word = "red", text, path;
  std::vector<std::string> list, paths, program;

  std::vector<Command> commands() {
    return {
        {"", "A toy.", {{"", {{.letter = 'V', .name = "version"}, help_option()}}}},
        {"paint",
         "Paint a path",
         {{"",
           {{.value = "PATH", .into = &path, .summary = "What to paint", .is_required = true},
            {.letter = 'f',
             .name = "flag",
             .into = &flag,
             .summary = "Raise it",
             .excludes = "other"},
            {.letter = 'o', .name = "other", .into = &other_flag, .summary = "Raise another"},
            {.letter = 'n', .name = "number", .value = "N", .into = &number, .summary = "How many"},
            {.letter = 'w',
             .name = "word",
             .value = "WORD",
             .into = &word,
             .summary = "Which",
             .details = "See `paint(1)`, `--flag` and\n`green`.",
             .words = {{"red", "as blood"}, {"green", "as grass"}}},
            {.name = "text",
             .value = "TEXT",
             .into = &text,
             .summary = "Which text",
             .check = refuse_odd},
            {.letter = 'l', .name = "list", .value = "ITEM", .into = &list, .summary = "Items"},
            help_option()}}}},
        {"join",
         "Join paths",
         {{"", {{.value = "PATH", .into = &paths, .summary = "Paths"}, help_option()}}}},
        {"exec",
         "Execute a program",
         {{"",
           {{.value = "CMD",
             .into = &program,
             .summary = "The program",
             .completion = Completion::program,
             .is_required = true},
            {.letter = 'f', .name = "flag", .into = &flag, .summary = "Raise it"},
            help_option()}}}},
    };
  }

  CommandLine parse(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
    given = commands();
    return parse_command_line(given, std::move(words));
  }

  std::vector<Command> given;
};

std::string refusal(const std::string& line) {
  Toy toy;
  try {
    toy.parse(line);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

TEST_CASE("options and arguments in all their forms") {
  for (const char* const line : {"paint -f -n 5 wall -w green -l a -l b",
                                 "paint wall --flag --number=5 --word=green --list=a --list b",
                                 "paint -fn5 -wgreen -la -lb -- wall",
                                 "paint -n1 -w red wall -fn 5 -w green -l a --list=b"}) {
    CAPTURE(line);
    Toy toy;
    const CommandLine parsed = toy.parse(line);
    CHECK(parsed.command->name == "paint");
    CHECK(parsed.asks == CommandLine::Asks::to_run);
    CHECK(toy.flag);
    CHECK(toy.number == 5);
    CHECK(toy.word == "green");
    CHECK(toy.list == std::vector<std::string>{"a", "b"});
    CHECK(toy.path == "wall");
  }
  Toy toy;
  toy.parse("paint --text= - --list --flag");
  CHECK(toy.path == "-");
  CHECK(toy.text.empty());
  CHECK(toy.word == "red");
  CHECK(toy.list == std::vector<std::string>{"--flag"});
  toy.parse("join a -- -b --help");
  CHECK(toy.paths == std::vector<std::string>{"a", "-b", "--help"});
}

TEST_CASE("the words of a program are its own") {
  for (const char* const line : {"exec -f ls -f --help -- -x", "exec -f -- ls -f --help -- -x"}) {
    Toy toy;
    CHECK(toy.parse(line).asks == CommandLine::Asks::to_run);
    CHECK(toy.program == std::vector<std::string>{"ls", "-f", "--help", "--", "-x"});
  }
}

TEST_CASE("help and version come before what is wrong, but for what is unknown") {
  using enum CommandLine::Asks;
  Toy toy;
  CHECK(toy.parse("paint -h").asks == for_help);
  CHECK(toy.parse("--help paint a b").asks == for_whole_help);
  CHECK(toy.parse("help paint").asks == for_whole_help);
  CHECK(toy.parse("help exec ls").asks == for_whole_help);
  CHECK(toy.parse("paint --number x --help").command->name == "paint");
  CHECK(toy.parse("help").command->name.empty());
  CHECK(toy.parse("-V paint").asks == for_version);
  CHECK(refusal("paint --help --nosuch") == "unknown option '--nosuch' (see mtrace paint --help)");
}

TEST_CASE("what is wrong is said of the word that is wrong") {
  CHECK(refusal("paint") == "PATH is required: what to paint (see mtrace paint --help)");
  CHECK(refusal("paint a b") ==
        "'b' is one argument too many: mtrace paint takes PATH (see mtrace paint --help)");
  CHECK(refusal("paint a -n") == "--number needs a value: N (see mtrace paint --help)");
  CHECK(refusal("paint a -n x") == "--number: 'x' is an invalid number (see mtrace paint --help)");
  CHECK(refusal("paint a --number=-1") ==
        "--number: '-1' is an invalid number (see mtrace paint --help)");
  CHECK(refusal("paint a --word blue") ==
        "--word: 'blue' is none of red, green (see mtrace paint --help)");
  CHECK(refusal("paint a --word gren") ==
        "--word: 'gren' is unknown, did you mean 'green'? (see mtrace paint --help)");
  CHECK(refusal("paint a --text odd") == "--text: it is odd (see mtrace paint --help)");
  CHECK(refusal("paint a --flag=true") == "--flag takes no value (see mtrace paint --help)");
  CHECK(refusal("paint a --flag=") == "--flag takes no value (see mtrace paint --help)");
  CHECK(refusal("exec -f3 true") == "unknown option '-3' in '-f3' (see mtrace exec --help)");
  CHECK(refusal("paint a -F") ==
        "unknown option '-F', did you mean '-f'? (see mtrace paint --help)");
  CHECK(refusal("paint -of a") ==
        "--flag and --other exclude each other (see mtrace paint --help)");
  CHECK(refusal("join --number 3") ==
        "unknown option '--number': it is one of mtrace paint (see mtrace join --help)");
  CHECK(refusal("pant") == "unknown command 'pant', did you mean 'paint'? (see mtrace --help)");
}

TEST_CASE("help says what an option takes, and its default") {
  Toy toy;
  const std::vector<Command> commands = toy.commands();
  const std::string help = short_help(commands[1], commands);
  CHECK(help.starts_with("Usage: mtrace paint [OPTIONS] PATH\nPaint a path\n"));
  CHECK(help.find("\n  -n, --number N          How many (default: 7)\n") != help.npos);
  CHECK(help.find("\n  -w, --word WORD         Which: red, green (default: red)\n") != help.npos);
  const std::string whole = whole_help(commands[1], commands);
  CHECK(whole.find("  -w, --word WORD\n"
                   "          Which:\n"
                   "            red    as blood (the default)\n"
                   "            green  as grass\n"
                   "          See paint(1), --flag and 'green'.\n") != whole.npos);
}

}  // namespace
}  // namespace memtrace::test
