#include "python/extension/traceback_objects.hpp"

#include "python/extension/text.hpp"

namespace memtrace::python {
namespace {

using runtime::CodeLocation;
using runtime::TracebackTables;

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

}  // namespace

std::uint32_t depth_of(const TracebackTables& tables, std::uint32_t node) {
  std::uint32_t depth = 0;
  for (; node != 0; node = tables.nodes[node].parent) ++depth;
  return depth;
}

PyObject* frames_of(const TracebackTables& tables, std::uint32_t node) {
  if (node == 0) return unknown_frames();
  return tuple_of_path(tables, node, [&](std::uint32_t location) -> PyObject* {
    const CodeLocation& from = tables.locations[location];
    const Reference name(new_file_name(tables, from));
    return name ? Py_BuildValue("(OI)", name.get(), line_of(from)) : nullptr;
  });
}

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

}  // namespace memtrace::python
