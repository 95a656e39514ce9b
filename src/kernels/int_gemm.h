// The integer matrix product of every ISA: panels of 16 output rows, weights unpacked once per tile
// of activation rows, exact int32 dot products, one fma chain per output over K. The formula is
// reference_quant.cc's, bit for bit. Included by one translation unit per ISA only.
#pragma once

#include "kernels/int_formats.h"
#include "kernels/int_inline.h"
#include "kernels/q8a_block.h"

namespace hearth::kernels {
namespace {

/// Activation rows and their distance.
struct Activations {
  const std::byte* row;
  std::size_t stride;
  std::int64_t k, rows;

  const std::int8_t* codes(std::int64_t r) const { return q8a_codes(at(r)); }
  const float* scales(std::int64_t r) const { return q8a_scales(at(r), k); }
  const std::int32_t* sums(std::int64_t r) const { return q8a_sums(at(r), k); }
  const std::uint8_t* has_rest(std::int64_t r) const { return q8a_has_rest(at(r), k); }
  Activations rest(std::int64_t r) const { return {q8a_rest(at(r), k), stride, k, 1}; }
  Activations slice(std::int64_t r, std::int64_t count) const { return {at(r), stride, k, count}; }

 private:
  const std::byte* at(std::int64_t r) const { return row + static_cast<std::size_t>(r) * stride; }
};

/// What a tile's rows contribute to a group beside products: where dot products start (less the
/// zero point · Σa) and the factors of the minima.
template <class F, int kTileRows>
struct GroupSums {
  static constexpr int kPer = F::kHalves || F::kHalfMins ? 2 : 1;  // per block
  static constexpr bool kStarts = F::kZero != 0, kFactors = F::kLayout.has_min;
  std::int32_t start[kStarts ? kTileRows : 1][kGroupBlocks * kPer];
  float factor[kFactors ? kTileRows : 1][kGroupBlocks * kPer];

  void prepare(const Activations& a, int rows, std::int64_t block, int count) {
    if constexpr (!kStarts && !kFactors) return;
    for (int r = 0; r < rows; ++r) {
      const std::int32_t* sums = a.sums(r) + 2 * block;
      const float* scales = a.scales(r) + block;
      if (count == kGroupBlocks)  // the usual case, of fixed length
        prepare_row(sums, scales, r, kGroupBlocks);
      else
        prepare_row(sums, scales, r, count);
    }
  }

 private:
  void prepare_row(const std::int32_t* sums, const float* scales, int r, int count) {
    for (int i = 0; i < count * kPer; ++i) {
      const std::int32_t sum = kPer == 2 ? sums[i] : sums[2 * i] + sums[2 * i + 1];
      if constexpr (kStarts) start[r][i] = -F::kZero * sum;
      if constexpr (kFactors) factor[r][i] = scales[i / kPer] * static_cast<float>(sum);
    }
  }
};

/// Dot products of a few rows; many rows may want the codes in another order.
template <class V, bool kArranged, int kFirst, int kVectors, int kMaxCode, int kRows, int kPanels>
HEARTH_INLINE void dot(const typename V::Codes (&w)[kPanels][8],
                       const std::int8_t* const (&a)[kRows],
                       const std::int32_t* const (&start)[kRows],
                       typename V::I32 (&sum)[kRows][kPanels]) {
  if constexpr (kArranged)
    V::template dot_arranged<kFirst, kVectors, kMaxCode>(w, a, start, sum);
  else
    V::template dot<kFirst, kVectors, kMaxCode>(w, a, start, sum);
}

/// y[kTileRows][kPanels] grows by one block for each of a few rows at once.
template <class V, class F, bool kArranged, int kRows, int kPanels, class Sums>
HEARTH_INLINE void add_block(const typename V::Codes (&w)[kPanels][8],
                             const BlockScales<V> (&s)[kPanels], const Activations& a,
                             std::int64_t r, std::int64_t block, const Sums& sums, int g,
                             typename V::F32 (*y)[kPanels]) {
  using F32 = typename V::F32;
  const std::int8_t* codes[kRows];
  const std::int32_t* start[kRows];
  for (int i = 0; i < kRows; ++i) {
    codes[i] = a.codes(r + i) + block * kBlock;
    start[i] = Sums::kStarts ? sums.start[r + i] + Sums::kPer * g : nullptr;
  }
  typename V::I32 dot[kRows][kPanels], high[kRows][kPanels];
  if constexpr (F::kHalves) {
    kernels::dot<V, kArranged, 0, 4, F::kMaxCode>(w, codes, start, dot);
    for (int i = 0; i < kRows; ++i) start[i] += Sums::kStarts;
    kernels::dot<V, kArranged, 4, 4, F::kMaxCode>(w, codes, start, high);
  } else {
    kernels::dot<V, kArranged, 0, 8, F::kMaxCode>(w, codes, start, dot);
  }
  for (int i = 0; i < kRows; ++i) {
    const F32 a_scale = V::all(a.scales(r + i)[block]);
    const float* factor = Sums::kFactors ? sums.factor[r + i] + Sums::kPer * g : nullptr;
    for (int p = 0; p < kPanels; ++p) {
      F32 product = V::to_f32(dot[i][p]);
      if constexpr (F::kHalves)  // exact where sub-scales are integers: below 2^24
        product = V::fma(V::to_f32(high[i][p]), s[p].sub[1], V::mul(product, s[p].sub[0]));
      const F32 scale = F::kHalfScales ? a_scale : V::mul(s[p].scale, a_scale);
      F32 sum = V::fma(product, scale, y[r + i][p]);
      if constexpr (Sums::kFactors) sum = V::fma(s[p].min[0], V::all(factor[0]), sum);
      if constexpr (F::kHalfMins) sum = V::fma(s[p].min[1], V::all(factor[1]), sum);
      y[r + i][p] = sum;
    }
  }
}

/// Which blocks of a group have a rest in some row: a byte a block is not 0.
inline std::uint64_t blocks_with_rest(const Activations& a, int rows, std::int64_t first) {
  std::uint64_t any = 0;
  for (int r = 0; r < rows; ++r) {
    std::uint64_t eight;
    static_assert(kGroupBlocks == sizeof eight);
    __builtin_memcpy(&eight, a.has_rest(r) + first, sizeof eight);  // zeros follow the last block
    any |= eight;
  }
  return any;
}

/// y grows by the rests of one block, in the rows that have one.
template <class V, class F, bool kArranged, int kPanels>
HEARTH_INLINE void add_rests(const typename V::Codes (&w)[kPanels][8],
                             const BlockScales<V> (&s)[kPanels], const Activations& a, int rows,
                             std::int64_t block, typename V::F32 (*y)[kPanels]) {
  for (int r = 0; r < rows; ++r) {
    if (!a.has_rest(r)[block]) continue;
    const Activations rest = a.rest(r);
    GroupSums<F, 1> sums;
    sums.prepare(rest, 1, block, 1);
    add_block<V, F, kArranged, 1>(w, s, rest, 0, block, sums, 0, y + r);
  }
}

/// Asks for an eighth of a group that comes 4 KB later.
template <class F>
HEARTH_INLINE void fetch_ahead(const std::uint8_t* group, int g) {
  constexpr std::size_t kAhead = 4096;
  constexpr std::size_t kEighth = GroupOffsets(F::kLayout, kGroupBlocks).end / kGroupBlocks;
  const std::uint8_t* p = group + kAhead + kEighth * static_cast<std::size_t>(g);
  for (std::size_t i = 0; i < kEighth; i += 64) __builtin_prefetch(p + i);
}

/// kPanels panels (`panel_bytes` apart) times up to kTileRows rows. `a` is a copy, which stores to
/// y cannot change: its fields stay in registers.
template <class V, DType kType, int kTileRows, int kPanels>
void gemm_tile(const std::uint8_t* panel, std::size_t panel_bytes, std::int64_t blocks,
               const Activations a, int lanes, float* out, std::int64_t ldo) {
  using F = Format<V, kType, (kTileRows > 1)>;
  using F32 = typename V::F32;
  constexpr int kDotRows = kTileRows > 1 ? V::kDotRows : 1;
  constexpr bool kArranged = V::kArranges && kTileRows > 1;
  const int rows = kTileRows == 1 ? 1 : static_cast<int>(a.rows);
  F32 y[kTileRows][kPanels], d[kPanels] = {}, dmin[kPanels] = {};
  for (int r = 0; r < rows; ++r)
    for (int p = 0; p < kPanels; ++p) y[r][p] = V::all(0.0f);
  GroupSums<F, kTileRows> sums;
  for (std::int64_t first = 0; first < blocks; first += kGroupBlocks) {
    const int count =
        blocks - first < kGroupBlocks ? static_cast<int>(blocks - first) : kGroupBlocks;
    const GroupOffsets at(F::kLayout, count);
    sums.prepare(a, rows, first, count);
    const std::uint64_t with_rest = blocks_with_rest(a, rows, first);
    for (int g = 0; g < count; ++g) {
      if constexpr (kTileRows == 1 && F::kManyStreams) fetch_ahead<F>(panel, g);
      typename V::Codes w[kPanels][8];
      BlockScales<V> s[kPanels];
      for (int p = 0; p < kPanels; ++p) {
        const std::uint8_t* group = panel + static_cast<std::size_t>(p) * panel_bytes;
        if (!F::kLayout.per_group || g == 0) load_scales<V, F>(group, at, g, d[p], dmin[p]);
        s[p] = block_scales<V, F>(d[p], dmin[p], group, at, g);
        unpack_codes<V, F>(group, at, g, w[p], std::make_integer_sequence<int, 8>());
        if constexpr (kArranged) V::arrange(w[p]);
      }
      int r = 0;
      for (; r + kDotRows <= rows; r += kDotRows)
        add_block<V, F, kArranged, kDotRows>(w, s, a, r, first + g, sums, g, y);
      if constexpr (kDotRows > 1)
        for (; r < rows; ++r) add_block<V, F, kArranged, 1>(w, s, a, r, first + g, sums, g, y);
      if (with_rest >> 8 * g & 0xff) [[unlikely]]
        add_rests<V, F, kArranged>(w, s, a, rows, first + g, y);
    }
    panel += at.end;
  }
  for (int r = 0; r < rows; ++r)
    for (int p = 0; p < kPanels; ++p)
      V::store(out + r * ldo + kPanelRows * p, y[r][p],
               lanes - kPanelRows * p < kPanelRows ? lanes - kPanelRows * p : kPanelRows);
}

/// All rows against kPanels panels from p on: these stay in the nearest cache meanwhile.
template <class V, DType kType, int kPanels>
void gemm_panels(const Panels& w, std::int64_t p, const Activations& a, float* out,
                 std::int64_t ldo) {
  const auto* panel =
      reinterpret_cast<const std::uint8_t*>(w.data) + static_cast<std::size_t>(p) * w.panel_bytes;
  const std::int64_t blocks = q8a_padded(w.k) / kBlock, left = w.n - p * kPanelRows;
  const int lanes = left < kPanels * kPanelRows ? static_cast<int>(left) : kPanels * kPanelRows;
  for (std::int64_t r = 0; r < a.rows; r += V::kTileRows) {
    const std::int64_t rows = a.rows - r < V::kTileRows ? a.rows - r : V::kTileRows;
    const Activations tile = a.slice(r, rows);
    float* y = out + r * ldo + p * kPanelRows;
    if (rows == 1)
      gemm_tile<V, kType, 1, kPanels>(panel, w.panel_bytes, blocks, tile, lanes, y, ldo);
    else
      gemm_tile<V, kType, V::kTileRows, kPanels>(panel, w.panel_bytes, blocks, tile, lanes, y, ldo);
  }
}

/// Activation rows go in slices that stay in a core's L2 while all panels pass.
inline constexpr std::size_t kSliceBytes = std::size_t{256} << 10;

template <class V, DType kType>
void gemm_type(const Panels& w, std::int64_t p0, std::int64_t p1, const Activations& all,
               float* out, std::int64_t ldo) {
  const auto tiles = static_cast<std::int64_t>(kSliceBytes / all.stride) / V::kTileRows;
  const std::int64_t rows = (tiles > 0 ? tiles : 1) * V::kTileRows;
  for (std::int64_t r = 0; r < all.rows; r += rows, out += rows * ldo) {
    const Activations a = all.slice(r, all.rows - r < rows ? all.rows - r : rows);
    std::int64_t p = p0;
    if (a.rows > 1)
      for (; p + V::kPanels <= p1; p += V::kPanels)
        gemm_panels<V, kType, V::kPanels>(w, p, a, out, ldo);
    for (; p < p1; ++p) gemm_panels<V, kType, 1>(w, p, a, out, ldo);
  }
}

template <class V>
void gemm_quant(const Panels& w, std::int64_t p0, std::int64_t p1, const std::byte* rows,
                std::size_t stride, std::int64_t m, float* out, std::int64_t ldo) {
  const Activations a{rows, stride, w.k, m};
  switch (w.type) {
#define HEARTH_TYPE(type) \
  case DType::type:       \
    return gemm_type<V, DType::type>(w, p0, p1, a, out, ldo);
    HEARTH_TYPE(q8_0)
    HEARTH_TYPE(q4_0)
    HEARTH_TYPE(q4_1)
    HEARTH_TYPE(q5_0)
    HEARTH_TYPE(q5_1)
    HEARTH_TYPE(q2_k)
    HEARTH_TYPE(q3_k)
    HEARTH_TYPE(q4_k)
    HEARTH_TYPE(q5_k)
    HEARTH_TYPE(q6_k)
    HEARTH_TYPE(iq4_nl)
    HEARTH_TYPE(iq4_xs)
#undef HEARTH_TYPE
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      return;
  }
}

template <class V>
HEARTH_INLINE Q8aBlock quantise_block(const float* x, std::byte* part, std::int64_t block,
                                      std::int64_t k) {
  const Q8aBlock made =
      V::quantise_block(x, const_cast<std::int8_t*>(q8a_codes(part)) + block * kBlock,
                        const_cast<std::int32_t*>(q8a_sums(part, k)) + 2 * block);
  const_cast<float*>(q8a_scales(part, k))[block] = made.scale;
  return made;
}

template <class V>
__attribute__((noinline, cold)) void quantise_rest(const float* x, std::byte* row,
                                                   std::int64_t block, std::int64_t k) {
  alignas(64) float missed[kBlock];
  q8a_missed(x, q8a_codes(row) + block * kBlock, q8a_scales(row, k)[block], missed);
  quantise_block<V>(missed, const_cast<std::byte*>(q8a_rest(row, k)), block, k);
}

/// Blocks of 32 along x; the last may be short, then its tail is zero.
template <class V>
void quantise_q8a(const float* x, std::int64_t n, std::byte* row, std::int64_t k0, std::int64_t k) {
  auto* has_rest = const_cast<std::uint8_t*>(q8a_has_rest(row, k));
  alignas(64) float tail[kBlock] = {};
  for (std::int64_t i = 0; i < n; i += kBlock) {
    const std::int64_t block = (k0 + i) / kBlock;
    const float* values = x + i;
    if (n - i < kBlock) {
      for (int j = 0; i + j < n; ++j) tail[j] = values[j];
      values = tail;
    }
    const bool outlier = q8a_is_outlier(quantise_block<V>(values, row, block, k).squares);
    has_rest[block] = outlier;
    if (outlier) [[unlikely]]
      quantise_rest<V>(values, row, block, k);
  }
  const auto blocks = static_cast<std::size_t>(q8a_padded(k) / kBlock);
  if (k0 + n == k) __builtin_memset(has_rest + blocks, 0, q8a_flag_bytes(k) - blocks);
}

template <class V>
void fill_int_with(KernelTable& table) {
  table.quantise_q8a = quantise_q8a<V>;
  table.gemm_quant = gemm_quant<V>;
}

}  // namespace
}  // namespace hearth::kernels
