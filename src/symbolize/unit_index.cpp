#include "symbolize/unit_index.hpp"

#include <dwarf.h>

#include <algorithm>

namespace memtrace {
namespace {

constexpr std::uint32_t kNoUnit = UINT32_MAX;

bool is_code(std::span<const AddressRange> code, std::uint64_t address) {
  return code.empty() || std::any_of(code.begin(), code.end(), [&](const AddressRange& range) {
           return range.contains(address);
         });
}

// The narrowest unit wins where several claim an address.
struct Claim {
  std::uint32_t unit = kNoUnit;
  std::uint64_t size = UINT64_MAX;
};

class UnitIndex {
 public:
  UnitIndex(std::span<const std::uint64_t> addresses, std::span<const AddressRange> code)
      : addresses_(addresses), code_(code), claims_(addresses.size()) {}

  void add(Dwarf_Die& unit) {
    const auto number = static_cast<std::uint32_t>(units_.size());
    units_.push_back(dwarf_dieoffset(&unit));
    Dwarf_Addr base = 0, low = 0, high = 0;
    for (ptrdiff_t at = 0; (at = dwarf_ranges(&unit, at, &base, &low, &high)) > 0;) {
      claim(number, low, high);
    }
  }

  [[nodiscard]] std::vector<UnitAddresses> take() const {
    std::vector<UnitAddresses> found(units_.size());
    for (std::uint32_t i = 0; i < claims_.size(); ++i) {
      if (claims_[i].unit != kNoUnit) found[claims_[i].unit].addresses.push_back(i);
    }
    for (std::size_t unit = 0; unit < units_.size(); ++unit) found[unit].unit = units_[unit];
    std::erase_if(found, [](const UnitAddresses& unit) { return unit.addresses.empty(); });
    return found;
  }

 private:
  void claim(std::uint32_t unit, std::uint64_t low, std::uint64_t high) {
    if (low >= high || !is_code(code_, low)) return;
    auto address = std::lower_bound(addresses_.begin(), addresses_.end(), low);
    for (; address != addresses_.end() && *address < high; ++address) {
      Claim& claim = claims_[static_cast<std::size_t>(address - addresses_.begin())];
      if (high - low < claim.size) claim = {unit, high - low};
    }
  }

  std::span<const std::uint64_t> addresses_;
  std::span<const AddressRange> code_;
  std::vector<Claim> claims_;
  std::vector<Dwarf_Off> units_;
};

}  // namespace

ModuleUnits addresses_by_unit(Dwarf& dwarf, std::span<const std::uint64_t> addresses,
                              std::span<const AddressRange> code) {
  ModuleUnits found;
  UnitIndex index(addresses, code);
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  std::uint8_t type = 0;
  int status = 0;
  while ((status = dwarf_get_units(&dwarf, unit, &unit, nullptr, &type, &die, nullptr)) == 0) {
    if (type == DW_UT_skeleton) found.has_split = true;
    if (type == DW_UT_compile || type == DW_UT_skeleton || type == DW_UT_partial) index.add(die);
  }
  found.is_damaged = status < 0;
  found.units = index.take();
  return found;
}

}  // namespace memtrace
