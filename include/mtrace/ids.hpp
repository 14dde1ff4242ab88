// Typed indices, and vectors that can only be indexed by the right one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "mtrace/export.hpp"

namespace memtrace {

// Each id is an index into the table of its name. Ids have 32 bits: readers refuse a snapshot with
// more than four billion distinct tracebacks.
enum class StringId : std::uint32_t {};
enum class ModuleId : std::uint32_t {};
enum class FrameId : std::uint32_t {};
enum class NodeId : std::uint32_t {};
enum class DomainId : std::uint32_t {};
enum class GroupId : std::uint32_t {};

// Stands for no id: an unknown name, a dropped node. Never a valid index.
template <class Id>
inline constexpr Id kNone = Id{std::numeric_limits<std::uint32_t>::max()};

// The root of the traceback tree: the empty traceback.
inline constexpr NodeId kRoot = NodeId{0};

template <class Id>
constexpr std::size_t index_of(Id id) {
  return static_cast<std::size_t>(id);
}

// A std::vector whose index is an Id. As fast as the vector.
template <class Id, class T>
class IdVector {
 public:
  IdVector() = default;
  explicit IdVector(std::size_t size, const T& value = T()) : items_(size, value) {}

  const T& operator[](Id id) const { return items_[index_of(id)]; }
  T& operator[](Id id) { return items_[index_of(id)]; }

  // Returns the id of the new element.
  Id push_back(T value) {
    items_.push_back(std::move(value));
    return Id{static_cast<std::uint32_t>(items_.size() - 1)};
  }

  [[nodiscard]] bool contains(Id id) const { return index_of(id) < items_.size(); }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] Id end_id() const { return Id{static_cast<std::uint32_t>(items_.size())}; }
  void reserve(std::size_t size) { items_.reserve(size); }
  void resize(std::size_t size, const T& value = T()) { items_.resize(size, value); }

  [[nodiscard]] auto begin() const { return items_.begin(); }
  [[nodiscard]] auto end() const { return items_.end(); }
  auto begin() { return items_.begin(); }
  auto end() { return items_.end(); }

  MTRACE_COMPARABLE(IdVector);

 private:
  std::vector<T> items_;
};

// for (NodeId node : ids_of(nodes)) ...
template <class Id>
class IdRange {
 public:
  IdRange(std::uint32_t first, std::uint32_t last) : first_(first), last_(last) {}

  class Iterator {
   public:
    explicit Iterator(std::uint32_t value) : value_(value) {}
    Id operator*() const { return Id{value_}; }
    Iterator& operator++() {
      ++value_;
      return *this;
    }
    friend bool operator!=(const Iterator& left, const Iterator& right) {
      return left.value_ != right.value_;
    }

   private:
    std::uint32_t value_;
  };

  [[nodiscard]] Iterator begin() const { return Iterator(first_); }
  [[nodiscard]] Iterator end() const { return Iterator(last_); }

 private:
  std::uint32_t first_, last_;
};

template <class Id, class T>
IdRange<Id> ids_of(const IdVector<Id, T>& items) {
  return {0, static_cast<std::uint32_t>(items.size())};
}

}  // namespace memtrace
