#include "python/files/python_snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/visible.hpp"
#include "model/memory_amounts.hpp"
#include "mtrace/error.hpp"
#include "mtrace/snapshot.hpp"
#include "mtrace/snapshot_builder.hpp"

namespace memtrace::python {

namespace {

// The numbers among the metadata, by the names that Python knows them by.
// Calls visit(name, number) for each; `number` is a reference, to an optional where it may be
// unknown.
template <class SnapshotMetadata, class Visit>
void for_each_number(SnapshotMetadata& metadata, Visit&& visit) {
  visit("pid", metadata.pid);
  visit("started_ns", metadata.started);
  visit("created_ns", metadata.created);
  visit("traceback_limit", metadata.traceback_limit);
  visit("current", metadata.current);
  visit("peak", metadata.peak);
  visit("tracer_memory", metadata.tracer_memory);
  visit("sampling_rate", metadata.sampling_rate);
  visit("merged", metadata.merged);
  visit("truncated_tracebacks", metadata.losses.truncated_tracebacks);
  visit("dropped_blocks", metadata.losses.dropped_blocks);
  visit("unknown_frees", metadata.losses.unknown_frees);
  visit("missing_threads", metadata.losses.missing_threads);
  visit("work", metadata.work);
  for (const auto& [name, amount] : kMemoryAmounts) visit(name.data(), metadata.memory.*amount);
}

Object number(std::uint64_t value) {
  return Object(PyLong_FromUnsignedLongLong(value));
}

Object number(std::int64_t value) {
  return Object(PyLong_FromLongLong(value));
}

Object number(double value) {
  return Object(PyFloat_FromDouble(value));
}

// A list and what it is filled with, one item after the other.
class List {
 public:
  List() : list_(PyList_New(0)) {}
  void append(const Object& item) {
    if (PyList_Append(list_.get(), item.get()) != 0) throw PythonError();
  }
  Object take() { return std::move(list_); }

 private:
  Object list_;
};

class Tuple {
 public:
  explicit Tuple(std::size_t size) : tuple_(PyTuple_New(static_cast<Py_ssize_t>(size))) {}
  void append(Object item) {
    if (PyTuple_SetItem(tuple_.get(), filled_++, item.release()) != 0) throw PythonError();
  }
  Object take() { return std::move(tuple_); }

 private:
  Object tuple_;
  Py_ssize_t filled_ = 0;
};

class Dict {
 public:
  Dict() : dict_(PyDict_New()) {}
  void set(const char* key, const Object& value) {
    if (PyDict_SetItemString(dict_.get(), key, value.get()) != 0) throw PythonError();
  }
  void set(const Object& key, const Object& value) {
    if (PyDict_SetItem(dict_.get(), key.get(), value.get()) != 0) throw PythonError();
  }
  template <class Number>
  void set_if_known(const char* key, const std::optional<Number>& value) {
    if (value) set(key, number(*value));
  }
  void set_if_known(const char* key, std::uint64_t value) { set(key, number(value)); }
  void set_if_any(const char* key, const std::string& value) {
    if (!value.empty()) set(key, text(value));
  }
  Object take() { return std::move(dict_); }

 private:
  Object dict_;
};

// Frames, functions and names are objects that many tracebacks share: each is made once.
class SharedTracebacks {
 public:
  explicit SharedTracebacks(const Tracebacks& tables)
      : tables_(tables), strings_(tables.strings.size()), frames_(tables.frames.size()) {}

  // The index of the node's traceback among those that were asked for.
  std::size_t index(NodeId node) {
    if (indices_.empty()) indices_.resize(tables_.nodes.size(), kNotYet);
    std::size_t& index = indices_[index_of(node)];
    if (index == kNotYet) {
      index = count_++;
      add(node);
    }
    return index;
  }

  Object take_tracebacks() { return tracebacks_.take(); }
  Object take_functions() { return functions_.take(); }

 private:
  // A file may share one long path between many tracebacks; Python's tuples cannot.
  static constexpr std::size_t kMostFrames = std::size_t{1} << 26;
  static constexpr std::size_t kNotYet = static_cast<std::size_t>(-1);

  void add(NodeId node) {
    std::vector<FrameId> path;  // the most recent frame first
    for (; node != kRoot; node = tables_.nodes[node].parent) {
      path.push_back(tables_.nodes[node].frame);
    }
    frames_in_all_ += path.size();
    if (frames_in_all_ > kMostFrames)
      throw Error("its tracebacks are too long to be Python tuples");
    Tuple frames(path.size()), functions(path.size());
    for (const FrameId id : path) {
      frames.append(frame(id));
      functions.append(string(tables_.frames[id].function));
    }
    Tuple traceback(2);
    traceback.append(frames.take());
    traceback.append(number(std::uint64_t{path.size()}));
    tracebacks_.append(traceback.take());
    functions_.append(functions.take());
  }

  Object string(StringId id) {
    if (id == kNone<StringId>) return text("");
    std::optional<Object>& made = strings_[index_of(id)];
    if (!made) made = text(tables_.strings[id]);
    return made->another();
  }

  // A function of which no source is known is in its module, and named with it.
  Object filename(const Frame& frame) {
    if (frame.filename != kNone<StringId>) return string(frame.filename);
    const StringId name =
        frame.module == kNone<ModuleId> ? kNone<StringId> : tables_.modules[frame.module].name;
    const std::string_view module =
        name == kNone<StringId> ? kUnknownFilename : tables_.strings[name];
    if (frame.is_address()) return text(fmt::format("{}+{:#x}", module, frame.offset));
    if (frame.function == kNone<StringId>) return text(std::string(module));
    return text(fmt::format("{}:{}", module, tables_.strings[frame.function]));
  }

  Object frame(FrameId id) {
    std::optional<Object>& made = frames_[index_of(id)];
    if (!made) {
      const Frame& frame = tables_.frames[id];
      Tuple pair(2);
      pair.append(filename(frame));
      pair.append(number(std::uint64_t{frame.lineno}));
      made = pair.take();
    }
    return made->another();
  }

  const Tracebacks& tables_;
  std::vector<std::optional<Object>> strings_, frames_;
  std::vector<std::size_t> indices_;
  std::size_t count_ = 0, frames_in_all_ = 0;
  List tracebacks_, functions_;
};

// How many numbers are before the variances, which are there if any column holds estimates.
constexpr std::size_t kNumbers = 2 + 2 * kMetrics.size();
constexpr std::size_t kNumbersOfEstimate = kNumbers + 2 * kMetrics.size();

bool is_estimate(const Rows& rows) {
  return std::any_of(rows.columns.begin(), rows.columns.end(),
                     [](const auto& column) { return column && column->is_estimate(); });
}

Object row(const Snapshot& snapshot, std::size_t index, std::size_t traceback, bool estimate) {
  Tuple numbers(estimate ? kNumbersOfEstimate : kNumbers);
  numbers.append(number(std::uint64_t{snapshot.domains[snapshot.rows.domain[index]].number}));
  for (const auto& column : snapshot.rows.columns) {
    numbers.append(number(column ? column->size[index] : std::int64_t{0}));
    numbers.append(number(column ? column->count[index] : std::int64_t{0}));
  }
  numbers.append(number(std::uint64_t{traceback}));
  if (!estimate) return numbers.take();
  for (const auto& column : snapshot.rows.columns) {
    const bool is_known = column && column->is_estimate();
    numbers.append(number(is_known ? column->size_variance[index] : 0.0));
    numbers.append(number(is_known ? column->count_variance[index] : 0.0));
  }
  return numbers.take();
}

Object metric_names(const Rows& rows) {
  List names;
  for (const Metric metric : kMetrics) {
    if (rows[metric]) names.append(text(name_of(metric)));
  }
  return Object(PyList_AsTuple(names.take().get()));
}

Object command(const Metadata& metadata) {
  List arguments;
  for (const std::string& argument : metadata.command) arguments.append(text(argument));
  return arguments.take();
}

Object metadata_of(const Snapshot& snapshot) {
  const Metadata& metadata = snapshot.metadata;
  Dict dict;
  dict.set("metrics", metric_names(snapshot.rows));
  dict.set("kind", text(name_of(metadata.kind)));
  dict.set_if_any("program", metadata.program);
  if (!metadata.command.empty()) dict.set("command", command(metadata));
  dict.set_if_any("host", metadata.host);
  if (!metadata.labels.empty()) {
    Dict labels;
    for (const auto& [name, value] : metadata.labels) labels.set(text(name), text(value));
    dict.set("labels", labels.take());
  }
  for_each_number(metadata,
                  [&](const char* name, const auto& number) { dict.set_if_known(name, number); });
  return dict.take();
}

}  // namespace

Object to_python(Snapshot snapshot) {
  // What the command shows: without the frames of the allocation machinery.
  auto tables = std::make_shared<const Tracebacks>(std::move(snapshot.tracebacks));
  const VisibleTracebacks visible = hide_frames(std::move(tables), {});
  SharedTracebacks tracebacks(*visible.tables);
  List rows;
  const bool estimate = is_estimate(snapshot.rows);
  for (std::size_t i = 0; i < snapshot.rows.size(); ++i) {
    const NodeId node = snapshot.rows.node[i];
    rows.append(row(snapshot, i,
                    tracebacks.index(visible.node_of.empty() ? node : visible.node_of[node]),
                    estimate));
  }
  Tuple parts(4);
  parts.append(rows.take());
  parts.append(tracebacks.take_tracebacks());
  parts.append(tracebacks.take_functions());
  parts.append(metadata_of(snapshot));
  return parts.take();
}

namespace {

Object item(PyObject* sequence, std::size_t index) {
  return Object(PySequence_GetItem(sequence, static_cast<Py_ssize_t>(index)));
}

std::size_t length(PyObject* sequence) {
  const Py_ssize_t size = PySequence_Size(sequence);
  if (size < 0) throw PythonError();
  return static_cast<std::size_t>(size);
}

std::int64_t number_of(PyObject* object) {
  const long long value = PyLong_AsLongLong(object);
  if (value == -1 && PyErr_Occurred() != nullptr) throw PythonError();
  if (value < 0) throw Error("a negative number");
  return value;
}

std::uint32_t small_number_of(PyObject* object) {
  const std::int64_t value = number_of(object);
  if (value > 0xFFFFFFFF) throw Error("a number of more than 32 bits");
  return static_cast<std::uint32_t>(value);
}

double variance_of(PyObject* object) {
  const double value = PyFloat_AsDouble(object);
  if (value == -1 && PyErr_Occurred() != nullptr) throw PythonError();
  if (!(value >= 0 && value <= std::numeric_limits<double>::max()))
    throw Error("a variance that is none");
  return value;
}

// --- tracebacks ---

FrameId read_frame(PyObject* pair, PyObject* function, SnapshotBuilder& builder) {
  const std::uint32_t lineno = small_number_of(item(pair, 1).get());
  const std::string name = text_of(function), file = text_of(item(pair, 0).get());
  const std::string of_module = ":" + name;
  if (lineno != 0 || name.empty() || !file.ends_with(of_module)) {
    return builder.frame(file, lineno, name);
  }
  // A function of which no source is known.
  TracebackBuilder& tables = builder.tracebacks();
  const std::string module = file.substr(0, file.size() - of_module.size());
  return tables.frame(
      {.function = tables.string(name), .module = tables.module({tables.string(module), ""})});
}

// `frames` has the most recent one first, and so has `functions`.
NodeId read_traceback(PyObject* frames, PyObject* functions, SnapshotBuilder& builder) {
  const std::size_t size = length(frames);
  if (length(functions) != size) throw Error("frames and functions differ in number");
  std::vector<FrameId> read;
  for (std::size_t i = size; i-- > 0;) {
    read.push_back(read_frame(item(frames, i).get(), item(functions, i).get(), builder));
  }
  return builder.traceback(read);
}

std::vector<NodeId> read_tracebacks(PyObject* tracebacks, PyObject* functions,
                                    SnapshotBuilder& builder) {
  std::vector<NodeId> nodes;
  const std::size_t size = length(tracebacks);
  if (length(functions) != size) throw Error("tracebacks and functions differ in number");
  for (std::size_t i = 0; i < size; ++i) {
    const Object traceback = item(tracebacks, i);
    const Object frames = item(traceback.get(), 0);
    nodes.push_back(read_traceback(frames.get(), item(functions, i).get(), builder));
  }
  return nodes;
}

// --- rows ---

void read_rows(PyObject* rows, const std::vector<NodeId>& nodes, const std::vector<Metric>& metrics,
               SnapshotBuilder& builder) {
  constexpr std::size_t kTracebackIndex = kNumbers - 1;
  const std::size_t size = length(rows);
  for (std::size_t i = 0; i < size; ++i) {
    const Object row = item(rows, i);
    const DomainId domain = builder.domain(small_number_of(item(row.get(), 0).get()));
    const std::uint32_t traceback = small_number_of(item(row.get(), kTracebackIndex).get());
    if (traceback >= nodes.size()) throw Error("a row of an unknown traceback");
    for (const Metric metric : metrics) {
      const std::size_t at = 1 + 2 * static_cast<std::size_t>(metric);
      const Object bytes = item(row.get(), at), count = item(row.get(), at + 1);
      builder.add(nodes[traceback], domain, metric,
                  {number_of(bytes.get()), number_of(count.get())});
      if (length(row.get()) < kNumbersOfEstimate) continue;
      builder.add_variance(nodes[traceback], domain, metric,
                           variance_of(item(row.get(), kTracebackIndex + at).get()),
                           variance_of(item(row.get(), kTracebackIndex + at + 1).get()));
    }
  }
}

// --- metadata ---

std::optional<Object> entry(PyObject* dict, const char* key) {
  const Object name = text(key);
  PyObject* const value = PyDict_GetItemWithError(dict, name.get());
  if (value == nullptr && PyErr_Occurred() != nullptr) throw PythonError();
  if (value == nullptr || value == Py_None) return std::nullopt;
  return Object::borrowed(value);
}

template <class Number>
void read_number(PyObject* dict, const char* key, std::optional<Number>& number) {
  if (const auto value = entry(dict, key)) number = static_cast<Number>(number_of(value->get()));
}

void read_number(PyObject* dict, const char* key, std::uint64_t& number) {
  if (const auto value = entry(dict, key)) {
    number = static_cast<std::uint64_t>(number_of(value->get()));
  }
}

void read_text(PyObject* dict, const char* key, std::string& string) {
  if (const auto value = entry(dict, key)) string = text_of(value->get());
}

std::vector<Metric> read_metrics(PyObject* dict) {
  std::vector<Metric> metrics;
  const auto names = entry(dict, "metrics");
  for (std::size_t i = 0; names && i < length(names->get()); ++i) {
    const std::string name = text_of(item(names->get(), i).get());
    for (const Metric metric : kMetrics) {
      if (name == name_of(metric)) metrics.push_back(metric);
    }
  }
  return metrics;
}

void read_metadata(PyObject* dict, Metadata& metadata) {
  std::string kind;
  read_text(dict, "kind", kind);
  for (const SnapshotKind known : kSnapshotKinds) {
    if (kind == name_of(known)) metadata.kind = known;
  }
  read_text(dict, "program", metadata.program);
  read_text(dict, "host", metadata.host);
  if (const auto command = entry(dict, "command")) {
    for (std::size_t i = 0; i < length(command->get()); ++i) {
      metadata.command.push_back(text_of(item(command->get(), i).get()));
    }
  }
  if (const auto labels = entry(dict, "labels"); labels && PyDict_Check(labels->get()) != 0) {
    PyObject *name = nullptr, *value = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(labels->get(), &at, &name, &value) != 0;) {
      metadata.labels.emplace(text_of(name), text_of(value));
    }
  }
  for_each_number(metadata,
                  [dict](const char* name, auto& number) { read_number(dict, name, number); });
}

}  // namespace

Snapshot from_python(PyObject* rows, PyObject* tracebacks, PyObject* functions,
                     PyObject* metadata) {
  if (PyDict_Check(metadata) == 0) throw Error("the metadata is no dict");
  const std::vector<Metric> metrics = read_metrics(metadata);
  SnapshotBuilder builder(metrics);
  read_metadata(metadata, builder.metadata());
  read_rows(rows, read_tracebacks(tracebacks, functions, builder), metrics, builder);
  return builder.finish();
}

}  // namespace memtrace::python
