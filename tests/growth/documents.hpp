// What the tests with ceilings test.
#pragma once

#include <cstddef>

// Keeps a copy of each: 1000 bytes.
void index_documents(std::size_t count);
void forget_documents();
// Takes so many bytes, and gives them back.
void sort_in_memory(std::size_t bytes);
