// gemm_float: panels of f32, f16 or bf16 weights times f32 rows.
//
// Blocks of 12 panels × at most 288 of K stay in the second cache while all rows pass over them, 48
// at a time; f16 and bf16 are widened once for all these rows. The rows are copied first, an odd
// number of cache lines apart: rows of a tile that lie a power of two apart would fight for one set
// of the first cache. A tile of 12 rows (AVX-512) stays there while the block's weights stream by.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/half.h"
#include "kernels/float_math.h"
#include "kernels/float_tile.h"
#include "kernels/kernels.h"

namespace hearth::kernels {
namespace {

inline constexpr int kFewRows = 3;     ///< up to here weights are read once, so nothing is kept
inline constexpr int kWidenRows = 48;  ///< below it widening costs more than it saves
inline constexpr int kBlockRows = 48;
inline constexpr int kBlockPanels = 12;
inline constexpr int kBlockK = 288;
inline constexpr int kBlockStep = kBlockK + 16;

/// Steps of K per block: as few blocks as kBlockK allows, of almost equal length.
inline std::int64_t block_steps(std::int64_t k) {
  const std::int64_t blocks = (k + kBlockK - 1) / kBlockK;
  return ((k + blocks - 1) / blocks + 15) / 16 * 16;
}

/// Weights from panel p0 and step k0 of K on, as they are stored or widened. A step is one value of
/// K, or the two that a word holds.
template <class T>
struct PanelBlock {
  const T* w;
  std::int64_t panel;  ///< words from panel to panel
  std::int64_t p0, p1, k0, k;
};

/// Where sums go: column i of a row belongs to row i of the weight, i < n.
struct Sums {
  float* out;
  std::int64_t ldo, n;
};

/// `rows` rows of `a` times `panels` panels of the block from panel p on; sums go on in `out`.
template <class V, int Step, class T, class A>
void gemm_tile(const PanelBlock<T>& b, const Sums& y, int rows, const A* a, std::int64_t a_step,
               std::int64_t p, int panels, std::int64_t row) {
  constexpr int kMostColumns = 8 * V::kLanes < 16 ? 16 : 8 * V::kLanes;
  float* out = y.out + row * y.ldo + p * kPanelRows;
  const bool first = b.k0 == 0;
  TileArgs<T, A> t{a,     a_step, b.w + (p - b.p0) * b.panel, kPanelRows, b.panel, b.k, out,
                   y.ldo, first};
  std::int64_t columns = y.n - p * kPanelRows;
  const int vecs = panels * kPanelRows / V::kLanes;
  if (columns >= panels * kPanelRows) return tile<V, V::kGemmRows, Step>(rows, vecs, t);

  // The last panel is not full: its sums live in a full one, and only real columns come and go.
  float full[V::kGemmRows * kMostColumns];
  t.c = full;
  t.c_step = kMostColumns;
  for (int r = 0; r < rows && !first; ++r)
    for (std::int64_t i = 0; i < columns; ++i) full[r * kMostColumns + i] = out[r * y.ldo + i];
  tile<V, V::kGemmRows, Step>(rows, vecs, t);
  for (int r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < columns; ++i) out[r * y.ldo + i] = full[r * kMostColumns + i];
}

/// Few rows: straight from memory over all of K, as many panels side by side as registers allow.
template <class V, class T>
void gemm_few(const PanelBlock<T>& b, const Sums& y, const float* a, std::int64_t lda, int rows) {
  int vecs = V::kSums / rows > 8 ? 8 : V::kSums / rows;
  std::int64_t step = vecs * V::kLanes / kPanelRows;
  if (step < 1) step = 1;
  for (std::int64_t p = b.p0; p < b.p1; p += step) {
    const std::int64_t panels = b.p1 - p < step ? b.p1 - p : step;
    gemm_tile<V, 0>(b, y, rows, a, lda, p, static_cast<int>(panels), 0);
  }
}

template <class V>
void copy_row(const float* from, std::int64_t k, float* to) {
  std::int64_t i = 0;
  for (; i + V::kLanes <= k; i += V::kLanes) V::store(to + i, V::load(from + i));
  for (; i < k; ++i) to[i] = from[i];
}

/// Asks for the rows that the next block copies: they lie far apart, where no prefetcher guesses.
inline void fetch_rows(const float* a, std::int64_t lda, std::int64_t rows, std::int64_t k) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < k; i += 16) __builtin_prefetch(a + r * lda + i, 0, 2);
}

/// m rows times a block of weights. The rows are copied as `A`; `values` of each belong to it.
template <class V, class A, class T>
void gemm_block(const PanelBlock<T>& b, const Sums& y, const float* a, std::int64_t lda,
                std::int64_t m, std::int64_t values) {
  constexpr int kPanels = 2 * V::kLanes > kPanelRows ? 2 * V::kLanes / kPanelRows : 1;
  alignas(64) A block[kBlockRows * kBlockStep];
  for (std::int64_t row = 0; row < m; row += kBlockRows) {
    const int rows = m - row < kBlockRows ? static_cast<int>(m - row) : kBlockRows;
    for (int r = 0; r < rows; ++r) copy_row<V>(a + (row + r) * lda, values, block + r * kBlockStep);
    // Tiles of almost equal height: 16 rows go as 8 + 8, not 12 + 4.
    const int tiles = (rows + V::kGemmRows - 1) / V::kGemmRows;
    for (int i = 0; i < tiles; ++i) {
      const int r0 = rows * i / tiles, r1 = rows * (i + 1) / tiles;
      const std::int64_t next = row + kBlockRows + r0, left = m - next;
      if (left > 0) fetch_rows(a + next * lda, lda, left < r1 - r0 ? left : r1 - r0, values);
      for (std::int64_t p = b.p0; p < b.p1; p += kPanels) {
        const int panels = b.p1 - p < kPanels ? static_cast<int>(b.p1 - p) : kPanels;
        gemm_tile<V, kBlockStep>(b, y, r1 - r0, block + r0 * kBlockStep, kBlockStep, p, panels,
                                 row + r0);
      }
    }
  }
}

/// The same block in f32.
template <class V, class T>
PanelBlock<float> widened(const PanelBlock<T>& b, float* wide) {
  constexpr std::int64_t kPanel = kBlockK * kPanelRows;
  for (std::int64_t p = 0; p < b.p1 - b.p0; ++p)
    for (std::int64_t i = 0; i < b.k * kPanelRows; i += V::kLanes)
      V::store(wide + p * kPanel + i, V::load(b.w + p * b.panel + i));
  return {wide, kPanel, b.p0, b.p1, b.k0, b.k};
}

template <class V, class T>
void gemm_typed(const Panels& w, std::int64_t p0, std::int64_t p1, const float* a, std::int64_t lda,
                std::int64_t m, const Sums& y) {
  const T* data = reinterpret_cast<const T*>(w.data);
  const auto panel = static_cast<std::int64_t>(w.panel_bytes / sizeof(T));
  if (m <= kFewRows) {
    const PanelBlock<T> all{data + p0 * panel, panel, p0, p1, 0, w.k};
    return gemm_few<V>(all, y, a, lda, static_cast<int>(m));
  }
  constexpr bool kNarrow = !std::is_same_v<T, float>;
  const std::int64_t step = block_steps(w.k);
  alignas(64) float wide[kNarrow ? kBlockPanels * kPanelRows * kBlockK : 1];
  for (std::int64_t p = p0; p < p1; p += kBlockPanels) {
    const std::int64_t end = p1 - p < kBlockPanels ? p1 : p + kBlockPanels;
    for (std::int64_t k0 = 0; k0 < w.k; k0 += step) {
      const std::int64_t k = w.k - k0 < step ? w.k - k0 : step;
      const PanelBlock<T> b{data + p * panel + k0 * kPanelRows, panel, p, end, k0, k};
      if (kNarrow && m >= kWidenRows)
        gemm_block<V, float>(widened<V>(b, wide), y, a + k0, lda, m, k);
      else
        gemm_block<V, float>(b, y, a + k0, lda, m, k);
    }
  }
}

template <class V>
void gemm_float(const Panels& w, std::int64_t p0, std::int64_t p1, const float* a, std::int64_t lda,
                std::int64_t m, float* out, std::int64_t ldo) {
  const Sums y{out, ldo, w.n};
  if (w.type == DType::f32) return gemm_typed<V, float>(w, p0, p1, a, lda, m, y);
  if (w.type == DType::f16) return gemm_typed<V, f16>(w, p0, p1, a, lda, m, y);
  gemm_typed<V, bf16>(w, p0, p1, a, lda, m, y);
}

}  // namespace
}  // namespace hearth::kernels
