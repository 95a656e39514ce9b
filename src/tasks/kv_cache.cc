#include "tasks/kv_cache.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace hearth {

KvCache::KvCache(Ops& ops, const KvShape& shape, int context)
    : context_(context),
      pool_(ops.make_kv_pool(shape, (context + kKvPagePositions - 1) / kKvPagePositions)) {}

int KvCache::shared_prefix(std::span<const Cell> cells) const {
  auto [ours, theirs] = std::mismatch(cells_.begin(), cells_.end(), cells.begin(), cells.end());
  return static_cast<int>(ours - cells_.begin());
}

void KvCache::truncate(int length) {
  CHECK(length >= 0 && length <= used());
  cells_.resize(static_cast<std::size_t>(length));
}

RowsSpec KvCache::append(std::span<const Cell> cells) {
  RowsSpec rows;
  const int first = used();
  cells_.insert(cells_.end(), cells.begin(), cells.end());
  CHECK(used() <= context_);
  rows.positions.resize(cells.size());
  std::iota(rows.positions.begin(), rows.positions.end(), first);
  rows.sequences.assign(cells.size(), 0);
  // One sequence owns the pool, so its pages are simply numbered in order.
  rows.pages.emplace_back(
      static_cast<std::size_t>((used() + kKvPagePositions - 1) / kKvPagePositions));
  std::iota(rows.pages[0].begin(), rows.pages[0].end(), 0);
  return rows;
}

}  // namespace hearth
