#include "runtime/unwind/frame_rules.hpp"

#include <limits>

#include "runtime/unwind/dwarf_expression.hpp"

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

namespace {

// In the upper two bits, with an operand in the lower six.
constexpr std::uint8_t kAdvanceShort = 0x40;
constexpr std::uint8_t kOffsetShort = 0x80;
constexpr std::uint8_t kRestoreShort = 0xC0;
constexpr std::uint8_t kShortMask = 0xC0;
// Whole bytes.
constexpr std::uint8_t kNothing = 0x00;
constexpr std::uint8_t kSetLocation = 0x01;
constexpr std::uint8_t kAdvance1 = 0x02;
constexpr std::uint8_t kAdvance2 = 0x03;
constexpr std::uint8_t kAdvance4 = 0x04;
constexpr std::uint8_t kOffset = 0x05;
constexpr std::uint8_t kRestore = 0x06;
constexpr std::uint8_t kUndefined = 0x07;
constexpr std::uint8_t kSameValue = 0x08;
constexpr std::uint8_t kRegister = 0x09;
constexpr std::uint8_t kRememberState = 0x0A;
constexpr std::uint8_t kRestoreState = 0x0B;
constexpr std::uint8_t kDefineCfa = 0x0C;
constexpr std::uint8_t kDefineCfaRegister = 0x0D;
constexpr std::uint8_t kDefineCfaOffset = 0x0E;
constexpr std::uint8_t kDefineCfaExpression = 0x0F;
constexpr std::uint8_t kExpression = 0x10;
constexpr std::uint8_t kOffsetSigned = 0x11;
constexpr std::uint8_t kDefineCfaSigned = 0x12;
constexpr std::uint8_t kDefineCfaOffsetSigned = 0x13;
constexpr std::uint8_t kValueOffset = 0x14;
constexpr std::uint8_t kValueOffsetSigned = 0x15;
constexpr std::uint8_t kValueExpression = 0x16;
constexpr std::uint8_t kArgumentsSize = 0x2E;
constexpr std::uint8_t kOffsetNegated = 0x2F;

class RuleMachine {
 public:
  RuleMachine(const FrameEntry& entry, std::span<const std::uint8_t> segment,
              std::uintptr_t address)
      : entry_(entry), segment_(segment), address_(address), location_(entry.begin) {}

  bool run(FrameRules& rules);

 private:
  void run_program(std::span<const std::uint8_t> program);
  void run_one(std::uint8_t instruction);
  bool run_location(std::uint8_t instruction);
  bool run_cfa(std::uint8_t instruction);
  bool run_register(std::uint8_t instruction);
  void run_state(std::uint8_t instruction);

  void advance(std::uint64_t delta) { location_ += delta * entry_.code_alignment; }
  void set(std::uint64_t number, RuleKind kind, std::int32_t operand);
  void restore(std::uint64_t number);
  void set_cfa_register(std::uint64_t number);
  std::int32_t narrow(std::int64_t value);
  std::int32_t factored(std::int64_t value);
  std::int32_t factored_unsigned() {
    return factored(static_cast<std::int64_t>(cursor_.unsigned_leb()));
  }
  std::int32_t expression();

  static constexpr std::size_t kDeepest = 4;  // compilers nest remembered states once

  const FrameEntry& entry_;
  std::span<const std::uint8_t> segment_;
  std::uintptr_t address_;
  std::uintptr_t location_;
  DwarfCursor cursor_{std::span<const std::uint8_t>()};
  FrameRules rules_;
  FrameRules initial_;
  std::array<FrameRules, kDeepest> remembered_;
  std::size_t depth_ = 0;
};

bool RuleMachine::run(FrameRules& rules) {
  if (entry_.return_address_register >= kRegisters) return false;
  rules_.signal_frame = entry_.signal_frame;
  rules_.return_address_register = static_cast<std::uint8_t>(entry_.return_address_register);
  run_program(entry_.initial_instructions);
  if (!cursor_.ok()) return false;
  initial_ = rules_;
  location_ = entry_.begin;
  run_program(entry_.instructions);
  rules = rules_;
  return cursor_.ok();
}

void RuleMachine::run_program(std::span<const std::uint8_t> program) {
  cursor_ = DwarfCursor(program);
  // What is at a later location does not hold yet.
  while (!cursor_.at_end() && location_ <= address_) run_one(cursor_.byte());
}

void RuleMachine::run_one(std::uint8_t instruction) {
  const auto operand = static_cast<std::uint8_t>(instruction & ~kShortMask);
  switch (instruction & kShortMask) {
    case kAdvanceShort:
      return advance(operand);
    case kOffsetShort:
      return set(operand, RuleKind::at_offset, factored_unsigned());
    case kRestoreShort:
      return restore(operand);
    default:
      if (run_location(instruction) || run_cfa(instruction) || run_register(instruction)) return;
      run_state(instruction);
  }
}

bool RuleMachine::run_location(std::uint8_t instruction) {
  switch (instruction) {
    case kSetLocation:
      location_ = cursor_.pointer(entry_.pointer_encoding, 0);
      return true;
    case kAdvance1:
      advance(cursor_.fixed<std::uint8_t>());
      return true;
    case kAdvance2:
      advance(cursor_.fixed<std::uint16_t>());
      return true;
    case kAdvance4:
      advance(cursor_.fixed<std::uint32_t>());
      return true;
    default:
      return false;
  }
}

bool RuleMachine::run_cfa(std::uint8_t instruction) {
  switch (instruction) {
    case kDefineCfa:
      set_cfa_register(cursor_.unsigned_leb());
      rules_.cfa_operand = narrow(static_cast<std::int64_t>(cursor_.unsigned_leb()));
      return true;
    case kDefineCfaSigned:
      set_cfa_register(cursor_.unsigned_leb());
      rules_.cfa_operand = factored(cursor_.signed_leb());
      return true;
    case kDefineCfaRegister:
      set_cfa_register(cursor_.unsigned_leb());
      return true;
    case kDefineCfaOffset:
      rules_.cfa_operand = narrow(static_cast<std::int64_t>(cursor_.unsigned_leb()));
      return true;
    case kDefineCfaOffsetSigned:
      rules_.cfa_operand = factored(cursor_.signed_leb());
      return true;
    case kDefineCfaExpression:
      rules_.cfa_is_expression = true;
      rules_.cfa_operand = expression();
      return true;
    default:
      return false;
  }
}

bool RuleMachine::run_register(std::uint8_t instruction) {
  if (instruction < kOffset || instruction > kOffsetNegated) return false;
  if (instruction == kRememberState || instruction == kRestoreState) return false;
  if (instruction == kArgumentsSize) return false;
  const std::uint64_t number = cursor_.unsigned_leb();
  switch (instruction) {
    case kOffset:
      set(number, RuleKind::at_offset, factored_unsigned());
      return true;
    case kOffsetSigned:
      set(number, RuleKind::at_offset, factored(cursor_.signed_leb()));
      return true;
    case kOffsetNegated:
      set(number, RuleKind::at_offset, narrow(-std::int64_t{factored_unsigned()}));
      return true;
    case kValueOffset:
      set(number, RuleKind::is_offset, factored_unsigned());
      return true;
    case kValueOffsetSigned:
      set(number, RuleKind::is_offset, factored(cursor_.signed_leb()));
      return true;
    case kRestore:
      restore(number);
      return true;
    case kUndefined:
      set(number, RuleKind::undefined, 0);
      return true;
    case kSameValue:
      set(number, RuleKind::same_value, 0);
      return true;
    case kRegister:
      set(number, RuleKind::other_register,
          narrow(static_cast<std::int64_t>(cursor_.unsigned_leb())));
      return true;
    case kExpression:
      set(number, RuleKind::at_expression, expression());
      return true;
    case kValueExpression:
      set(number, RuleKind::is_expression, expression());
      return true;
    default:
      cursor_.fail();
      return true;
  }
}

void RuleMachine::run_state(std::uint8_t instruction) {
  switch (instruction) {
    case kNothing:
      return;
    case kArgumentsSize:
      cursor_.unsigned_leb();
      return;
    case kRememberState:
      if (depth_ == kDeepest) return cursor_.fail();
      remembered_[depth_++] = rules_;
      return;
    case kRestoreState:
      if (depth_ == 0) return cursor_.fail();
      rules_ = remembered_[--depth_];
      return;
    default:
      cursor_.fail();
  }
}

void RuleMachine::set(std::uint64_t number, RuleKind kind, std::int32_t operand) {
  // Vector registers and the like have rules too; no frame depends on them.
  if (number < kRegisters) rules_.registers[number] = Rule{kind, operand};
}

void RuleMachine::restore(std::uint64_t number) {
  if (number < kRegisters) rules_.registers[number] = initial_.registers[number];
}

void RuleMachine::set_cfa_register(std::uint64_t number) {
  if (number >= kRegisters) cursor_.fail();
  rules_.cfa_is_expression = false;
  rules_.cfa_register = static_cast<std::uint8_t>(number);
}

std::int32_t RuleMachine::narrow(std::int64_t value) {
  using Limits = std::numeric_limits<std::int32_t>;
  if (value < Limits::min() || value > Limits::max()) cursor_.fail();
  return static_cast<std::int32_t>(value);
}

std::int32_t RuleMachine::factored(std::int64_t value) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(value, entry_.data_alignment, &product)) cursor_.fail();
  return narrow(product);
}

std::int32_t RuleMachine::expression() {
  const std::ptrdiff_t offset = cursor_.position() - segment_.data();
  cursor_.skip(cursor_.unsigned_leb());
  return narrow(offset);
}

}  // namespace

bool evaluate_rules(const FrameEntry& entry, std::span<const std::uint8_t> segment,
                    std::uintptr_t address, FrameRules& rules) {
  RuleMachine machine(entry, segment, address);
  return machine.run(rules);
}

}  // namespace memtrace::runtime
