// gemm_float: panels of f32, f16 or bf16 weights times f32 rows.
//
// Blocks of 16 panels × 256 of K stay in the second cache while all rows pass over them, 48 at a
// time. Those are copied first, rows an odd number of cache lines apart: rows of a tile that lie a
// power of two apart would fight for one set of the first cache.
#pragma once

#include <cstdint>

#include "base/half.h"
#include "kernels/float_math.h"
#include "kernels/float_tile.h"
#include "kernels/kernels.h"

namespace hearth::kernels {
namespace {

inline constexpr int kFewRows = 3;  ///< up to here weights are read once, so nothing is kept
inline constexpr int kBlockRows = 48;
inline constexpr int kBlockPanels = 16;
inline constexpr int kBlockK = 256;
inline constexpr int kBlockStep = kBlockK + 16;

/// One call's job, with the weights' type resolved.
template <class T>
struct FloatGemm {
  const T* w;
  std::int64_t panel;  ///< values from panel to panel
  std::int64_t n, k, p0, p1;
  float* out;
  std::int64_t ldo;
};

/// `rows` rows of `a` times the panels [p, p + panels) over `k` values of K; sums go on in `out`.
template <class V, class T>
void gemm_tile(const FloatGemm<T>& g, int rows, const float* a, std::int64_t a_step, std::int64_t p,
               int panels, std::int64_t k0, std::int64_t k, std::int64_t row) {
  constexpr int kMostColumns = 8 * V::kLanes < 16 ? 16 : 8 * V::kLanes;
  float* out = g.out + row * g.ldo + p * kPanelRows;
  TileArgs<T> t{a,     a_step, g.w + p * g.panel + k0 * kPanelRows, kPanelRows, g.panel, k, out,
                g.ldo, k0 == 0};
  std::int64_t columns = g.n - p * kPanelRows;
  const int vecs = panels * kPanelRows / V::kLanes;
  if (columns >= panels * kPanelRows) return tile<V, V::kGemmRows>(rows, vecs, t);

  // The last panel is not full: its sums live in a full one, and only real columns come and go.
  float full[V::kGemmRows * kMostColumns];
  t.c = full;
  t.c_step = kMostColumns;
  for (int r = 0; r < rows && !t.first; ++r)
    for (std::int64_t i = 0; i < columns; ++i) full[r * kMostColumns + i] = out[r * g.ldo + i];
  tile<V, V::kGemmRows>(rows, vecs, t);
  for (int r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < columns; ++i) out[r * g.ldo + i] = full[r * kMostColumns + i];
}

/// Few rows: straight from memory over all of K, as many panels side by side as registers allow.
template <class V, class T>
void gemm_few(const FloatGemm<T>& g, const float* a, std::int64_t lda, int rows) {
  int vecs = V::kSums / rows > 8 ? 8 : V::kSums / rows;
  std::int64_t step = vecs * V::kLanes / kPanelRows;
  if (step < 1) step = 1;
  for (std::int64_t p = g.p0; p < g.p1; p += step) {
    std::int64_t panels = g.p1 - p < step ? g.p1 - p : step;
    gemm_tile<V>(g, rows, a, lda, p, static_cast<int>(panels), 0, g.k, 0);
  }
}

template <class V>
void copy_block(const float* a, std::int64_t lda, int rows, std::int64_t k, float* block) {
  for (int r = 0; r < rows; ++r) {
    const float* from = a + r * lda;
    float* to = block + r * kBlockStep;
    std::int64_t i = 0;
    for (; i + V::kLanes <= k; i += V::kLanes) V::store(to + i, V::load(from + i));
    for (; i < k; ++i) to[i] = from[i];
  }
}

/// Up to 48 rows times the panels [p0, p1) over k values of K from k0 on.
template <class V, class T>
void gemm_block(const FloatGemm<T>& g, const float* a, std::int64_t lda, std::int64_t row, int rows,
                std::int64_t p0, std::int64_t p1, std::int64_t k0, std::int64_t k) {
  constexpr int kPanels = 2 * V::kLanes > kPanelRows ? 2 * V::kLanes / kPanelRows : 1;
  alignas(64) float block[kBlockRows * kBlockStep];
  copy_block<V>(a + row * lda + k0, lda, rows, k, block);
  const int tiles = (rows + V::kGemmRows - 1) / V::kGemmRows;
  for (std::int64_t p = p0; p < p1; p += kPanels) {
    const int panels = p1 - p < kPanels ? static_cast<int>(p1 - p) : kPanels;
    // Tiles of almost equal height: 16 rows go as 8 + 8, not 12 + 4.
    for (int i = 0; i < tiles; ++i) {
      const int r0 = rows * i / tiles, r1 = rows * (i + 1) / tiles;
      gemm_tile<V>(g, r1 - r0, block + r0 * kBlockStep, kBlockStep, p, panels, k0, k, row + r0);
    }
  }
}

/// Many rows: all of them pass over one block of weights before the next is touched.
template <class V, class T>
void gemm_many(const FloatGemm<T>& g, const float* a, std::int64_t lda, std::int64_t m) {
  for (std::int64_t p = g.p0; p < g.p1; p += kBlockPanels) {
    const std::int64_t p1 = g.p1 - p < kBlockPanels ? g.p1 : p + kBlockPanels;
    for (std::int64_t k0 = 0; k0 < g.k; k0 += kBlockK) {
      const std::int64_t k = g.k - k0 < kBlockK ? g.k - k0 : kBlockK;
      for (std::int64_t row = 0; row < m; row += kBlockRows) {
        const int rows = m - row < kBlockRows ? static_cast<int>(m - row) : kBlockRows;
        gemm_block<V>(g, a, lda, row, rows, p, p1, k0, k);
      }
    }
  }
}

template <class V, class T>
void gemm_typed(const Panels& w, std::int64_t p0, std::int64_t p1, const float* a, std::int64_t lda,
                std::int64_t m, float* out, std::int64_t ldo) {
  FloatGemm<T> g;
  g.w = reinterpret_cast<const T*>(w.data);
  g.panel = static_cast<std::int64_t>(w.panel_bytes / sizeof(T));
  g.n = w.n, g.k = w.k, g.p0 = p0, g.p1 = p1;
  g.out = out, g.ldo = ldo;
  if (m <= kFewRows) return gemm_few<V>(g, a, lda, static_cast<int>(m));
  gemm_many<V>(g, a, lda, m);
}

template <class V>
void gemm_float(const Panels& w, std::int64_t p0, std::int64_t p1, const float* a, std::int64_t lda,
                std::int64_t m, float* out, std::int64_t ldo) {
  if (w.type == DType::f32) return gemm_typed<V, float>(w, p0, p1, a, lda, m, out, ldo);
  if (w.type == DType::f16) return gemm_typed<V, f16>(w, p0, p1, a, lda, m, out, ldo);
  gemm_typed<V, bf16>(w, p0, p1, a, lda, m, out, ldo);
}

}  // namespace
}  // namespace hearth::kernels
