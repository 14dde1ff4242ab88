// The view of snapshots in the terminal.
#include <fmt/format.h>

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/live_process.hpp"
#include "cli/output.hpp"
#include "cli/selection_options.hpp"
#include "cli/snapshot_request.hpp"
#include "mtrace/error.hpp"
#include "render/escape.hpp"
#include "render/quantity.hpp"
#include "view/terminal.hpp"
#include "view/view.hpp"

namespace memtrace {
namespace {

struct ViewCommandOptions {
  std::string snapshot, after;
  std::string process, every = "2s";
  SelectionOptions selection;
  OutputOptions output;
};

// Reads anew where another metric is asked for, or domains.
class SnapshotFiles {
 public:
  explicit SnapshotFiles(const ViewCommandOptions& options) : options_(options) {}

  Sides read(const Selection& selection) {
    const ReadOptions wanted = read_options_for(selection);
    const bool is_here =
        sides_.after != nullptr && metric_ == wanted.metric && (has_domains_ || !wanted.domains);
    if (is_here) return sides_;
    Sides sides;
    if (options_.after.empty()) {
      sides.after = read_one(options_.snapshot, wanted);
    } else {
      sides.before = read_one(options_.snapshot, wanted);
      sides.after = read_one(options_.after, wanted);
    }
    metric_ = wanted.metric;
    has_domains_ = wanted.domains;
    sides_ = sides;
    return sides;
  }

 private:
  // Once something is drawn, nobody reads warnings or watches a progress bar.
  [[nodiscard]] std::shared_ptr<const Snapshot> read_one(const std::string& path,
                                                         const ReadOptions& wanted) const {
    if (!metric_) return std::make_shared<const Snapshot>(read_resolved(path, wanted));
    Snapshot snapshot = read_snapshot(path, wanted);
    symbolize(snapshot);
    return std::make_shared<const Snapshot>(std::move(snapshot));
  }

  const ViewCommandOptions& options_;
  Sides sides_;
  std::optional<Metric> metric_;
  bool has_domains_ = false;
};

// A process while it runs: its memory now, beside what it was when the view began.
class LiveSides {
 public:
  explicit LiveSides(LiveProcess& process) : process_(process) { take(); }

  [[nodiscard]] Sides sides() const { return sides_; }

  // What is said of it above the rows.
  [[nodiscard]] std::string state() const {
    if (!failure_.empty()) return "ended after " + counted(number_, "snapshot", "snapshots");
    return fmt::format("{}, {}", is_paused_ ? "paused" : "live",
                       counted(number_, "snapshot", "snapshots"));
  }

  // Returns why there will be no more; empty: there will.
  std::string take() {
    LiveProcess::News news = process_.take();
    number_ = news.number;
    failure_ = news.failure;
    if (news.snapshot) sides_.after = std::move(news.snapshot);
    if (!sides_.before) sides_.before = sides_.after;
    return failure_;
  }

  void measure_from_now() { sides_.before = sides_.after; }
  void pause() { is_paused_ = process_.pause_or_go_on(); }

 private:
  LiveProcess& process_;
  Sides sides_;
  std::uint64_t number_ = 0;
  std::string failure_;
  bool is_paused_ = false;
};

// Returns false where the view is to end.
bool grant(View::Wish wish, View& view, LiveSides* live) {
  if (wish == View::Wish::quit) return false;
  if (wish == View::Wish::none || live == nullptr) return true;
  if (wish == View::Wish::pause) live->pause();
  if (wish == View::Wish::measure_from_now) {
    live->measure_from_now();
    view.update();
  }
  view.set_state(live->state());
  return true;
}

// The signal that ended it, if one did.
std::optional<int> show(View& view, bool with_colors, LiveSides* live, int news) {
  Terminal terminal(with_colors);
  while (true) {
    terminal.draw(view.draw(terminal.size()));
    KeyPress key;
    switch (terminal.wait(news, key)) {
      case Terminal::Event::key:
        if (!grant(view.press(key), view, live)) return std::nullopt;
        break;
      case Terminal::Event::ready: {
        const std::string failure = live->take();
        view.update();
        view.set_state(live->state());
        if (!failure.empty()) view.say(escaped(failure));
        break;
      }
      case Terminal::Event::resized:
        break;
      case Terminal::Event::ended:
        return terminal.signal();
    }
  }
}

ViewOptions view_options_of(const ViewCommandOptions& options) {
  const Output output("-");
  ViewOptions view_options;
  view_options.selection = options.selection.selection();
  view_options.min_size = options.output.smallest_size();
  view_options.style = options.output.style(output);
  return view_options;
}

std::optional<int> view_files(const ViewCommandOptions& options) {
  if (options.snapshot == "-" || options.after == "-") {
    throw Error("standard input is the keyboard here: mtrace view reads files");
  }
  ViewOptions view_options = view_options_of(options);
  view_options.before = options.after.empty() ? "" : options.snapshot;
  view_options.after = options.after.empty() ? options.snapshot : options.after;
  const bool with_colors = view_options.style.color;
  SnapshotFiles files(options);
  View view([&](const Selection& selection) { return files.read(selection); },
            std::move(view_options));
  return show(view, with_colors, nullptr, -1);
}

std::optional<int> view_process(const ViewCommandOptions& options) {
  if (!options.snapshot.empty()) throw Error("--pid takes the place of a snapshot");
  const pid_t id = parse_process(options.process);
  ViewOptions view_options = view_options_of(options);
  view_options.after = fmt::format("process {}", id);
  view_options.is_live = true;
  const bool with_colors = view_options.style.color;
  LiveProcess process(id, parse_duration(options.every));
  LiveSides live(process);
  View view([&](const Selection&) { return live.sides(); }, std::move(view_options));
  view.set_state(live.state());
  return show(view, with_colors, &live, process.descriptor());
}

int run_view(const ViewCommandOptions& options) {
  Terminal::require();
  if (options.snapshot.empty() && options.process.empty()) {
    throw Error("what is to be viewed? mtrace view SNAPSHOT, or mtrace view --pid PID");
  }
  const auto signal = options.process.empty() ? view_files(options) : view_process(options);
  // Who sent it sees that it was not ignored.
  if (signal) Terminal::die_of(*signal);
  return kExitDone;
}

}  // namespace

Command view_command() {
  const auto options = std::make_shared<ViewCommandOptions>();
  return {.name = "view",
          .summary = "Look around in a snapshot, or in what changed, in the terminal",
          .groups = {{"",
                      {{.value = "SNAPSHOT",
                        .into = &options->snapshot,
                        .summary = "What mtrace run, tracemalloc or pprof wrote",
                        .completion = Completion::files},
                       {.value = "AFTER",
                        .into = &options->after,
                        .summary = "A later one: the view is of what changed since SNAPSHOT",
                        .completion = Completion::files},
                       {.name = "pid",
                        .value = "PID",
                        .into = &options->process,
                        .summary = "View a traced process while it runs",
                        .details = R"(It is asked for a snapshot again and again.
Sizes are those of now, growth is what came since the view began, or since the key `z`.
The files that are made on the way are removed.)",
                        .completion = Completion::processes},
                       {.name = "every",
                        .value = "DURATION",
                        .into = &options->every,
                        .summary = "How often to ask it",
                        .details = "The time between an answer and the next request.",
                        .check = checked_by<parse_duration>},
                       match_option(options->selection)}},
                     selection_options(options->selection),
                     view_options(options->output)},
          .run = [options] { return run_view(*options); }};
}

}  // namespace memtrace
