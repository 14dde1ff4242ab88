// The parts that every JSON document shares.
#pragma once

#include <string_view>

#include "mtrace/report.hpp"
#include "mtrace/snapshot_info.hpp"
#include "render/json.hpp"

namespace memtrace {

// What is known of a snapshot, as one object. `losses_known`: false where only the file's header
// was read and the header does not say.
void write_snapshot_object(JsonWriter& json, const Metadata& metadata, std::string_view path,
                           bool losses_known = true);

// {"size": 10, "count": 2}
void write_amount(JsonWriter& json, const Amount& amount);

}  // namespace memtrace
