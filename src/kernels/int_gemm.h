// The integer matrix product of every ISA: panels of 16 output rows, weights unpacked once per tile
// of activation rows, exact int32 dot products, one fma chain per output over K. The formula is
// reference_quant.cc's, bit for bit. Included by one translation unit per ISA only.
#pragma once

#include "kernels/int_formats.h"

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

 private:
  const std::byte* at(std::int64_t r) const { return row + static_cast<std::size_t>(r) * stride; }
};

/// What a tile's rows contribute to a group beside products: first dot products with a block's zero
/// point (the value that dot products start from), then the factors of the minima.
template <class F, int kTileRows>
struct GroupSums {
  static constexpr int kPer = F::kHalves || F::kHalfMins ? 2 : 1;  // per block
  static constexpr bool kStarts = F::kZero != 0, kFactors = F::kLayout.has_min;
  std::int32_t start[kStarts ? kTileRows : 1][kGroupBlocks * kPer];
  float factor[kFactors ? kTileRows : 1][kGroupBlocks * kPer];

  void prepare(const Activations& a, int rows, std::int64_t block, int count) {
    for (int r = 0; r < rows; ++r) {
      const std::int32_t* sums = a.sums(r) + 2 * block;
      const float* scales = a.scales(r) + block;
      for (int i = 0; i < count * kPer; ++i) {
        const std::int32_t sum = kPer == 2 ? sums[i] : sums[2 * i] + sums[2 * i + 1];
        if constexpr (kStarts) start[r][i] = -F::kZero * sum;
        if constexpr (kFactors) factor[r][i] = scales[i / kPer] * static_cast<float>(sum);
      }
    }
  }
};

/// y[r] of up to kTileRows rows; kRows > 0 fixes their number.
template <class V, DType kType, int kTileRows>
void gemm_tile(const std::uint8_t* panel, std::int64_t blocks, const Activations& a, int lanes,
               float* out, std::int64_t ldo) {
  using F = Format<V, kType>;
  using F32 = typename V::F32;
  using Sums = GroupSums<F, kTileRows>;
  const int rows = kTileRows == 1 ? 1 : static_cast<int>(a.rows);
  F32 y[kTileRows];
  for (int r = 0; r < rows; ++r) y[r] = V::all(0.0f);
  Sums sums;
  F32 d = V::all(0.0f), dmin = d;
  for (std::int64_t first = 0; first < blocks; first += kGroupBlocks) {
    const int count =
        blocks - first < kGroupBlocks ? static_cast<int>(blocks - first) : kGroupBlocks;
    const GroupOffsets at(F::kLayout, count);
    if constexpr (Sums::kStarts || Sums::kFactors) sums.prepare(a, rows, first, count);
    for (int g = 0; g < count; ++g) {
      if (!F::kLayout.per_group || g == 0) {
        d = V::halves(panel + at.d + 32 * g);
        if constexpr (F::kLayout.has_min) dmin = V::halves(panel + at.min + 32 * g);
      }
      const std::uint8_t* sub = panel + at.sub + F::kLayout.sub_bytes * g;
      const BlockScales<V> s =
          unpack_scales<V, kType>(d, dmin, sub, panel + at.sub_min + F::kLayout.min_bytes * g);
      typename V::Codes w[8];
      unpack_codes<V, kType>(panel + at.codes + F::kCodeBytes * g,
                             panel + at.planes + F::kPlaneBytes * g, sub, w,
                             std::make_integer_sequence<int, 8>());
      for (int r = 0; r < rows; ++r) {
        const std::int8_t* codes = a.codes(r) + (first + g) * kBlock;
        const F32 a_scale = V::all(a.scales(r)[first + g]);
        const std::int32_t* start = Sums::kStarts ? sums.start[r] + Sums::kPer * g : nullptr;
        F32 dot;
        if constexpr (F::kHalves) {
          F32 low = V::to_f32(V::template dot<4, F::kMaxCode>(w, codes, start));
          F32 high = V::to_f32(V::template dot<4, F::kMaxCode>(w + 4, codes + 16, start + 1));
          dot = V::fma(high, s.sub[1], V::mul(low, s.sub[0]));  // exact: below 2^24
        } else {
          dot = V::to_f32(V::template dot<8, F::kMaxCode>(w, codes, start));
        }
        y[r] = V::fma(dot, V::mul(s.scale, a_scale), y[r]);
        if constexpr (Sums::kFactors) {
          const float* factor = sums.factor[r] + Sums::kPer * g;
          y[r] = V::fma(s.min[0], V::all(factor[0]), y[r]);
          if constexpr (F::kHalfMins) y[r] = V::fma(s.min[1], V::all(factor[1]), y[r]);
        }
      }
    }
    panel += at.end;
  }
  for (int r = 0; r < rows; ++r) V::store(out + r * ldo, y[r], lanes);
}

/// Panels outside, so that one stays in the nearest cache while all rows pass.
template <class V, DType kType>
void gemm_panels(const Panels& w, std::int64_t p0, std::int64_t p1, const Activations& a,
                 float* out, std::int64_t ldo) {
  const std::int64_t blocks = q8a_padded(w.k) / kBlock;
  for (std::int64_t p = p0; p < p1; ++p) {
    const auto* panel =
        reinterpret_cast<const std::uint8_t*>(w.data) + static_cast<std::size_t>(p) * w.panel_bytes;
    const std::int64_t left = w.n - p * kPanelRows;
    const int lanes = left < kPanelRows ? static_cast<int>(left) : kPanelRows;
    for (std::int64_t r = 0; r < a.rows; r += V::kTileRows) {
      Activations tile = a;
      tile.row += static_cast<std::size_t>(r) * a.stride;
      tile.rows = a.rows - r < V::kTileRows ? a.rows - r : V::kTileRows;
      float* y = out + r * ldo + p * kPanelRows;
      if (tile.rows == 1)
        gemm_tile<V, kType, 1>(panel, blocks, tile, lanes, y, ldo);
      else
        gemm_tile<V, kType, V::kTileRows>(panel, blocks, tile, lanes, y, ldo);
    }
  }
}

template <class V>
void gemm_quant(const Panels& w, std::int64_t p0, std::int64_t p1, const std::byte* rows,
                std::size_t stride, std::int64_t m, float* out, std::int64_t ldo) {
  const Activations a{rows, stride, w.k, m};
  switch (w.type) {
#define HEARTH_TYPE(type) \
  case DType::type:       \
    return gemm_panels<V, DType::type>(w, p0, p1, a, out, ldo);
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

/// Blocks of 32 along x; the last may be short, then its tail is zero.
template <class V>
void quantise_q8a(const float* x, std::int64_t n, std::byte* row, std::int64_t k0, std::int64_t k) {
  auto* codes = const_cast<std::int8_t*>(q8a_codes(row)) + k0;
  auto* scales = const_cast<float*>(q8a_scales(row, k)) + k0 / kBlock;
  auto* sums = const_cast<std::int32_t*>(q8a_sums(row, k)) + k0 / 16;
  std::int64_t i = 0;
  for (; i + kBlock <= n; i += kBlock, codes += kBlock, sums += 2)
    *scales++ = V::quantise_block(x + i, codes, sums);
  if (i == n) return;
  alignas(64) float tail[kBlock] = {};
  for (int j = 0; i + j < n; ++j) tail[j] = x[i + j];
  *scales = V::quantise_block(tail, codes, sums);
}

template <class V>
void fill_int_with(KernelTable& table) {
  table.quantise_q8a = quantise_q8a<V>;
  table.gemm_quant = gemm_quant<V>;
}

}  // namespace
}  // namespace hearth::kernels
