// What the files of CpuOps share. Not for anybody else.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "base/arena.h"
#include "tensor/cpu_ops.h"

namespace hearth {

/// On the CPU there is one buffer, the address space: a tensor's offset is its address.
class Buffer {};
inline Buffer cpu_address_space;

inline std::byte* row_bytes_of(const Tensor& x, std::int64_t row) {
  return reinterpret_cast<std::byte*>(x.offset) + static_cast<std::size_t>(row) * x.row_stride;
}
inline float* row_of(const Tensor& x, std::int64_t row) {
  return reinterpret_cast<float*>(row_bytes_of(x, row));
}

/// Packed panels (linear) and the file's own rows (gather).
struct CpuOps::CpuWeight : PreparedWeight {
  kernels::Panels panels;
  std::shared_ptr<const std::byte> storage;
  RawWeight raw;

  bool quantised() const { return is_quantised(panels.type); }
};

struct CpuOps::CpuVec : PreparedWeight {
  std::vector<float> values;
};

/// Positions, runs of rows per sequence, and the rotations that a forward pass needs, made once.
struct CpuOps::CpuRows : PreparedRows {
  struct Sequence {
    std::int64_t first = 0, last = 0;  ///< rows
    std::vector<std::int32_t> pages;
  };
  struct Rotation {
    std::vector<float> cos, sin;  ///< [T, head_dim/2]
  };
  std::vector<std::int32_t> positions;
  std::vector<Sequence> sequences;

  const Rotation& rotation(const Rope& rope, int head_dim) const;

 private:
  using Key = std::tuple<float, float, const PreparedWeight*, int>;
  mutable std::map<Key, Rotation> rotations_;
};

inline const CpuOps::CpuWeight& impl(const Weight& w) {
  return static_cast<const CpuOps::CpuWeight&>(*w.prepared);
}
inline const float* values(const Vec& v) {
  return v ? static_cast<const CpuOps::CpuVec&>(*v.prepared).values.data() : nullptr;
}
inline const CpuOps::CpuRows& impl(const Rows& r) {
  return static_cast<const CpuOps::CpuRows&>(*r.prepared);
}

/// Pages in one allocation, page-major: [page][layer][kv_head][K half page | V half page].
class CpuKvPool final : public KvPool {
 public:
  CpuKvPool(const KvShape& shape, int pages);
  ~CpuKvPool() override;
  const KvShape& shape() const override { return shape_; }
  int pages() const override { return pages_; }
  std::size_t page_bytes() const override;
  /// The K half page of one head; the V half follows it.
  std::byte* head(int page, int layer, int kv_head) const;
  std::size_t half_bytes() const { return half_bytes_; }

 private:
  KvShape shape_;
  int pages_;
  std::size_t half_bytes_;
  std::byte* data_ = nullptr;
};

/// Rows below which a loop is not worth a fork: about two microseconds of simple work.
inline constexpr std::int64_t kSerialValues = 8192;

template <class Body>
void CpuOps::for_rows(std::int64_t rows, std::int64_t cols, Body&& body) {
  std::int64_t step = std::max<std::int64_t>(1, kSerialValues / std::max<std::int64_t>(cols, 1));
  if (rows <= step) return body(0, rows, 0);
  pool_.run((rows + step - 1) / step, [&](std::int64_t chunk, int worker) {
    body(chunk * step, std::min(rows, (chunk + 1) * step), worker);
  });
}

template <class RowFunction>
Tensor CpuOps::produce(std::int64_t rows, std::int64_t cols, Out out, RowFunction&& f) {
  Tensor result = make(rows, cols, out);
  if (out == Out::f32) {
    for_rows(rows, cols, [&](std::int64_t first, std::int64_t last, int) {
      for (std::int64_t r = first; r < last; ++r) f(r, row_of(result, r));
    });
    return result;
  }
  std::size_t row_floats = static_cast<std::size_t>(cols) * sizeof(float);
  std::byte* scratch = worker_scratch(row_floats);
  for_rows(rows, cols, [&](std::int64_t first, std::int64_t last, int worker) {
    float* row = reinterpret_cast<float*>(scratch + static_cast<std::size_t>(worker) *
                                                        ((row_floats + 63) / 64 * 64));
    for (std::int64_t r = first; r < last; ++r) {
      f(r, row);
      kernels_.quantise_q8a(row, cols, row_bytes_of(result, r), 0, cols);
    }
  });
  return result;
}

}  // namespace hearth
