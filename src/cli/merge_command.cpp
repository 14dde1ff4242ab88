#include "mtrace/merge.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output.hpp"
#include "cli/series_input.hpp"
#include "mtrace/error.hpp"
#include "mtrace/write.hpp"

namespace memtrace {
namespace {

struct MergeOptions {
  std::vector<std::string> inputs;
  std::string output;
  std::vector<std::string> labels;
};

// Adds up batches on all cores, and the sums of these in order: the result does not depend on how
// many cores there are. In memory are a snapshot and a batch's sum for each, beside the whole.
class MergeThreads {
 public:
  explicit MergeThreads(std::vector<SeriesInput>& inputs) : inputs_(inputs), reader_(inputs, {}) {}

  Snapshot run() {
    {
      constexpr std::size_t kMostThreads = 8;
      const auto threads = std::min<std::size_t>(
          {std::max(1U, std::thread::hardware_concurrency()), batches(), kMostThreads});
      std::vector<std::jthread> helpers;
      for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back([this] { work(); });
      work();
    }
    if (error_) std::rethrow_exception(error_);
    warn_in_one_line(reader_.warnings());
    return sum_.finish();
  }

 private:
  static constexpr std::size_t kBatch = 32;

  [[nodiscard]] std::size_t batches() const { return (inputs_.size() + kBatch - 1) / kBatch; }

  void work() {
    for (std::size_t batch = next_++; batch < batches(); batch = next_++) {
      std::optional<Snapshot> sum;
      std::exception_ptr error;
      try {
        sum = sum_of(batch);
      } catch (...) {
        error = std::current_exception();
      }
      if (!add(batch, sum, error)) return;
    }
  }

  Snapshot sum_of(std::size_t batch) {
    Merger sum;
    const std::size_t end = std::min((batch + 1) * kBatch, inputs_.size());
    for (std::size_t i = batch * kBatch; i < end; ++i) {
      const Snapshot snapshot = reader_.read(i);
      try {
        sum.add(snapshot);
      } catch (const Error& error) {
        throw error.in(inputs_[i].path);
      }
    }
    return sum.finish();
  }

  // When it is this batch's turn. Of several errors, the first input's counts: false where there is
  // one.
  bool add(std::size_t batch, const std::optional<Snapshot>& sum, const std::exception_ptr& error) {
    std::unique_lock lock(mutex_);
    turn_.wait(lock, [&] { return added_ == batch || error_; });
    if (error_) return false;
    try {
      if (error) std::rethrow_exception(error);
      sum_.add(*sum);
      ++added_;
    } catch (...) {
      error_ = std::current_exception();
    }
    turn_.notify_all();
    return !error_;
  }

  std::vector<SeriesInput>& inputs_;
  SeriesReader reader_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::condition_variable turn_;
  std::size_t added_ = 0;
  std::exception_ptr error_;
  Merger sum_;
};

void run_merge(const MergeOptions& options) {
  std::vector<SeriesInput> inputs = inputs_of(options.inputs, {});
  std::vector<std::string> paths;
  paths.reserve(inputs.size());
  for (const SeriesInput& input : inputs) paths.push_back(input.path);
  refuse_own_input(options.output, paths);
  if (inputs.empty()) throw Error("there is no snapshot in it").in(options.inputs.front());
  Snapshot sum = MergeThreads(inputs).run();
  for (const std::string& label : options.labels) {
    const auto [name, value] = parse_label(label);
    sum.metadata.labels.insert_or_assign(name, value);
  }
  write_snapshot(sum, options.output);
}

}  // namespace

Command merge_command() {
  const auto options = std::make_shared<MergeOptions>();
  return {.name = "merge",
          .summary = "Add up the snapshots of many processes",
          .groups = {{"",
                      {{.value = "SNAPSHOT",
                        .into = &options->inputs,
                        .summary = "Snapshots of any kind, or folders of them; - is standard input",
                        .completion = Completion::files,
                        .is_required = true},
                       snapshot_output(options->output),
                       {.name = "label",
                        .value = "NAME=VALUE",
                        .into = &options->labels,
                        .summary = "Store a label, such as release=1.7.2",
                        .details = "Repeatable. Labels that all inputs have alike stay anyway.",
                        .check = checked_by<parse_label>}}}},
          .run = [options] {
            run_merge(*options);
            return kExitDone;
          }};
}

}  // namespace memtrace
