#include "tensor/cpu_ops.h"

#include <algorithm>
#include <cstring>

#include "base/blocks.h"
#include "base/check.h"
#include "tensor/cpu_impl.h"

namespace hearth {

CpuOps::CpuOps(const kernels::KernelTable& kernels, ThreadPool& pool, CpuOptions options)
    : kernels_(kernels), pool_(pool), options_(options) {}

CpuOps::~CpuOps() = default;

// ---- memory ----

Tensor CpuOps::make(std::int64_t rows, std::int64_t cols, Elem dtype) {
  Tensor t;
  t.buffer = &cpu_address_space;
  t.rows = rows;
  t.cols = cols;
  t.dtype = dtype;
  t.row_stride = dtype == Elem::q8a ? kernels::q8a_row_bytes(cols)
                                    : static_cast<std::size_t>(cols) * sizeof(float);
  t.offset = reinterpret_cast<std::size_t>(
      arena_.allocate(std::max<std::size_t>(1, t.row_stride * static_cast<std::size_t>(rows))));
  t.id = next_id_++;
  return t;
}

std::size_t CpuOps::mark() {
  marks_.push_back(arena_.mark());
  return marks_.size() - 1;
}

void CpuOps::release(std::size_t mark) {
  CHECK(mark + 1 == marks_.size());  // scopes nest
  arena_.release(marks_.back());
  marks_.pop_back();
}

std::byte* CpuOps::worker_scratch(std::size_t bytes_each) {
  std::size_t wanted = (bytes_each + 63) / 64 * 64 * static_cast<std::size_t>(pool_.threads());
  if (wanted > scratch_bytes_) {
    scratch_ = aligned_bytes(wanted);
    scratch_bytes_ = wanted;
  }
  return scratch_.get();
}

void CpuOps::read(Tensor x, std::span<float> out) {
  CHECK(x.dtype == Elem::f32 && out.size() == static_cast<std::size_t>(x.rows * x.cols));
  for (std::int64_t r = 0; r < x.rows; ++r)
    std::memcpy(out.data() + r * x.cols, row_of(x, r), static_cast<std::size_t>(x.cols) * 4);
}

Tensor CpuOps::upload(std::span<const float> values, std::int64_t rows, std::int64_t cols) {
  CHECK(values.size() == static_cast<std::size_t>(rows * cols));
  Tensor t = make(rows, cols, Elem::f32);
  std::copy(values.begin(), values.end(), static_cast<float*>(row_of(t, 0)));
  return t;
}

// ---- rows ----

Tensor CpuOps::rms_norm(Tensor x, const Vec& weight, float eps, Out out) {
  const float* w = values(weight);
  return produce(x.rows, x.cols, out, [&](std::int64_t r, float* y) {
    kernels_.rms_norm(row_of(x, r), w, x.cols, eps, y);
  });
}

Tensor CpuOps::layer_norm(Tensor x, const Vec& weight, const Vec& bias, float eps, Out out) {
  const float* w = values(weight);
  const float* b = values(bias);
  return produce(x.rows, x.cols, out, [&](std::int64_t r, float* y) {
    kernels_.layer_norm(row_of(x, r), w, b, x.cols, eps, y);
  });
}

Tensor CpuOps::silu(Tensor x) {
  return produce(x.rows, x.cols, Out::f32,
                 [&](std::int64_t r, float* y) { kernels_.silu(row_of(x, r), x.cols, y); });
}

Tensor CpuOps::gelu(Tensor x) {
  return produce(x.rows, x.cols, Out::f32,
                 [&](std::int64_t r, float* y) { kernels_.gelu(row_of(x, r), x.cols, y); });
}

Tensor CpuOps::softmax(Tensor x) {
  return produce(x.rows, x.cols, Out::f32,
                 [&](std::int64_t r, float* y) { kernels_.softmax(row_of(x, r), x.cols, y); });
}

Tensor CpuOps::add(Tensor a, Tensor b) {
  CHECK(a.rows == b.rows && a.cols == b.cols);
  for_rows(a.rows, a.cols, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t r = first; r < last; ++r)
      kernels_.add(row_of(a, r), row_of(b, r), a.cols, row_of(a, r));
  });
  return a;
}

Tensor CpuOps::mul(Tensor a, Tensor b) {
  CHECK(a.rows == b.rows && a.cols == b.cols);
  for_rows(a.rows, a.cols, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t r = first; r < last; ++r)
      kernels_.mul(row_of(a, r), row_of(b, r), a.cols, row_of(a, r));
  });
  return a;
}

Tensor CpuOps::scale(Tensor x, float factor) {
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t r = first; r < last; ++r)
      kernels_.scale(row_of(x, r), factor, x.cols, row_of(x, r));
  });
  return x;
}

Tensor CpuOps::softcap(Tensor x, float cap) {
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t r = first; r < last; ++r)
      kernels_.softcap(row_of(x, r), cap, x.cols, row_of(x, r));
  });
  return x;
}

// ---- moving rows ----

Tensor CpuOps::gather(const Weight& table, std::span<const std::int32_t> ids) {
  const RawWeight& raw = impl(table).raw;
  CHECK(raw.row_order.empty());
  std::size_t stride = row_bytes(raw.type, static_cast<std::size_t>(raw.k));
  return produce(static_cast<std::int64_t>(ids.size()), raw.k, Out::f32,
                 [&](std::int64_t r, float* y) {
                   std::int32_t id = ids[static_cast<std::size_t>(r)];
                   CHECK(id >= 0 && id < raw.n);
                   dequantise_row(raw.type, raw.data.data() + static_cast<std::size_t>(id) * stride,
                                  y, static_cast<std::size_t>(raw.k));
                 });
}

Tensor CpuOps::select_rows(Tensor x, std::span<const std::int32_t> rows) {
  return produce(static_cast<std::int64_t>(rows.size()), x.cols, Out::f32,
                 [&](std::int64_t r, float* y) {
                   std::int32_t row = rows[static_cast<std::size_t>(r)];
                   CHECK(row >= 0 && row < x.rows);
                   std::memcpy(y, row_of(x, row), static_cast<std::size_t>(x.cols) * 4);
                 });
}

Tensor CpuOps::put_rows(Tensor x, std::span<const std::int32_t> rows, Tensor values) {
  CHECK(values.rows == static_cast<std::int64_t>(rows.size()) && values.cols == x.cols);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i] >= 0 && rows[i] < x.rows);
    std::memcpy(row_of(x, rows[i]), row_of(values, static_cast<std::int64_t>(i)),
                static_cast<std::size_t>(x.cols) * 4);
  }
  return x;
}

Tensor CpuOps::pixel_shuffle(Tensor x, int grid, int s, Out out) {
  CHECK(x.rows == std::int64_t{grid} * grid && grid % s == 0);
  const int side = grid / s;
  return produce(std::int64_t{side} * side, x.cols * s * s, out, [&](std::int64_t t, float* y) {
    for (int dy = 0; dy < s; ++dy) {
      for (int dx = 0; dx < s; ++dx) {
        std::int64_t patch = (t / side * s + dy) * grid + t % side * s + dx;
        std::memcpy(y + (dy * s + dx) * x.cols, row_of(x, patch),
                    static_cast<std::size_t>(x.cols) * 4);
      }
    }
  });
}

Tensor CpuOps::patches(Tensor pixels, int size, int patch, Out out) {
  const int grid = size / patch;  // a remainder is not looked at ("valid" convolution)
  const float* chw = row_of(pixels, 0);
  CHECK(pixels.cols == std::int64_t{3} * size * size);
  return produce(std::int64_t{grid} * grid, std::int64_t{3} * patch * patch, out,
                 [&](std::int64_t t, float* y) {
                   std::int64_t top = t / grid * patch, left = t % grid * patch;
                   for (int c = 0; c < 3; ++c) {
                     for (int dy = 0; dy < patch; ++dy) {
                       std::memcpy(y, chw + (std::int64_t{c} * size + top + dy) * size + left,
                                   static_cast<std::size_t>(patch) * 4);
                       y += patch;
                     }
                   }
                 });
}

}  // namespace hearth
