// KvCache: which pages belong to a conversation, and what stands in them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "media/tokenizer.h"
#include "tensor/ops.h"

namespace hearth {

/// What one position holds: a token, or a row of a picture's features.
struct Cell {
  TokenId token = 0;
  std::uint64_t feature = 0;  ///< 0: the token's own embedding; else names tile and row
  bool operator==(const Cell&) const = default;
};

/// One sequence in a pool of its own. Pages are taken as the sequence grows.
class KvCache {
 public:
  KvCache(Ops& ops, const KvShape& shape, int context);

  int context() const { return context_; }
  int used() const { return static_cast<int>(cells_.size()); }
  KvPool& pool() { return *pool_; }
  /// How many of these cells, from the front, are already in the cache.
  int shared_prefix(std::span<const Cell> cells) const;
  /// Forgets everything from `length` on.
  void truncate(int length);
  /// Adds cells (their keys and values are about to be computed): their rows' positions and pages.
  /// The caller has checked that they fit.
  RowsSpec append(std::span<const Cell> cells);

 private:
  int context_;
  std::unique_ptr<KvPool> pool_;
  std::vector<Cell> cells_;
};

}  // namespace hearth
