#include "python/files/snapshot_from_python.hpp"

#include <optional>
#include <string>
#include <vector>

#include "model/domain_builder.hpp"
#include "model/traceback_builder.hpp"
#include "mtrace/error.hpp"
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

class TracebackReader {
 public:
  // `frames` has the most recent one first, and so has `functions`.
  NodeId node(PyObject* frames, PyObject* functions) {
    const std::size_t size = length(frames);
    if (size == 0) return builder_.unknown_node();
    if (length(functions) != size) throw Error("frames and functions differ in number");
    NodeId node = kRoot;
    for (std::size_t i = size; i-- > 0;) {
      node = builder_.child(node, frame(item(frames, i).get(), item(functions, i).get()));
    }
    return node;
  }

  Tracebacks take() { return builder_.take(); }

 private:
  FrameId frame(PyObject* pair, PyObject* function) {
    Frame frame;
    frame.lineno = small_number_of(item(pair, 1).get());
    const std::string name = text_of(function);
    if (!name.empty()) frame.function = builder_.string(name);
    const std::string file = text_of(item(pair, 0).get());
    const std::string of_module = ":" + name;
    if (frame.lineno == 0 && !name.empty() && file.ends_with(of_module)) {
      // A function of which no source is known.
      frame.module =
          builder_.module({builder_.string(file.substr(0, file.size() - of_module.size())), ""});
    } else {
      frame.filename = builder_.string(file);
    }
    return builder_.frame(frame);
  }

  TracebackBuilder builder_;
};

std::vector<NodeId> read_tracebacks(PyObject* tracebacks, PyObject* functions, Snapshot& snapshot) {
  TracebackReader reader;
  std::vector<NodeId> nodes;
  const std::size_t size = length(tracebacks);
  if (length(functions) != size) throw Error("tracebacks and functions differ in number");
  for (std::size_t i = 0; i < size; ++i) {
    const Object traceback = item(tracebacks, i);
    const Object frames = item(traceback.get(), 0);
    nodes.push_back(reader.node(frames.get(), item(functions, i).get()));
  }
  snapshot.tracebacks = reader.take();
  return nodes;
}

// --- rows ---

void read_rows(PyObject* metrics, const std::vector<NodeId>& nodes, Snapshot& snapshot) {
  constexpr std::size_t kTracebackIndex = 1 + 2 * kMetrics.size();
  DomainBuilder domains;
  Rows& rows = snapshot.rows;
  const std::size_t size = length(metrics);
  for (std::size_t i = 0; i < size; ++i) {
    const Object row = item(metrics, i);
    rows.domain.push_back(domains.domain({small_number_of(item(row.get(), 0).get()), ""}));
    for (std::size_t metric = 0; metric < kMetrics.size(); ++metric) {
      if (!rows.columns[metric]) continue;
      const Object bytes = item(row.get(), 1 + 2 * metric), count = item(row.get(), 2 + 2 * metric);
      rows.columns[metric]->size.push_back(number_of(bytes.get()));
      rows.columns[metric]->count.push_back(number_of(count.get()));
    }
    const std::uint32_t traceback = small_number_of(item(row.get(), kTracebackIndex).get());
    if (traceback >= nodes.size()) throw Error("a row of an unknown traceback");
    rows.node.push_back(nodes[traceback]);
  }
  snapshot.domains = domains.take();
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

void read_metric_names(PyObject* dict, Rows& rows) {
  const auto names = entry(dict, "metrics");
  for (std::size_t i = 0; names && i < length(names->get()); ++i) {
    const std::string name = text_of(item(names->get(), i).get());
    for (const Metric metric : kMetrics) {
      if (name == name_of(metric)) rows[metric].emplace();
    }
  }
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

Snapshot from_python(PyObject* metrics, PyObject* tracebacks, PyObject* functions,
                     PyObject* metadata) {
  if (PyDict_Check(metadata) == 0) throw Error("the metadata is no dict");
  Snapshot snapshot;
  read_metadata(metadata, snapshot.metadata);
  read_metric_names(metadata, snapshot.rows);
  const std::vector<NodeId> nodes = read_tracebacks(tracebacks, functions, snapshot);
  read_rows(metrics, nodes, snapshot);
  validate(snapshot);
  return snapshot;
}

}  // namespace memtrace::python
