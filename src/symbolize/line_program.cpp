#include "symbolize/line_program.hpp"

#include <dwarf.h>

#include <algorithm>
#include <cstring>

namespace memtrace {
namespace {

class LineMachine {
 public:
  LineMachine(LineHeader& header, std::span<const std::uint64_t> addresses,
              std::span<const AddressRange> code)
      : header_(header),
        addresses_(addresses),
        code_(code),
        at_(header.program.data()),
        end_(at_ + header.program.size()),
        rows_(addresses.size()) {}

  // False where it is damaged.
  bool run() {
    begin_sequence();
    while (at_ != end_ && is_whole_) step();
    return is_whole_;
  }

  std::vector<LineRow> take() { return std::move(rows_); }

 private:
  void begin_sequence() {
    row_ = {.address = 0, .file = 1, .line = 1, .is_known = true};
    has_row_ = false;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; at_ != end_; shift += 7) {
      const std::uint8_t byte = *at_++;
      if (shift < 64) value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    is_whole_ = false;
    return 0;
  }

  std::uint32_t signed_varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; at_ != end_;) {
      const std::uint8_t byte = *at_++;
      if (shift < 64) value |= std::uint64_t{byte & 0x7FU} << shift;
      shift += 7;
      if (byte >= 0x80) continue;
      if ((byte & 0x40U) != 0 && shift < 64) value |= UINT64_MAX << shift;
      return static_cast<std::uint32_t>(value);
    }
    is_whole_ = false;
    return 0;
  }

  std::uint64_t fixed(std::size_t size) {
    std::uint64_t value = 0;
    if (static_cast<std::size_t>(end_ - at_) < size || size > sizeof value) {
      is_whole_ = false;
      return 0;
    }
    std::memcpy(&value, at_, size);
    at_ += size;
    return value;
  }

  void step() {
    const std::uint8_t opcode = *at_++;
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
        row_.address += varint() * header_.minimum_instruction;
        break;
      case DW_LNS_advance_line:
        row_.line += signed_varint();
        break;
      case DW_LNS_set_file:
        row_.file = static_cast<std::uint32_t>(varint());
        break;
      case DW_LNS_const_add_pc:
        row_.address +=
            static_cast<std::uint64_t>((255 - header_.opcode_base) / header_.line_range) *
            header_.minimum_instruction;
        break;
      case DW_LNS_fixed_advance_pc:
        row_.address += fixed(2);
        break;
      default:
        for (int i = header_.opcode_arguments[opcode - 1U]; i > 0 && is_whole_; --i) varint();
    }
  }

  void extended_step() {
    const std::uint64_t size = varint();
    if (!is_whole_ || size == 0 || size > static_cast<std::uint64_t>(end_ - at_)) {
      is_whole_ = false;
      return;
    }
    const std::uint8_t* const behind = at_ + size;
    switch (*at_++) {
      case DW_LNE_end_sequence:
        end_sequence();
        break;
      case DW_LNE_set_address:
        row_.address = fixed(size - 1);
        break;
      case DW_LNE_define_file:
        define_file(behind);
        break;
      default:
        break;
    }
    at_ = behind;
  }

  void define_file(const std::uint8_t* behind) {
    const auto most = static_cast<std::size_t>(behind - at_);
    const std::string_view name(reinterpret_cast<const char*>(at_),
                                strnlen(reinterpret_cast<const char*>(at_), most));
    at_ += std::min(name.size() + 1, most);
    header_.files.push_back({name, varint()});
  }

  void add_row() {
    if (has_row_) {
      answer_until(row_.address);
    } else {
      is_dropped_ = !is_code(row_.address);
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

  [[nodiscard]] bool is_code(std::uint64_t address) const {
    return code_.empty() || std::any_of(code_.begin(), code_.end(), [&](const AddressRange& range) {
             return range.contains(address);
           });
  }

  LineHeader& header_;
  std::span<const std::uint64_t> addresses_;
  std::span<const AddressRange> code_;
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::vector<LineRow> rows_;
  LineRow row_, last_;
  std::size_t next_ = 0;  // the first address that is not before the last row
  bool has_row_ = false;  // in this sequence
  bool is_dropped_ = false;
  bool is_whole_ = true;
};

}  // namespace

std::vector<LineRow> run_line_program(LineHeader& header, std::span<const std::uint64_t> addresses,
                                      std::span<const AddressRange> code, bool& is_damaged) {
  LineMachine machine(header, addresses, code);
  is_damaged = !machine.run();
  return machine.take();
}

}  // namespace memtrace
