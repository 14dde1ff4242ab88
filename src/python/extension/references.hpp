// Objects that begin a new life without an allocation: those that come from one of the
// interpreter's free lists. They carry the traceback of who made them last.
#pragma once

namespace memtrace::python {

// From now on, wherever an object comes from, the tracer is told of it. With the GIL held, when the
// interpreter has begun its program and the allocators are hooked. false where this interpreter
// does not let itself be followed: its objects keep the traceback of the first of their lives.
bool follow_references();
// The interpreter is as it was.
void leave_references();

// The slot, or the allocators, may be somebody else's by now.
void keep_references();

}  // namespace memtrace::python
