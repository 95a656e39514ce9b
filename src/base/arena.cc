#include "base/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

namespace hearth {

namespace {
constexpr std::size_t kHugePage = std::size_t{2} << 20;
}

void prefer_huge_pages(void* p, std::size_t bytes) {
  const auto at = reinterpret_cast<std::uintptr_t>(p);
  const std::uintptr_t first = (at + kHugePage - 1) / kHugePage * kHugePage;
  const std::uintptr_t last = (at + bytes) / kHugePage * kHugePage;
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

AlignedBytes aligned_bytes(std::size_t bytes) {
  const std::size_t alignment = bytes < 2 * kHugePage ? 64 : kHugePage;
  void* p = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (!p) throw std::bad_alloc();
  prefer_huge_pages(p, bytes);
  return AlignedBytes(static_cast<std::byte*>(p));
}

std::shared_ptr<std::byte> HugeArena::allocate(std::size_t bytes) {
  constexpr std::size_t kLeast = 16 * kHugePage;
  bytes = (bytes + 63) / 64 * 64;
  if (used_ + bytes > size_) {
    const std::size_t size = std::max(kLeast, (bytes + kHugePage - 1) / kHugePage * kHugePage);
    void* p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    prefer_huge_pages(p, size);
    piece_ = {static_cast<std::byte*>(p), [size](std::byte* data) { ::munmap(data, size); }};
    size_ = size;
    used_ = 0;
  }
  std::shared_ptr<std::byte> result(piece_, piece_.get() + used_);
  used_ += bytes;
  return result;
}

}  // namespace hearth
