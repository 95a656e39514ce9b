#include "media/bpe.h"

#include <bit>

#include "base/check.h"

namespace hearth::bpe {

void MergeTable::reserve(std::size_t merges) {
  CHECK(slots_.empty());
  slots_.resize(std::bit_ceil(merges * 2 + 2));
  mask_ = slots_.size() - 1;
}

void MergeTable::insert(std::int32_t left, std::int32_t right, Merge merge) {
  CHECK(left >= 0 && right >= 0 && (size_ + 1) * 2 <= slots_.size());
  std::size_t i = start(left, right);
  for (; slots_[i].left >= 0; i = (i + 1) & mask_)
    if (slots_[i].left == left && slots_[i].right == right) return;
  slots_[i] = {left, right, merge};
  ++size_;
}

}  // namespace hearth::bpe
