// The order in which snapshot files hold frames and modules.
#pragma once

#include "mtrace/snapshot.hpp"
#include "wire/plain_tables.hpp"

namespace memtrace {

static_assert(static_cast<std::uint32_t>(kNone<StringId>) == wire::kNoIndex);
static_assert(static_cast<int>(FrameKind::inlined) ==
              static_cast<int>(wire::PlainFrameKind::inlined));
static_assert(static_cast<int>(FrameKind::exact_address) ==
              static_cast<int>(wire::PlainFrameKind::exact_address));

inline wire::PlainFrame plain(const Frame& frame) {
  return {.offset = frame.offset,
          .filename = static_cast<std::uint32_t>(frame.filename),
          .lineno = frame.lineno,
          .function = static_cast<std::uint32_t>(frame.function),
          .module = static_cast<std::uint32_t>(frame.module),
          .kind = static_cast<wire::PlainFrameKind>(frame.kind)};
}

inline wire::PlainModule plain(const Module& module) {
  return {.name = static_cast<std::uint32_t>(module.name), .build_id = module.build_id};
}

// What modules compare by where their names are in canonical order.
inline wire::PlainModule canonical_key(const Module& module) {
  return plain(module);
}

// What frames compare by where their strings and modules are in canonical order.
inline wire::FrameKey canonical_key(const Frame& frame) {
  return wire::key_of(plain(frame));
}

}  // namespace memtrace
