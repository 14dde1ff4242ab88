// What a Python program calls in native_frames.py: functions that allocate, and one that calls
// back. In free_lists.py: what CPython calls for references.
#include <cstddef>
#include <cstdlib>

extern "C" {

// Written behind every call, so that none of them is the last thing that its caller does.
void* volatile native_kept;

void* native_allocate(std::size_t size) {
  void* const block = std::malloc(size);
  native_kept = block;
  return block;
}

void* native_allocate_deeper(std::size_t size) {
  void* const block = native_allocate(size);
  native_kept = block;
  return block;
}

void native_call_back(void (*function)()) {
  function();
  native_kept = nullptr;
}

// A PyRefTracer: counts what it is told of, by the kind of event.
int count_references(void*, int event, void* counts) {
  ++static_cast<long*>(counts)[event];
  return 0;
}
}
