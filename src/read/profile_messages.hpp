// The messages of one of pprof's profiles, taken apart. Fields come in any order, and in Go's
// profiles samples come before what they refer to: so the whole profile is held, unpacked, with a
// view of each sample.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <protozero/pbf_message.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/profile_proto.hpp"
#include "model/frame_hash.hpp"

namespace memtrace {

// Numbers that stand for strings are indexes of the profile's table.
struct ValueTypeMessage {
  std::uint64_t type = 0, unit = 0;  // strings
};

struct MappingMessage {
  std::uint64_t start = 0, limit = 0, file_offset = 0;
  std::uint64_t filename = 0, build_id = 0;  // strings
};

struct FunctionMessage {
  std::uint64_t name = 0, system_name = 0, filename = 0;  // strings
};

struct LineMessage {
  std::uint64_t function = 0;
  std::int64_t lineno = 0;
};

struct LocationMessage {
  std::uint64_t mapping = 0, address = 0;
  std::size_t first_line = 0, lines = 0;  // in the list of all
};

struct SampleMessage {
  std::vector<std::uint64_t> location_ids{};  // most recent first
  std::vector<std::int64_t> values{};
  std::vector<std::pair<std::uint64_t, std::uint64_t>> labels{};  // strings
};

// Messages of a kind, by their ids.
template <class Message>
class MessageTable {
 public:
  // Whether the id is new.
  bool add(std::uint64_t id, const Message& message) {
    const bool is_new = places_.try_emplace(id, messages_.size()).second;
    if (is_new) messages_.push_back(message);
    return is_new;
  }
  // kNowhere where there is none.
  [[nodiscard]] std::size_t find(std::uint64_t id) const {
    const auto found = places_.find(id);
    return found == places_.end() ? kNowhere : found->second;
  }
  [[nodiscard]] const std::vector<Message>& all() const { return messages_; }
  [[nodiscard]] const Message& operator[](std::size_t place) const { return messages_[place]; }

  static constexpr std::size_t kNowhere = ~std::size_t{0};

 private:
  struct IdHash {
    std::size_t operator()(std::uint64_t id) const { return mix(id, 0); }
  };

  std::vector<Message> messages_;
  tsl::robin_map<std::uint64_t, std::size_t, IdHash> places_;
};

class ProfileMessages {
 public:
  // Throws Error.
  explicit ProfileMessages(std::string bytes);
  ~ProfileMessages() = default;
  ProfileMessages(const ProfileMessages&) = delete;
  ProfileMessages& operator=(const ProfileMessages&) = delete;

  // Clears and fills `sample`, so that a loop over many allocates once. What fails from then on
  // names its place. Throws Error.
  void read_sample(const protozero::data_view& data, SampleMessage& sample);

  // Of the table. Throws Error where there is none.
  [[nodiscard]] std::string_view string(std::uint64_t index) const;
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  // An Error at the byte where the message that was begun last stands.
  [[noreturn]] void fail(const std::string& what) const;

  std::vector<std::string_view> strings{};
  std::vector<ValueTypeMessage> types{};
  std::vector<protozero::data_view> samples{};
  MessageTable<MappingMessage> mappings{};
  MessageTable<FunctionMessage> functions{};
  MessageTable<LocationMessage> locations{};
  std::vector<LineMessage> lines{};
  std::vector<std::uint64_t> comments{};
  std::int64_t time = 0, duration = 0;  // nanoseconds
  std::int64_t period = 0;
  ValueTypeMessage period_type;

 private:
  template <class Field>
  using Message = protozero::pbf_message<Field>;

  void begin(const char* at) { offset_ = static_cast<std::uint64_t>(at - bytes_.data()); }
  template <class Field>
  std::uint64_t number(Message<Field>& message) const;
  template <class Field>
  protozero::data_view view(Message<Field>& message) const;
  template <class Field, class T>
  void append_numbers(Message<Field>& message, std::vector<T>& numbers) const;
  void scan();
  [[nodiscard]] ValueTypeMessage value_type(const protozero::data_view& data) const;
  void mapping(const protozero::data_view& data);
  void function(const protozero::data_view& data);
  void location(const protozero::data_view& data);
  [[nodiscard]] LineMessage line(const protozero::data_view& data) const;
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> label(
      const protozero::data_view& data) const;
  void fill_sample(const protozero::data_view& data, SampleMessage& sample) const;

  std::string bytes_;
  std::uint64_t offset_ = 0;
};

// Whether these first bytes are those of a profile: numbers, types and lengths of the first fields
// must be right. Text does not pass, nor does another message.
bool begins_profile(std::string_view start);

}  // namespace memtrace
