#include "python/extension/traces.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "python/extension/reference.hpp"
#include "python/extension/tracing.hpp"
#include "runtime/interpreter/support.hpp"

namespace memtrace::python {

namespace {

using runtime::CodeLocation;
using runtime::TracebackTables;

// --- tracebacks as tracemalloc's tuples, each node, line and name once ---

// A new reference, or nullptr with an exception.
PyObject* string_of(std::string_view text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogatepass");
}

PyObject* unknown_frames() {
  return Py_BuildValue("((si))", "<unknown>", 0);
}

PyObject* new_module_name(const runtime::ModuleRecord& module) {
  return PyUnicode_DecodeFSDefault(module.path == nullptr ? "" : module.path);
}

// Its file, or, of a machine's instruction, its library.
PyObject* new_file_name(const TracebackTables& tables, const CodeLocation& location) {
  if (location.kind == CodeLocation::Kind::source) {
    const std::uint32_t file = location.source().file;
    return string_of(file < tables.texts.size() ? tables.texts[file] : "");
  }
  if (location.module >= tables.modules.size()) return string_of("");
  return new_module_name(tables.modules[location.module]);
}

std::uint32_t line_of(const CodeLocation& location) {
  return location.kind == CodeLocation::Kind::source ? location.source().line : 0;
}

PyObject* retained(PyObject* object) {
  Py_XINCREF(object);
  return object;
}

std::uint32_t depth_of(const TracebackTables& tables, std::uint32_t node) {
  std::uint32_t depth = 0;
  for (; node != 0; node = tables.nodes[node].parent) ++depth;
  return depth;
}

// A tuple of what `make` gives, a new reference for each location of a path.
template <class Make>
PyObject* tuple_of_path(const TracebackTables& tables, std::uint32_t node, Make make) {
  Reference tuple(PyTuple_New(static_cast<Py_ssize_t>(depth_of(tables, node))));
  if (!tuple) return nullptr;
  for (Py_ssize_t i = 0; node != 0; node = tables.nodes[node].parent) {
    PyObject* const item = make(tables.nodes[node].location);
    if (item == nullptr) return nullptr;
    PyTuple_SET_ITEM(tuple.get(), i++, item);
  }
  return tuple.release();
}

// One traceback, ((filename, lineno), ...), most recent first: a new reference, or nullptr with an
// exception.
PyObject* frames_of(const TracebackTables& tables, std::uint32_t node) {
  if (node == 0) return unknown_frames();
  return tuple_of_path(tables, node, [&](std::uint32_t location) -> PyObject* {
    const CodeLocation& from = tables.locations[location];
    const Reference name(new_file_name(tables, from));
    return name ? Py_BuildValue("(OI)", name.get(), line_of(from)) : nullptr;
  });
}

// Zeroed pointers to objects, one for each of the tracer's items.
class ObjectTable {
 public:
  // Once; false with an exception.
  bool allocate(std::size_t size);
  ObjectTable() = default;
  ~ObjectTable();
  ObjectTable(const ObjectTable&) = delete;
  ObjectTable& operator=(const ObjectTable&) = delete;

  [[nodiscard]] PyObject*& operator[](std::size_t index) { return objects_[index]; }

 private:
  PyObject** objects_ = nullptr;
  std::size_t size_ = 0;
};

bool ObjectTable::allocate(std::size_t size) {
  objects_ = static_cast<PyObject**>(PyMem_RawCalloc(size + 1, sizeof(PyObject*)));
  size_ = objects_ == nullptr ? 0 : size;
  if (objects_ == nullptr) PyErr_NoMemory();
  return objects_ != nullptr;
}

ObjectTable::~ObjectTable() {
  for (std::size_t i = 0; i < size_; ++i) Py_XDECREF(objects_[i]);
  PyMem_RawFree(objects_);
}

// The same for many, whose frames and names are made once.
class TracebackObjects {
 public:
  explicit TracebackObjects(const runtime::TracebackTables& tables) : tables_(tables) {}
  // Once, before anything else; false with an exception.
  bool allocate();

  // New references, or nullptr with an exception; the functions are those of the same frames.
  PyObject* frames(std::uint32_t node);
  PyObject* functions(std::uint32_t node);

 private:
  // Borrowed references.
  PyObject* text(std::uint32_t id);
  PyObject* module_name(std::uint32_t id);
  PyObject* frame(std::uint32_t location);
  PyObject* function(std::uint32_t location);

  runtime::TracebackTables tables_;
  ObjectTable texts_, modules_, frames_;
  Reference unknown_, empty_;
};

bool TracebackObjects::allocate() {
  unknown_ = Reference(unknown_frames());
  empty_ = Reference(string_of(""));
  return unknown_ && empty_ && texts_.allocate(tables_.texts.size()) &&
         modules_.allocate(tables_.modules.size()) && frames_.allocate(tables_.locations.size());
}

PyObject* TracebackObjects::frames(std::uint32_t node) {
  if (node == 0) return unknown_.again();
  return tuple_of_path(tables_, node,
                       [this](std::uint32_t location) { return retained(frame(location)); });
}

PyObject* TracebackObjects::functions(std::uint32_t node) {
  if (node == 0) return PyTuple_Pack(1, empty_.get());
  return tuple_of_path(tables_, node,
                       [this](std::uint32_t location) { return retained(function(location)); });
}

PyObject* TracebackObjects::text(std::uint32_t id) {
  if (id >= tables_.texts.size()) return empty_.get();
  if (texts_[id] == nullptr) texts_[id] = string_of(tables_.texts[id]);
  return texts_[id];
}

PyObject* TracebackObjects::module_name(std::uint32_t id) {
  if (id >= tables_.modules.size()) return empty_.get();
  if (modules_[id] == nullptr) modules_[id] = new_module_name(tables_.modules[id]);
  return modules_[id];
}

PyObject* TracebackObjects::frame(std::uint32_t location) {
  PyObject*& frame = frames_[location];
  if (frame != nullptr) return frame;
  const CodeLocation& from = tables_.locations[location];
  PyObject* const name =
      from.kind == CodeLocation::Kind::source ? text(from.source().file) : module_name(from.module);
  if (name != nullptr) frame = Py_BuildValue("(OI)", name, line_of(from));
  return frame;
}

PyObject* TracebackObjects::function(std::uint32_t location) {
  const CodeLocation& from = tables_.locations[location];
  return from.kind == CodeLocation::Kind::source ? text(from.source().function) : empty_.get();
}

// --- rows and blocks ---

using runtime::BlockGroup;
using runtime::SnapshotRow;

// The tracer's counters of one moment.
class CounterCopy {
 public:
  explicit CounterCopy(bool by_size)
      : is_there_(support().copy(data_, by_size, handle_) || !support().status().is_tracing) {}
  ~CounterCopy() { support().release_copy(data_, handle_); }
  CounterCopy(const CounterCopy&) = delete;
  CounterCopy& operator=(const CounterCopy&) = delete;

  // false with an exception where there is no memory. Where tracing is off there are no rows.
  [[nodiscard]] bool is_there() const {
    if (!is_there_) PyErr_NoMemory();
    return is_there_;
  }
  [[nodiscard]] std::span<const SnapshotRow> rows() const { return data_.rows; }
  [[nodiscard]] std::span<const BlockGroup> groups() const { return data_.groups; }
  [[nodiscard]] runtime::TracebackTables tables() const {
    return {data_.texts, data_.modules, data_.locations, data_.nodes};
  }
  // Rows are in the order of their records.
  [[nodiscard]] const SnapshotRow* find(std::uint32_t record) const {
    const auto found = std::lower_bound(
        data_.rows.begin(), data_.rows.end(), record,
        [](const SnapshotRow& row, std::uint32_t wanted) { return row.record < wanted; });
    return found != data_.rows.end() && found->record == record ? &*found : nullptr;
  }

 private:
  static const runtime::InterpreterSupport& support() { return *mtrace_interpreter_support(); }

  runtime::SnapshotData data_;
  void* handle_ = nullptr;
  bool is_there_;
};

std::uint32_t total_frames(std::uint32_t all_frames, std::uint32_t kept) {
  return std::max({all_frames, kept, 1U});
}

bool append(const Reference& list, PyObject* item) {
  const Reference owned(item);
  return owned && PyList_Append(list.get(), owned.get()) == 0;
}

// The rows and, beside them, each row's traceback once.
class RowLists {
 public:
  RowLists(const CounterCopy& copy, TracebackObjects& objects) : copy_(copy), objects_(objects) {}

  bool build(bool by_size, bool with_metrics) {
    rows_ = Reference(PyList_New(0));
    tracebacks_ = Reference(PyList_New(0));
    functions_ = Reference(PyList_New(0));
    metrics_ = Reference(PyList_New(0));
    if (!rows_ || !tracebacks_ || !functions_ || !metrics_) return false;
    for (const SnapshotRow& row : copy_.rows()) {
      if (!add_traceback(row)) return false;
      if (!by_size && !add_sum(row)) return false;
      if (with_metrics && !add_metrics(row)) return false;
    }
    return std::all_of(copy_.groups().begin(), copy_.groups().end(),
                       [this](const BlockGroup& group) { return add_group(group); });
  }
  PyObject* take(bool with_metrics) {
    return with_metrics
               ? PyTuple_Pack(4, rows_.get(), tracebacks_.get(), functions_.get(), metrics_.get())
               : PyTuple_Pack(3, rows_.get(), tracebacks_.get(), functions_.get());
  }

 private:
  [[nodiscard]] Py_ssize_t index_of(const SnapshotRow& row) const {
    return &row - copy_.rows().data();
  }

  bool add_traceback(const SnapshotRow& row) {
    const std::uint32_t total = total_frames(row.all_frames, depth_of(copy_.tables(), row.node));
    return append(tracebacks_, Py_BuildValue("(NI)", objects_.frames(row.node), total)) &&
           append(functions_, objects_.functions(row.node));
  }
  bool add_sum(const SnapshotRow& row) {
    if (row.live.count == 0 && row.live.size == 0) return true;
    return append(
        rows_, Py_BuildValue("(ILLn)", row.domain, row.live.size, row.live.count, index_of(row)));
  }
  bool add_group(const BlockGroup& group) {
    const SnapshotRow* const row = copy_.find(group.record);
    if (row == nullptr) return true;
    return append(rows_,
                  Py_BuildValue("(ILKn)", row->domain, group.size, group.count, index_of(*row)));
  }
  bool add_metrics(const SnapshotRow& row) {
    return append(metrics_, Py_BuildValue("(ILLLLLLn)", row.domain, row.live.size, row.live.count,
                                          row.peak.size, row.peak.count, row.total.size,
                                          row.total.count, index_of(row)));
  }

  const CounterCopy& copy_;
  TracebackObjects& objects_;
  Reference rows_, tracebacks_, functions_, metrics_;
};

// One traceback's tuple may be wanted by several groups of blocks.
class TraceList {
 public:
  TraceList(const CounterCopy& copy, TracebackObjects& objects) : copy_(copy), objects_(objects) {}

  PyObject* build() {
    list_ = Reference(PyList_New(0));
    if (!list_ || !frames_.allocate(copy_.tables().nodes.size())) return nullptr;
    for (const BlockGroup& group : copy_.groups()) {
      const SnapshotRow* const row = copy_.find(group.record);
      if (row != nullptr && !add(group, *row)) return nullptr;
    }
    return list_.release();
  }

 private:
  bool add(const BlockGroup& group, const SnapshotRow& row) {
    PyObject*& frames = frames_[row.node];
    if (frames == nullptr) frames = objects_.frames(row.node);
    if (frames == nullptr) return false;
    const auto kept = static_cast<std::uint32_t>(PyTuple_GET_SIZE(frames));
    const Reference trace(Py_BuildValue("(ILOI)", row.domain, group.size, frames,
                                        total_frames(row.all_frames, kept)));
    if (!trace) return false;
    for (std::uint64_t block = 0; block < group.count; ++block) {
      if (!append(list_, trace.again())) return false;
    }
    return true;
  }

  const CounterCopy& copy_;
  TracebackObjects& objects_;
  Reference list_;
  ObjectTable frames_;  // by node
};

}  // namespace

PyObject* all_traces() {
  const Untraced untraced;
  const CounterCopy copy(true);
  if (!copy.is_there()) return nullptr;
  TracebackObjects objects(copy.tables());
  return objects.allocate() ? TraceList(copy, objects).build() : nullptr;
}

PyObject* all_rows(bool by_size, bool with_metrics) {
  const Untraced untraced;
  const CounterCopy copy(by_size);
  if (!copy.is_there()) return nullptr;
  TracebackObjects objects(copy.tables());
  RowLists lists(copy, objects);
  if (!objects.allocate() || !lists.build(by_size, with_metrics)) return nullptr;
  return lists.take(with_metrics);
}

PyObject* traceback_of_block(std::uint32_t domain, std::uintptr_t address) {
  const Untraced untraced;
  const runtime::InterpreterSupport& support = *mtrace_interpreter_support();
  runtime::BlockTraceback found;
  if (!support.find_block(domain, address, found)) Py_RETURN_NONE;
  const runtime::TracebackTables tables = support.tables();
  const std::uint32_t total = total_frames(found.all_frames, depth_of(tables, found.node));
  return Py_BuildValue("(NI)", frames_of(tables, found.node), total);
}

}  // namespace memtrace::python
