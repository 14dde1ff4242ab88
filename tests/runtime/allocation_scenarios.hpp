// Scenarios of tracer_scenarios.
#pragma once

namespace memtrace::test {

void malloc_family();
void moves();
void operators();
void exceptions();

}  // namespace memtrace::test
