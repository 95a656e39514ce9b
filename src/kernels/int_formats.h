// How each quantised type unpacks from a panel (kernels/panel_layout.h), over the byte vectors of
// an ISA. Included by one translation unit per ISA only: all names are local to it.
//
// V::Codes holds 64 bytes: 16 lanes × 4 values. x86 multiplies unsigned codes, so there signed ones
// are moved up by V::kSignedZero (128; 0 elsewhere) and products corrected by zero · Σa.
#pragma once

#include <utility>

#include "base/blocks.h"
#include "kernels/int_inline.h"
#include "kernels/kernels.h"
#include "kernels/panel_layout.h"

namespace hearth::kernels {
namespace {

/// Constants of a type. Two sub-scales in a block: Q6_K sums its halves apart. Q2_K and Q3_K do so
/// for a single row; for many they multiply the sub-scales into the codes, which still fit a byte.
/// Both give the same integer.
template <class V, DType kT, bool kManyRows>
struct Format {
  static constexpr DType kType = kT;
  static constexpr PanelLayout kLayout = panel_layout(kType);
  static constexpr bool kTwoSubs = kLayout.sub_bytes == 32;
  static constexpr bool kScaledCodes = kTwoSubs && kLayout.code_bits == 2 && kManyRows;
  static constexpr bool kHalves = kTwoSubs && !kScaledCodes;
  /// Q6_K: a half's sub-scale goes into its factor once for all rows.
  static constexpr bool kHalfScales = kTwoSubs && kLayout.code_bits == 4;
  static constexpr bool kHalfMins = kTwoSubs && kLayout.has_min;
  static constexpr bool kScaledSigned = kScaledCodes && kType == DType::q3_k;
  static constexpr bool kSigned = kLayout.code_bits == 8 || kLayout.levels || kScaledSigned;
  /// A block reads from more places at once than prefetchers follow (Q4_1 half as fast on Zen 4).
  static constexpr bool kManyStreams =
      kLayout.per_group ? kLayout.plane_bits > 0 && kLayout.sub_bytes > 0 : kLayout.has_min;
  /// The code that means 0. Q3_K codes times sub-scales lie in −124 … 128: one less fits.
  static constexpr int kZero = kSigned ? V::kSignedZero - (kScaledSigned ? 1 : 0) : kLayout.zero;
  /// The largest code, for ISAs that add products in 16 bits; 0: signed codes.
  static constexpr int kMaxCode = kSigned ? 0
                                  : kScaledCodes
                                      ? 3 * 15
                                      : (1 << (kLayout.code_bits + kLayout.plane_bits)) - 1;
};

/// `low` and above it vector j (0..7) of the high bits, moved up to bit `kTo`.
template <class V, int kBits, int kTo, int j>
HEARTH_INLINE typename V::Codes with_high_bits(typename V::Codes low,
                                               const typename V::Codes* planes) {
  constexpr int from = kBits == 2 ? 2 * (j % 4) : j;
  constexpr int mask = ((1 << kBits) - 1) << kTo;
  const typename V::Codes plane = planes[kBits == 2 ? j / 4 : 0];
  if constexpr (from <= kTo)
    return V::with_bits(low, V::template up<kTo - from>(plane), mask);
  else
    return V::with_bits(low, V::template down<from - kTo>(plane), mask);
}

/// Vector j of the codes: values 4j … 4j+3 of every lane.
template <class V, class F, int j>
HEARTH_INLINE typename V::Codes code_vector(const typename V::Codes* codes,
                                            const typename V::Codes* planes) {
  constexpr PanelLayout l = F::kLayout;
  typename V::Codes c;
  if constexpr (l.code_bits == 8)
    c = V::from_signed(codes[j]);
  else if constexpr (l.code_bits == 4)
    c = V::bits(V::template down<4 * (j / 4)>(codes[j % 4]), 15);
  else
    c = V::bits(V::template down<2 * (j % 4)>(codes[j / 4]), 3);
  if constexpr (l.plane_bits > 0 && !F::kScaledCodes)
    c = with_high_bits<V, l.plane_bits, l.code_bits, j>(c, planes);
  return c;
}

inline constexpr std::uint8_t kLaneOfQuad[16] = {0, 0, 0, 0, 4,  4,  4,  4,
                                                 8, 8, 8, 8, 12, 12, 12, 12};

/// Code · sub-scale of 4 lanes × 4 codes per 16 bytes; `four` is 4 · sub-scale.
template <class V>
struct ScaledCodes {
  typename V::Codes table, four;
};
template <class V, class F>
HEARTH_INLINE ScaledCodes<V> scaled_codes(const std::uint8_t* sub) {
  using Codes = typename V::Codes;
  Codes one = V::spread(sub);
  if constexpr (F::kHalfMins) one = V::bits(one, 15);  // the high nibble is the minimum
  const Codes two = V::add(one, one), four = V::add(two, two);
  const Codes table =
      V::add(V::both(one, V::words(0xff00ff00)), V::both(two, V::words(0xffff0000)));
  if constexpr (!F::kSigned) return {table, four};
  // Q3_K: (code − 4) · sub − 1, and 4 · sub more where the high bit is set.
  return {V::sub(V::sub(table, four), V::words(0x01010101)), four};
}
template <class V, class F, int j>
HEARTH_INLINE typename V::Codes scaled_vector(typename V::Codes code, typename V::Codes plane,
                                              const ScaledCodes<V>& scaled) {
  code = V::lookup(scaled.table, V::either(code, V::table(kLaneOfQuad)));
  if constexpr (F::kSigned)
    code = V::from_signed(V::template add_where<j>(code, plane, scaled.four));
  return code;
}

/// The eight code vectors of block g of a group, ready for V::dot.
template <class V, class F, int... j>
HEARTH_INLINE void unpack_codes(const std::uint8_t* group, const GroupOffsets& at, int g,
                                typename V::Codes* w, std::integer_sequence<int, j...>) {
  constexpr int kCodes = F::kLayout.code_bytes() / 64, kPlanes = F::kLayout.plane_bytes() / 64;
  const std::uint8_t* block = group + at.blocks + F::kLayout.block_bytes() * g;
  typename V::Codes c[kCodes], p[kPlanes + 1];
  for (int i = 0; i < kCodes; ++i) c[i] = V::load(block + 64 * i);
  for (int i = 0; i < kPlanes; ++i) p[i] = V::load(block + 64 * (kCodes + i));
  ((w[j] = code_vector<V, F, j>(c, p)), ...);
  if constexpr (F::kLayout.levels) {
    const typename V::Codes levels = V::from_signed(V::table(kIq4Levels));
    ((w[j] = V::lookup(levels, w[j])), ...);
  }
  if constexpr (F::kScaledCodes) {
    const std::uint8_t* sub = group + at.sub + 32 * g;
    const ScaledCodes<V> scaled[2] = {scaled_codes<V, F>(sub), scaled_codes<V, F>(sub + 16)};
    ((w[j] = scaled_vector<V, F, j>(w[j], p[0], scaled[j / 4])), ...);
  }
}

/// d and, negative where it is to be subtracted, dmin or min.
template <class V, class F>
HEARTH_INLINE void load_scales(const std::uint8_t* group, const GroupOffsets& at, int g,
                               typename V::F32& d, typename V::F32& min) {
  d = V::halves(group + at.d + 32 * g);
  if constexpr (F::kLayout.has_min) min = V::halves(group + at.min + 32 * g);
  if constexpr (F::kLayout.has_min && F::kLayout.per_group) min = V::negative(min);
}

/// Scales of one block of a panel.
template <class V>
struct BlockScales {
  typename V::F32 scale, sub[2], min[2];
};
template <class V, class F>
HEARTH_INLINE BlockScales<V> block_scales(typename V::F32 d, typename V::F32 min,
                                          const std::uint8_t* group, const GroupOffsets& at,
                                          int g) {
  constexpr PanelLayout l = F::kLayout;
  const std::uint8_t* sub = group + at.sub + l.sub_bytes * g;
  const std::uint8_t* sub_min = group + at.sub_min + l.min_bytes * g;
  BlockScales<V> s;
  s.scale = d;
  s.min[0] = min;
  if constexpr (l.min_bytes > 0) {  // Q4_K, Q5_K
    s.scale = V::mul(d, V::from_u8(sub));
    s.min[0] = V::mul(min, V::from_u8(sub_min));
  } else if constexpr (F::kHalfMins) {  // Q2_K
    for (int half = 0; half < 2; ++half) {
      if constexpr (F::kHalves) s.sub[half] = V::from_low_nibbles(sub + 16 * half);
      s.min[half] = V::mul(min, V::from_high_nibbles(sub + 16 * half));
    }
  } else if constexpr (F::kHalves) {  // Q3_K, Q6_K
    for (int half = 0; half < 2; ++half) {
      s.sub[half] = V::from_i8(sub + 16 * half);
      if constexpr (F::kHalfScales) s.sub[half] = V::mul(d, s.sub[half]);
    }
  } else if constexpr (l.sub_bytes == 16) {  // IQ4_XS
    s.scale = V::mul(d, V::from_i8(sub));
  }
  return s;
}

}  // namespace
}  // namespace hearth::kernels
