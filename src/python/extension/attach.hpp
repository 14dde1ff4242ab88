// A program that is traced without having asked for it.
#pragma once

namespace memtrace::python {

// The last snapshot, where the options ask for one, is taken when the program has ended, before the
// interpreter takes itself apart: afterwards nothing of what the program held would be left. The
// first to be registered is the last to be called. false with an exception.
bool take_snapshot_at_exit();

}  // namespace memtrace::python
