// Packed weights that outlive the process: where a backend may find them instead of packing again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/dtype.h"

namespace hearth {

/// Which weight, and in which form: equal keys of one model have equal panels.
struct PackedKey {
  std::string_view name;
  DType type = DType::f32;  ///< of the panels
  std::int64_t n = 0, k = 0;
  std::uint64_t row_order = 0;  ///< a hash; 0: rows as stored
  bool operator==(const PackedKey&) const = default;
};

class PackedStore {
 public:
  virtual ~PackedStore() = default;
  /// Its panels, 64-byte aligned, or null.
  virtual std::shared_ptr<const std::byte> find(const PackedKey& key, std::size_t bytes) = 0;
  /// Here they are, should somebody want them next time.
  virtual void keep(const PackedKey& key, std::span<const std::byte> panels) = 0;
};

}  // namespace hearth
