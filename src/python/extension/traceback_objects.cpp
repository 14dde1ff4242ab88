#include "python/extension/traceback_objects.hpp"

#include "python/extension/text.hpp"

namespace memtrace::python {

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
  unknown_ = Reference(Py_BuildValue("((si))", "<unknown>", 0));
  empty_ = Reference(string_of(""));
  return unknown_ && empty_ && texts_.allocate(tables_.texts.size()) &&
         modules_.allocate(tables_.modules.size()) && frames_.allocate(tables_.locations.size());
}

std::uint32_t TracebackObjects::depth_of(std::uint32_t node) const {
  std::uint32_t depth = 0;
  for (; node != 0; node = tables_.nodes[node].parent) ++depth;
  return depth;
}

PyObject* TracebackObjects::frames(std::uint32_t node) {
  if (node == 0) return unknown_.again();
  Reference tuple(PyTuple_New(static_cast<Py_ssize_t>(depth_of(node))));
  if (!tuple) return nullptr;
  for (Py_ssize_t i = 0; node != 0; node = tables_.nodes[node].parent) {
    PyObject* const item = frame(tables_.nodes[node].location);
    if (item == nullptr) return nullptr;
    Py_INCREF(item);
    PyTuple_SET_ITEM(tuple.get(), i++, item);
  }
  return tuple.release();
}

PyObject* TracebackObjects::functions(std::uint32_t node) {
  Reference tuple(PyTuple_New(node == 0 ? 1 : static_cast<Py_ssize_t>(depth_of(node))));
  if (!tuple) return nullptr;
  if (node == 0) PyTuple_SET_ITEM(tuple.get(), 0, empty_.again());
  for (Py_ssize_t i = 0; node != 0; node = tables_.nodes[node].parent) {
    PyObject* const item = function(tables_.nodes[node].location);
    if (item == nullptr) return nullptr;
    Py_INCREF(item);
    PyTuple_SET_ITEM(tuple.get(), i++, item);
  }
  return tuple.release();
}

PyObject* TracebackObjects::text(std::uint32_t id) {
  if (id >= tables_.texts.size()) return empty_.get();
  if (texts_[id] == nullptr) texts_[id] = string_of(tables_.texts[id]);
  return texts_[id];
}

PyObject* TracebackObjects::module_name(std::uint32_t id) {
  if (id >= tables_.modules.size()) return empty_.get();
  const char* const path = tables_.modules[id].path;
  if (modules_[id] == nullptr)
    modules_[id] = PyUnicode_DecodeFSDefault(path == nullptr ? "" : path);
  return modules_[id];
}

PyObject* TracebackObjects::frame(std::uint32_t location) {
  PyObject*& frame = frames_[location];
  if (frame != nullptr) return frame;
  const runtime::CodeLocation& from = tables_.locations[location];
  if (from.kind == runtime::CodeLocation::Kind::source) {
    const runtime::SourceLine source = from.source();
    PyObject* const file = text(source.file);
    if (file != nullptr) frame = Py_BuildValue("(OI)", file, source.line);
  } else {
    // A machine's instruction: its library, no line.
    PyObject* const name = module_name(from.module);
    if (name != nullptr) frame = Py_BuildValue("(OI)", name, 0U);
  }
  return frame;
}

PyObject* TracebackObjects::function(std::uint32_t location) {
  const runtime::CodeLocation& from = tables_.locations[location];
  return from.kind == runtime::CodeLocation::Kind::source ? text(from.source().function)
                                                          : empty_.get();
}

}  // namespace memtrace::python
