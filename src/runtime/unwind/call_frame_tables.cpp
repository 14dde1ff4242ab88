#include "runtime/unwind/call_frame_tables.hpp"

#include "runtime/unwind/dwarf_cursor.hpp"

namespace memtrace::runtime {
namespace {

using Bytes = std::span<const std::uint8_t>;

// A CIE or an FDE behind its length.
struct Record {
  const std::uint8_t* id_field = nullptr;
  std::uint32_t id = 0;  // 0: a CIE; otherwise how far before this field the FDE's CIE begins
  Bytes body;
};

// false at the terminator, at the end and in nonsense.
bool read_record(DwarfCursor& cursor, Record& record) {
  constexpr std::uint32_t kLengthIsLong = 0xFFFFFFFF;
  std::uint64_t length = cursor.fixed<std::uint32_t>();
  if (length == kLengthIsLong) length = cursor.fixed<std::uint64_t>();
  DwarfCursor fields(cursor.bytes(length));
  record.id_field = fields.position();
  record.id = fields.fixed<std::uint32_t>();
  record.body = fields.bytes(fields.remaining());
  return cursor.ok() && fields.ok();
}

// "zR", "zPLR", "zRS": `data` are the values that the letters stand for.
bool read_augmentation(const char* letters, DwarfCursor data, FrameEntry& entry) {
  for (; *letters != '\0'; ++letters) {
    switch (*letters) {
      case 'R':
        entry.pointer_encoding = data.byte();
        break;
      case 'P': {
        // The personality routine, of which only the size matters here.
        const std::uint8_t encoding = data.byte();
        data.pointer(static_cast<std::uint8_t>(encoding & kPointerFormatMask), 0);
        break;
      }
      case 'L':
        data.byte();
        break;
      case 'S':
        entry.signal_frame = true;
        break;
      default:
        return false;
    }
  }
  return data.ok();
}

bool read_common_entry(const CallFrameTables& tables, const std::uint8_t* position,
                       FrameEntry& entry) {
  DwarfCursor records(tables.segment, position);
  Record record;
  if (!read_record(records, record) || record.id != 0) return false;
  DwarfCursor fields(record.body);
  const std::uint8_t version = fields.byte();
  if (version != 1 && version != 3) return false;
  const auto* augmentation = reinterpret_cast<const char*>(fields.position());
  while (fields.byte() != 0) {
  }
  entry.code_alignment = fields.unsigned_leb();
  entry.data_alignment = fields.signed_leb();
  entry.return_address_register = version == 1 ? fields.byte() : fields.unsigned_leb();
  if (!fields.ok()) return false;
  entry.augmented = *augmentation == 'z';
  if (entry.augmented) {
    const Bytes data = fields.bytes(fields.unsigned_leb());
    if (!read_augmentation(augmentation + 1, DwarfCursor(data), entry)) return false;
  } else if (*augmentation != '\0') {
    return false;
  }
  entry.initial_instructions = fields.bytes(fields.remaining());
  return fields.ok();
}

bool read_frame_entry(const CallFrameTables& tables, const Record& record, FrameEntry& entry) {
  const auto field = reinterpret_cast<std::uintptr_t>(record.id_field);
  const auto* common = reinterpret_cast<const std::uint8_t*>(field - record.id);
  entry = FrameEntry{};
  if (!read_common_entry(tables, common, entry)) return false;
  DwarfCursor fields(record.body);
  entry.begin = fields.pointer(entry.pointer_encoding, 0);
  const auto format = static_cast<std::uint8_t>(entry.pointer_encoding & kPointerFormatMask);
  entry.end = entry.begin + fields.pointer(format, 0);
  if (entry.augmented) fields.skip(fields.unsigned_leb());
  entry.instructions = fields.bytes(fields.remaining());
  return fields.ok() && entry.begin <= entry.end;
}

bool holds(const FrameEntry& entry, std::uintptr_t address) {
  return address >= entry.begin && address < entry.end;
}

// .eh_frame_hdr as every linker writes it: pairs of (function, FDE), sorted, each 32 bits relative
// to the header.
class SearchTable {
 public:
  SearchTable(Bytes pairs, std::uintptr_t header) : pairs_(pairs), header_(header) {}

  // The FDE of the last function that begins at or before `address`.
  [[nodiscard]] const std::uint8_t* find(std::uintptr_t address) const {
    std::size_t first = 0;
    std::size_t count = pairs_.size() / kPair;
    while (count > 1) {
      const std::size_t half = count / 2;
      if (value(first + half, 0) <= address) {
        first += half;
        count -= half;
      } else {
        count = half;
      }
    }
    if (count == 0 || value(first, 0) > address) return nullptr;
    return reinterpret_cast<const std::uint8_t*>(value(first, kPair / 2));
  }

  static constexpr std::size_t kPair = 8;
  static constexpr std::uint8_t kEncoding = 0x3B;

 private:
  [[nodiscard]] std::uintptr_t value(std::size_t index, std::size_t field) const {
    std::int32_t offset = 0;
    std::memcpy(&offset, pairs_.data() + index * kPair + field, sizeof offset);
    return header_ + static_cast<std::uintptr_t>(std::intptr_t{offset});
  }

  Bytes pairs_;
  std::uintptr_t header_;
};

bool find_by_pass(const CallFrameTables& tables, std::uintptr_t eh_frame, std::uintptr_t address,
                  FrameEntry& entry) {
  DwarfCursor records(tables.segment, reinterpret_cast<const std::uint8_t*>(eh_frame));
  Record record;
  while (read_record(records, record)) {
    if (record.id == 0) continue;
    if (read_frame_entry(tables, record, entry) && holds(entry, address)) return true;
  }
  return false;
}

}  // namespace

bool find_frame_entry(const CallFrameTables& tables, std::uintptr_t address, FrameEntry& entry) {
  DwarfCursor fields(tables.segment, tables.header);
  const auto header = reinterpret_cast<std::uintptr_t>(tables.header);
  const std::uint8_t version = fields.byte();
  const std::uint8_t eh_frame_encoding = fields.byte();
  const std::uint8_t count_encoding = fields.byte();
  const std::uint8_t table_encoding = fields.byte();
  const std::uintptr_t eh_frame = fields.pointer(eh_frame_encoding, header);
  if (!fields.ok() || version != 1) return false;
  if (count_encoding == kPointerOmitted || table_encoding != SearchTable::kEncoding) {
    return find_by_pass(tables, eh_frame, address, entry);
  }
  const std::uint64_t count = fields.pointer(count_encoding, header);
  if (!fields.ok() || count > fields.remaining() / SearchTable::kPair) return false;
  const SearchTable table(fields.bytes(count * SearchTable::kPair), header);
  DwarfCursor records(tables.segment, table.find(address));
  Record record;
  return read_record(records, record) && record.id != 0 &&
         read_frame_entry(tables, record, entry) && holds(entry, address);
}

}  // namespace memtrace::runtime
