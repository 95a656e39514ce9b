// The pool of KV pages: memory of the backend. Which page belongs to which sequence is the task's
// business (tasks/kv_cache.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"

namespace hearth {

/// Positions per page. Softmax blocks lie at multiples of it, so it is part of the numerics.
inline constexpr int kKvPagePositions = 64;

struct KvShape {
  KvType type = KvType::f16;
  int layers = 0, kv_heads = 0, head_dim = 0;
};

/// A page holds 64 positions of every layer and head. Pages are numbered 0 … pages()-1; memory is
/// touched only when a page is first written.
class KvPool {
 public:
  virtual ~KvPool() = default;
  virtual const KvShape& shape() const = 0;
  virtual int pages() const = 0;
  virtual std::size_t page_bytes() const = 0;
};

/// One layer's slice of a pool, as attention wants it.
struct KvLayer {
  KvPool* pool = nullptr;
  int layer = 0;
};

}  // namespace hearth
