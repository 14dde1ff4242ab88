#include "symbolize/line_program.hpp"

#include <dwarf.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/byte_cursor.hpp"

namespace memtrace {
namespace {

constexpr std::uint32_t kLongFormat = UINT32_MAX;
constexpr std::uint16_t kFirstVersion = 2, kFormatsVersion = 5;
// What one entry of a table of DWARF 5 takes at least is unknown: none of its values need any byte.
constexpr std::uint64_t kMostEntries = 1 << 20;
constexpr std::size_t kLongestPath = 1 << 16;

std::string_view text_at(Bytes section, std::uint64_t offset) {
  if (offset >= section.size()) throw Error("a name is outside of its section");
  const Bytes rest = section.subspan(offset, std::min(section.size() - offset, kLongestPath));
  const void* const end = std::memchr(rest.data(), 0, rest.size());
  if (end == nullptr) throw Error("a name does not end");
  const auto size = static_cast<std::size_t>(static_cast<const std::uint8_t*>(end) - rest.data());
  return {reinterpret_cast<const char*>(rest.data()), size};
}

class HeaderReader {
 public:
  HeaderReader(const LineSections& sections, Bytes rest)
      : sections_(sections), rest_(rest), cursor_(rest) {}

  LineHeader read() {
    const std::uint64_t size = read_size();
    if (size > cursor_.remaining()) cursor_.fail("a line number program is cut off");
    const std::uint64_t end = cursor_.offset() + size;
    header_.version = cursor_.little_endian<std::uint16_t>();
    if (header_.version < kFirstVersion || header_.version > kFormatsVersion) {
      cursor_.fail("a line number program is of an unknown version");
    }
    if (header_.version >= kFormatsVersion) {
      cursor_.skip(2);  // the sizes of addresses and of segment selectors
    }
    const std::uint64_t header_size = offset();
    const std::uint64_t program = cursor_.offset() + header_size;
    if (header_size > cursor_.remaining() || program > end) {
      cursor_.fail("the header of a line number program is cut off");
    }
    read_opcodes();
    if (header_.version >= kFormatsVersion) {
      read_tables();
    } else {
      read_old_tables();
    }
    header_.program = rest_.subspan(program, end - program);
    return std::move(header_);
  }

 private:
  std::uint64_t read_size() {
    const auto size = cursor_.little_endian<std::uint32_t>();
    if (size != kLongFormat) return size;
    is_long_ = true;
    return cursor_.little_endian<std::uint64_t>();
  }

  std::uint64_t offset() {
    return is_long_ ? cursor_.little_endian<std::uint64_t>()
                    : cursor_.little_endian<std::uint32_t>();
  }

  std::string_view text() {
    const std::string_view name = text_at(rest_, cursor_.offset());
    cursor_.bytes(name.size() + 1);
    return name;
  }

  void read_opcodes() {
    header_.minimum_instruction = cursor_.u8();
    if (header_.version >= 4) cursor_.u8();  // operations in an instruction, of other processors
    cursor_.u8();                            // whether rows are statements at first
    header_.line_base = static_cast<std::int8_t>(cursor_.u8());
    header_.line_range = cursor_.u8();
    header_.opcode_base = cursor_.u8();
    if (header_.line_range == 0 || header_.opcode_base == 0) {
      cursor_.fail("a line number program has no opcodes");
    }
    for (int i = 1; i < header_.opcode_base; ++i) {
      header_.opcode_arguments.push_back(cursor_.u8());
    }
  }

  void read_old_tables() {
    header_.folders.emplace_back();
    for (std::string_view name = text(); !name.empty(); name = text()) {
      header_.folders.push_back(name);
    }
    header_.files.emplace_back();
    for (std::string_view name = text(); !name.empty(); name = text()) {
      header_.files.push_back({name, cursor_.varint()});
      cursor_.varint();  // when it was changed
      cursor_.varint();  // its size
    }
  }

  // What each entry consists of: (what it is, its form).
  std::vector<std::pair<std::uint64_t, std::uint64_t>> read_format() {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> format(cursor_.u8());
    for (auto& [content, form] : format) {
      content = cursor_.varint();
      form = cursor_.varint();
    }
    return format;
  }

  void read_tables() {
    for (const bool are_files : {false, true}) {
      const auto format = read_format();
      const std::uint64_t count = cursor_.varint();
      if (count > kMostEntries) cursor_.fail("a line number program has too many files");
      for (std::uint64_t i = 0; i < count; ++i) {
        LineHeader::File entry;
        for (const auto& [content, form] : format) read_value(content, form, entry);
        if (are_files) {
          header_.files.push_back(entry);
        } else {
          header_.folders.push_back(entry.name);
        }
      }
    }
  }

  void read_value(std::uint64_t content, std::uint64_t form, LineHeader::File& entry) {
    std::uint64_t number = 0;
    std::string_view name;
    switch (form) {
      case DW_FORM_string:
        name = text();
        break;
      case DW_FORM_line_strp:
        name = text_at(sections_.line_strings, offset());
        break;
      case DW_FORM_strp:
        name = text_at(sections_.strings, offset());
        break;
      case DW_FORM_data1:
        number = cursor_.u8();
        break;
      case DW_FORM_data2:
        number = cursor_.little_endian<std::uint16_t>();
        break;
      case DW_FORM_data4:
        number = cursor_.little_endian<std::uint32_t>();
        break;
      case DW_FORM_data8:
        number = cursor_.little_endian<std::uint64_t>();
        break;
      case DW_FORM_udata:
        number = cursor_.varint();
        break;
      case DW_FORM_data16:
        cursor_.bytes(16);
        break;
      case DW_FORM_block:
        cursor_.bytes(cursor_.varint());
        break;
      default:
        cursor_.fail("a line number program has an unknown form");
    }
    if (content == DW_LNCT_path) entry.name = name;
    if (content == DW_LNCT_directory_index) entry.folder = number;
  }

  const LineSections& sections_;
  Bytes rest_;
  ByteCursor cursor_;
  bool is_long_ = false;
  LineHeader header_;
};

}  // namespace

LineHeader read_line_header(const LineSections& sections, std::uint64_t offset) {
  if (offset >= sections.lines.size()) throw Error("a line number program is outside");
  return HeaderReader(sections, sections.lines.subspan(offset)).read();
}

namespace {

class LineMachine {
 public:
  LineMachine(LineHeader& header, std::span<const std::uint64_t> addresses,
              std::span<const CodeRange> code)
      : header_(header),
        addresses_(addresses),
        code_(code),
        cursor_(header.program),
        rows_(addresses.size()) {}

  // False where it is damaged.
  bool run() {
    begin_sequence();
    try {
      while (!cursor_.at_end()) step();
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  std::vector<LineRow> take() { return std::move(rows_); }

 private:
  void begin_sequence() {
    row_ = {.address = 0, .file = 1, .line = 1, .is_known = true};
    has_row_ = false;
  }

  void step() {
    const std::uint8_t opcode = cursor_.u8();
    if (opcode >= header_.opcode_base) {
      const unsigned advance = opcode - header_.opcode_base;
      row_.address += advance / header_.line_range * header_.minimum_instruction;
      row_.line += static_cast<std::uint32_t>(header_.line_base +
                                              static_cast<int>(advance % header_.line_range));
      add_row();
    } else if (opcode == 0) {
      extended_step();
    } else {
      standard_step(opcode);
    }
  }

  void standard_step(std::uint8_t opcode) {
    switch (opcode) {
      case DW_LNS_copy:
        add_row();
        break;
      case DW_LNS_advance_pc:
        row_.address += cursor_.varint() * header_.minimum_instruction;
        break;
      case DW_LNS_advance_line:
        row_.line += static_cast<std::uint32_t>(cursor_.signed_varint());
        break;
      case DW_LNS_set_file:
        row_.file = static_cast<std::uint32_t>(cursor_.varint());
        break;
      case DW_LNS_const_add_pc:
        row_.address +=
            static_cast<std::uint64_t>((255 - header_.opcode_base) / header_.line_range) *
            header_.minimum_instruction;
        break;
      case DW_LNS_fixed_advance_pc:
        row_.address += cursor_.fixed(2);
        break;
      default:
        for (int i = header_.opcode_arguments[opcode - 1U]; i > 0; --i) cursor_.varint();
    }
  }

  void extended_step() {
    ByteCursor operands(cursor_.take(cursor_.varint()));
    switch (operands.u8()) {
      case DW_LNE_end_sequence:
        end_sequence();
        break;
      case DW_LNE_set_address:
        row_.address = operands.fixed(operands.remaining());
        break;
      case DW_LNE_define_file:
        define_file(operands);
        break;
      default:
        break;
    }
  }

  void define_file(ByteCursor& operands) {
    const auto* const text = reinterpret_cast<const char*>(operands.position());
    const std::string_view name(text, strnlen(text, operands.remaining()));
    operands.skip(name.size() + 1);
    header_.files.push_back({name, operands.varint()});
  }

  void add_row() {
    if (has_row_) {
      answer_until(row_.address);
    } else {
      is_dropped_ = !is_code(code_, row_.address);
      has_row_ = true;
      find_next(row_.address);
    }
    last_ = row_;
  }

  void end_sequence() {
    if (has_row_) answer_until(row_.address);
    begin_sequence();
  }

  // Those from the last row on are the last row's. Mostly there is none.
  void answer_until(std::uint64_t address) {
    if (address < last_.address) find_next(address);
    while (next_ < addresses_.size() && addresses_[next_] < address) {
      LineRow& row = rows_[next_++];
      const bool is_nearer = !row.is_known || row.address <= last_.address;
      if (is_nearer && !is_dropped_) row = last_;
    }
  }

  void find_next(std::uint64_t address) {
    next_ = static_cast<std::size_t>(
        std::lower_bound(addresses_.begin(), addresses_.end(), address) - addresses_.begin());
  }

  LineHeader& header_;
  std::span<const std::uint64_t> addresses_;
  std::span<const CodeRange> code_;
  ByteCursor cursor_;
  std::vector<LineRow> rows_;
  LineRow row_, last_;
  std::size_t next_ = 0;  // the first address that is not before the last row
  bool has_row_ = false;  // in this sequence
  bool is_dropped_ = false;
};

}  // namespace

std::vector<LineRow> run_line_program(LineHeader& header, std::span<const std::uint64_t> addresses,
                                      std::span<const CodeRange> code, bool& is_damaged) {
  LineMachine machine(header, addresses, code);
  is_damaged = !machine.run();
  return machine.take();
}

}  // namespace memtrace
