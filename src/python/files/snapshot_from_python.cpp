#include "python/files/snapshot_from_python.hpp"

#include <optional>
#include <string>
#include <vector>

#include "mtrace/error.hpp"
#include "mtrace/snapshot_builder.hpp"
#include "python/files/metadata_numbers.hpp"

namespace memtrace::python {
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
  constexpr std::size_t kTracebackIndex = 1 + 2 * kMetrics.size();
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
  if (kind == name_of(SnapshotKind::tracemalloc)) metadata.kind = SnapshotKind::tracemalloc;
  read_text(dict, "program", metadata.program);
  read_text(dict, "host", metadata.host);
  if (const auto command = entry(dict, "command")) {
    for (std::size_t i = 0; i < length(command->get()); ++i) {
      metadata.command.push_back(text_of(item(command->get(), i).get()));
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
