#include "read/profile_messages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <protozero/exception.hpp>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

using WireType = protozero::pbf_wire_type;

}  // namespace

ProfileMessages::ProfileMessages(std::string bytes) : bytes_(std::move(bytes)) {
  try {
    scan();
  } catch (const protozero::exception&) {
    fail("damaged: this is no field of a profile");
  }
}

void ProfileMessages::fail(const std::string& what) const {
  throw Error::at_byte(offset_, what);
}

// A number, or what the field's type should be is said.
template <class Field>
std::uint64_t ProfileMessages::number(Message<Field>& message) const {
  if (message.wire_type() != WireType::varint) fail("damaged: a number is expected");
  return message.get_uint64();
}
template <class Field>
protozero::data_view ProfileMessages::view(Message<Field>& message) const {
  if (message.wire_type() != WireType::length_delimited) {
    fail("damaged: a message is expected");
  }
  return message.get_view();
}
// One number, or a packed list of them.
template <class Field, class T>
void ProfileMessages::append_numbers(Message<Field>& message, std::vector<T>& numbers) const {
  if (message.wire_type() == WireType::varint) {
    numbers.push_back(static_cast<T>(message.get_uint64()));
    return;
  }
  if (message.wire_type() != WireType::length_delimited) fail("damaged: numbers are expected");
  for (const std::uint64_t value : message.get_packed_uint64()) {
    numbers.push_back(static_cast<T>(value));
  }
}

// The fields of the profile; those of samples later.
// NOLINTNEXTLINE(readability-function-size): a table.
void ProfileMessages::scan() {
  Message<ProfileField> profile(bytes_);
  begin(bytes_.data());
  while (profile.next()) {
    switch (profile.tag()) {
      case ProfileField::sample_type:
        types.push_back(value_type(view(profile)));
        break;
      case ProfileField::sample:
        samples.push_back(view(profile));
        break;
      case ProfileField::mapping:
        mapping(view(profile));
        break;
      case ProfileField::location:
        location(view(profile));
        break;
      case ProfileField::function:
        function(view(profile));
        break;
      case ProfileField::string_table: {
        const protozero::data_view text = view(profile);
        strings.emplace_back(text.data(), text.size());
        break;
      }
      case ProfileField::time_nanos:
        time = static_cast<std::int64_t>(number(profile));
        break;
      case ProfileField::duration_nanos:
        duration = static_cast<std::int64_t>(number(profile));
        break;
      case ProfileField::period_type:
        period_type = value_type(view(profile));
        break;
      case ProfileField::period:
        period = static_cast<std::int64_t>(number(profile));
        break;
      case ProfileField::comment:
        append_numbers(profile, comments);
        break;
      default:
        profile.skip();
    }
    begin(profile.data().data());
  }
}

ValueTypeMessage ProfileMessages::value_type(const protozero::data_view& data) const {
  Message<ValueTypeField> message(data);
  ValueTypeMessage value;
  while (message.next()) {
    if (message.tag() == ValueTypeField::type) {
      value.type = number(message);
    } else if (message.tag() == ValueTypeField::unit) {
      value.unit = number(message);
    } else {
      message.skip();
    }
  }
  return value;
}

void ProfileMessages::mapping(const protozero::data_view& data) {
  Message<MappingField> message(data);
  std::uint64_t id = 0;
  MappingMessage mapping;
  while (message.next()) {
    switch (message.tag()) {
      case MappingField::id:
        id = number(message);
        break;
      case MappingField::memory_start:
        mapping.start = number(message);
        break;
      case MappingField::memory_limit:
        mapping.limit = number(message);
        break;
      case MappingField::file_offset:
        mapping.file_offset = number(message);
        break;
      case MappingField::filename:
        mapping.filename = number(message);
        break;
      case MappingField::build_id:
        mapping.build_id = number(message);
        break;
      default:
        message.skip();
    }
  }
  if (!mappings.add(id, mapping)) fail(fmt::format("damaged: mapping {} comes twice", id));
}

void ProfileMessages::function(const protozero::data_view& data) {
  Message<FunctionField> message(data);
  std::uint64_t id = 0;
  FunctionMessage function;
  while (message.next()) {
    switch (message.tag()) {
      case FunctionField::id:
        id = number(message);
        break;
      case FunctionField::name:
        function.name = number(message);
        break;
      case FunctionField::system_name:
        function.system_name = number(message);
        break;
      case FunctionField::filename:
        function.filename = number(message);
        break;
      default:
        message.skip();
    }
  }
  if (!functions.add(id, function)) fail(fmt::format("damaged: function {} comes twice", id));
}

void ProfileMessages::location(const protozero::data_view& data) {
  Message<LocationField> message(data);
  std::uint64_t id = 0;
  LocationMessage location{.first_line = lines.size()};
  while (message.next()) {
    switch (message.tag()) {
      case LocationField::id:
        id = number(message);
        break;
      case LocationField::mapping_id:
        location.mapping = number(message);
        break;
      case LocationField::address:
        location.address = number(message);
        break;
      case LocationField::line:
        lines.push_back(line(view(message)));
        break;
      default:
        message.skip();
    }
  }
  location.lines = lines.size() - location.first_line;
  if (!locations.add(id, location)) fail(fmt::format("damaged: location {} comes twice", id));
}

LineMessage ProfileMessages::line(const protozero::data_view& data) const {
  Message<LineField> message(data);
  LineMessage line;
  while (message.next()) {
    if (message.tag() == LineField::function_id) {
      line.function = number(message);
    } else if (message.tag() == LineField::line) {
      line.lineno = static_cast<std::int64_t>(number(message));
    } else {
      message.skip();
    }
  }
  return line;
}

void ProfileMessages::read_sample(const protozero::data_view& data, SampleMessage& sample) {
  begin(data.data());
  sample.location_ids.clear();
  sample.values.clear();
  sample.labels.clear();
  try {
    fill_sample(data, sample);
  } catch (const protozero::exception&) {
    fail("damaged: this is no field of a sample");
  }
  if (sample.values.size() != types.size()) {
    fail(
        fmt::format("damaged: a sample has {} values, not {}", sample.values.size(), types.size()));
  }
}

std::pair<std::uint64_t, std::uint64_t> ProfileMessages::label(
    const protozero::data_view& data) const {
  Message<LabelField> message(data);
  std::uint64_t key = 0, text = 0;
  while (message.next()) {
    if (message.tag() == LabelField::key) {
      key = number(message);
    } else if (message.tag() == LabelField::str) {
      text = number(message);
    } else {
      message.skip();
    }
  }
  return {key, text};
}

void ProfileMessages::fill_sample(const protozero::data_view& data, SampleMessage& sample) const {
  Message<SampleField> message(data);
  while (message.next()) {
    if (message.tag() == SampleField::location_id) {
      append_numbers(message, sample.location_ids);
    } else if (message.tag() == SampleField::value) {
      append_numbers(message, sample.values);
    } else if (message.tag() == SampleField::label) {
      sample.labels.push_back(label(view(message)));
    } else {
      message.skip();
    }
  }
}

std::string_view ProfileMessages::string(std::uint64_t index) const {
  if (index == 0 && strings.empty()) return {};
  if (index >= strings.size()) {
    fail(fmt::format("damaged: there is no string {}, there are {}", index, strings.size()));
  }
  return strings[index];
}

// --- the first bytes ---

namespace {

// A walk along the first fields, as far as they are there: numbers, types and lengths must be those
// of a profile. Text does not pass, nor does another message.
class StartOfProfile {
 public:
  explicit StartOfProfile(std::string_view start) : rest_(start) {}

  bool is_profile() {
    std::size_t fields = 0;
    while (!rest_.empty()) {
      if (!field()) return false;
      ++fields;
    }
    return fields > 0;
  }

 private:
  // Whether it may be one; takes it.
  bool field() {
    const auto tag = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    const auto number = static_cast<ProfileField>(tag >> 3);
    const auto type = static_cast<WireType>(tag & 7);
    if (tag >= 0x80 || number < ProfileField::sample_type || number > ProfileField::doc_url) {
      return false;
    }
    const bool is_message = number <= ProfileField::function || number == ProfileField::period_type;
    const bool is_text = number == ProfileField::string_table;
    if (!is_message && !is_text && type == WireType::varint) return varint().has_value();
    const bool may_be_list = number == ProfileField::comment;
    if (type != WireType::length_delimited || !(is_message || is_text || may_be_list)) return false;
    const auto size = varint();
    if (!size) return false;
    if (is_text && !std::exchange(has_text_, true) && *size != 0) return false;
    if (is_message && *size > 0 && !rest_.empty() && !begins_message(number)) return false;
    rest_.remove_prefix(std::min<std::uint64_t>(*size, rest_.size()));
    return true;
  }

  static unsigned int last_field_of(ProfileField message) {
    switch (message) {
      case ProfileField::mapping:
        return static_cast<unsigned int>(MappingField::has_inline_frames);
      case ProfileField::location:
        return static_cast<unsigned int>(LocationField::is_folded);
      case ProfileField::function:
        return static_cast<unsigned int>(FunctionField::start_line);
      case ProfileField::sample:
        return static_cast<unsigned int>(SampleField::label);
      default:
        return static_cast<unsigned int>(ValueTypeField::unit);
    }
  }

  // The first field of a message within the profile.
  [[nodiscard]] bool begins_message(ProfileField number) const {
    const auto tag = static_cast<unsigned char>(rest_.front());
    const unsigned int inner = tag >> 3;
    const auto type = static_cast<WireType>(tag & 7);
    if (inner == 0 || inner > last_field_of(number)) return false;
    if (type == WireType::varint) return true;
    const bool has_lists = number == ProfileField::sample || number == ProfileField::location;
    return has_lists && type == WireType::length_delimited;
  }

  // What is cut off at the end of the first bytes is as good as whole.
  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return value;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::string_view rest_;
  bool has_text_ = false;
};

}  // namespace

bool begins_profile(std::string_view start) {
  return StartOfProfile(start).is_profile();
}

}  // namespace memtrace
