#include "python/files/snapshot_to_python.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/visible.hpp"
#include "mtrace/error.hpp"
#include "python/files/metadata_numbers.hpp"

namespace memtrace::python {
namespace {

Object number(std::uint64_t value) {
  return Object(PyLong_FromUnsignedLongLong(value));
}

Object number(std::int64_t value) {
  return Object(PyLong_FromLongLong(value));
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
class TracebackObjects {
 public:
  explicit TracebackObjects(const Tracebacks& tables)
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

Object row(const Snapshot& snapshot, std::size_t index, std::size_t traceback) {
  constexpr std::size_t kNumbers = 2 + 2 * kMetrics.size();
  Tuple numbers(kNumbers);
  numbers.append(number(std::uint64_t{snapshot.domains[snapshot.rows.domain[index]].number}));
  for (const auto& column : snapshot.rows.columns) {
    numbers.append(number(column ? column->size[index] : std::int64_t{0}));
    numbers.append(number(column ? column->count[index] : std::int64_t{0}));
  }
  numbers.append(number(std::uint64_t{traceback}));
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
  for_each_number(metadata,
                  [&](const char* name, const auto& number) { dict.set_if_known(name, number); });
  return dict.take();
}

}  // namespace

Object to_python(Snapshot snapshot) {
  // What the command shows: without the frames of the allocation machinery.
  auto tables = std::make_shared<const Tracebacks>(std::move(snapshot.tracebacks));
  const VisibleTracebacks visible = hide_frames(std::move(tables), {});
  TracebackObjects tracebacks(*visible.tables);
  List rows;
  for (std::size_t i = 0; i < snapshot.rows.size(); ++i) {
    const NodeId node = snapshot.rows.node[i];
    rows.append(
        row(snapshot, i, tracebacks.index(visible.node_of.empty() ? node : visible.node_of[node])));
  }
  Tuple parts(4);
  parts.append(rows.take());
  parts.append(tracebacks.take_tracebacks());
  parts.append(tracebacks.take_functions());
  parts.append(metadata_of(snapshot));
  return parts.take();
}

}  // namespace memtrace::python
