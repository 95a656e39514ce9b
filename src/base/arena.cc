#include "base/arena.h"

#include <sys/mman.h>

#include <algorithm>

namespace hearth {

std::shared_ptr<std::byte> HugeArena::allocate(std::size_t bytes) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20, kLeast = 16 * kHugePage;
  bytes = (bytes + 63) / 64 * 64;
  if (used_ + bytes > size_) {
    const std::size_t size = std::max(kLeast, (bytes + kHugePage - 1) / kHugePage * kHugePage);
    void* p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    ::madvise(p, size, MADV_HUGEPAGE);  // a wish: where it is not granted nothing else changes
    piece_ = {static_cast<std::byte*>(p), [size](std::byte* data) { ::munmap(data, size); }};
    size_ = size;
    used_ = 0;
  }
  std::shared_ptr<std::byte> result(piece_, piece_.get() + used_);
  used_ += bytes;
  return result;
}

}  // namespace hearth
