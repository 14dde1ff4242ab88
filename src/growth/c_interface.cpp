// mtrace/growth.h
#include <cerrno>
#include <exception>
#include <new>
#include <optional>
#include <string>

#include "growth/traced_process.hpp"
#include "mtrace/growth.h"
#include "mtrace/growth.hpp"

struct mtrace_measurement {
  memtrace::growth grown;
  std::string problems;
};

namespace {

using namespace memtrace;  // NOLINT: what stands here is the public C interface

constexpr double kDefaultSeconds = 300;

const char* text_or_null(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

std::vector<std::string> texts_of(const char* const* texts) {
  std::vector<std::string> result;
  for (; texts != nullptr && *texts != nullptr; ++texts) result.emplace_back(*texts);
  return result;
}

GrowthOptions options_of(const mtrace_growth_options& from) {
  GrowthOptions options;
  options.every = from.every == 0 ? kDefaultSeconds : from.every;
  options.threshold = from.threshold;
  options.include = texts_of(from.include);
  options.exclude = texts_of(from.exclude);
  if (from.file != nullptr) options.file = from.file;
  if (from.callback != nullptr) {
    options.callback = [callback = from.callback, context = from.context](const GrownLine& line) {
      const mtrace_grown_line plain = {text_or_null(line.filename),
                                       line.lineno,
                                       text_or_null(line.function),
                                       text_or_null(line.module),
                                       line.size,
                                       line.count,
                                       line.size_diff,
                                       line.count_diff,
                                       line.windows,
                                       line.seconds};
      callback(&plain, context);
    };
  }
  return options;
}

}  // namespace

mtrace_measurement* mtrace_begin_measurement() {
  const UntracedScope untraced;
  try {
    if (has_tracer()) return new mtrace_measurement();
    errno = ENOSYS;
  } catch (const std::exception&) {
    errno = ENOMEM;
  }
  return nullptr;
}

void mtrace_end_measurement(mtrace_measurement* measurement, int64_t* growth, int64_t* peak) {
  const std::int64_t bytes = measurement->grown.bytes();
  if (growth != nullptr) *growth = bytes;
  if (peak != nullptr) *peak = measurement->grown.peak();
}

const char* mtrace_check_ceiling(mtrace_measurement* measurement, int64_t max_growth,
                                 int64_t max_peak) {
  measurement->grown.end();
  const UntracedScope untraced;
  GrowthLimits limits;
  if (max_growth >= 0) limits.growth = max_growth;
  if (max_peak >= 0) limits.peak = max_peak;
  measurement->problems = measurement->grown.problems(limits);
  return text_or_null(measurement->problems);
}

void mtrace_free_measurement(mtrace_measurement* measurement) {
  const UntracedScope untraced;
  delete measurement;
}

int mtrace_report_growth(const mtrace_growth_options* options) {
  const UntracedScope untraced;
  if (!has_tracer()) {
    errno = ENOSYS;
    return 0;
  }
  if (options == nullptr || options->options_size != sizeof(mtrace_growth_options)) {
    errno = EINVAL;
    return 0;
  }
  try {
    report_growth(options_of(*options));
    return 1;
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
  } catch (const std::exception&) {
    errno = EINVAL;
  }
  return 0;
}

void mtrace_stop_reporting_growth() {
  stop_reporting_growth();
}
