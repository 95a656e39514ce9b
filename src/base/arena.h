// Stack-like memory for activations: allocation is a bump, a scope's end gives everything back.
// Blocks are kept, so after the first pass over the largest chunk nothing is allocated any more.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "base/check.h"

namespace hearth {

struct AlignedDelete {
  void operator()(std::byte* p) const { std::free(p); }
};
using AlignedBytes = std::unique_ptr<std::byte[], AlignedDelete>;
/// `bytes` of 64-byte aligned memory, on huge pages from 4 MB on; throws bad_alloc.
AlignedBytes aligned_bytes(std::size_t bytes);

/// Asks the system to back memory with huge pages: a wish, nothing else changes where it is not
/// granted. Only whole huge pages within [p, p + bytes) count.
void prefer_huge_pages(void* p, std::size_t bytes);

/// Memory that lives as long as a model: taken from the system in large pieces on huge pages where
/// it has them (a fault every 2 MB, and fewer misses when weights are streamed), and given back
/// when the last user of a piece is gone. Zeros at first; what is never touched costs nothing.
class HugeArena {
 public:
  /// 64-byte aligned; throws bad_alloc.
  std::shared_ptr<std::byte> allocate(std::size_t bytes);

 private:
  std::shared_ptr<std::byte> piece_;
  std::size_t size_ = 0, used_ = 0;
};

class Arena {
 public:
  /// Position in the arena: block number and offset.
  struct Mark {
    std::size_t block = 0, used = 0;
  };

  std::byte* allocate(std::size_t bytes) {
    bytes = (bytes + 63) / 64 * 64;
    while (at_.block < blocks_.size() && at_.used + bytes > blocks_[at_.block].size)
      at_ = {at_.block + 1, 0};
    if (at_.block == blocks_.size()) add_block(bytes);
    std::byte* p = blocks_[at_.block].data.get() + at_.used;
    at_.used += bytes;
    return p;
  }
  void reserve(std::size_t bytes) {
    if (blocks_.empty()) add_block(bytes);
  }
  Mark mark() const { return at_; }
  void release(Mark mark) { at_ = mark; }

 private:
  struct Block {
    AlignedBytes data;
    std::size_t size = 0;
  };
  void add_block(std::size_t bytes) {
    constexpr std::size_t kLeast = std::size_t{1} << 20;
    std::size_t size = bytes > kLeast ? bytes : kLeast;
    blocks_.push_back({aligned_bytes(size), size});
  }
  std::vector<Block> blocks_;
  Mark at_;
};

}  // namespace hearth
