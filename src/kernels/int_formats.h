// How each quantised type unpacks from a panel (kernels/panel_layout.h), over the byte vectors of
// an ISA. Included by one translation unit per ISA only: all names are local to it.
//
// V::Codes holds 64 bytes: 16 lanes × 4 values. x86 multiplies unsigned codes, so there signed ones
// are moved up by V::kSignedZero (128; 0 elsewhere) and products corrected by zero · Σa.
#pragma once

#include <utility>

#include "base/blocks.h"
#include "kernels/kernels.h"
#include "kernels/panel_layout.h"

namespace hearth::kernels {
namespace {

/// Constants of a type. Sub-scales of halves: Q2_K and Q3_K multiply them into the codes, which
/// still fit a byte; Q6_K sums its halves apart.
template <class V, DType kType>
struct Format {
  static constexpr PanelLayout kLayout = panel_layout(kType);
  static constexpr int kCodeBytes = kLayout.code_bytes(), kPlaneBytes = kLayout.plane_bytes();
  static constexpr bool kHalves = kType == DType::q6_k;
  static constexpr bool kHalfMins = kType == DType::q2_k;
  static constexpr bool kSigned = kLayout.code_bits == 8 || kLayout.levels || kType == DType::q3_k;
  /// The code that means 0. Q3_K codes times sub-scales lie in −124 … 128: one less fits.
  static constexpr int kZero =
      kSigned ? V::kSignedZero - (kType == DType::q3_k ? 1 : 0) : kLayout.zero;
  /// The largest code, for ISAs that add products in 16 bits; 0: signed codes.
  static constexpr int kMaxCode = kSigned ? 0
                                  : kType == DType::q2_k
                                      ? 3 * 15
                                      : (1 << (kLayout.code_bits + kLayout.plane_bits)) - 1;
};

/// Vector j (0..7) of the high bits, moved up to bit `kTo`.
template <class V, int kBits, int kTo, int j>
typename V::Codes high_bits(const typename V::Codes* planes) {
  constexpr int from = kBits == 2 ? 2 * (j % 4) : j;
  constexpr int mask = ((1 << kBits) - 1) << kTo;
  const typename V::Codes plane = planes[kBits == 2 ? j / 4 : 0];
  if constexpr (from <= kTo)
    return V::bits(V::template up<kTo - from>(plane), mask);
  else
    return V::bits(V::template down<from - kTo>(plane), mask);
}

/// Vector j of the codes: values 4j … 4j+3 of every lane.
template <class V, class F, int j>
typename V::Codes code_vector(const typename V::Codes* codes, const typename V::Codes* planes) {
  constexpr PanelLayout l = F::kLayout;
  if constexpr (l.code_bits == 8) {
    return V::from_signed(codes[j]);
  } else if constexpr (l.code_bits == 2) {
    return V::bits(V::template down<2 * (j % 4)>(codes[j / 4]), 3);
  } else {
    typename V::Codes c = V::bits(V::template down<4 * (j / 4)>(codes[j % 4]), 15);
    if constexpr (l.plane_bits > 0)
      c = V::either(c, high_bits<V, l.plane_bits, l.code_bits, j>(planes));
    return c;
  }
}

inline constexpr std::uint8_t kLaneOfQuad[16] = {0, 0, 0, 0, 4,  4,  4,  4,
                                                 8, 8, 8, 8, 12, 12, 12, 12};

/// Q2_K and Q3_K: code · sub-scale by table, one table of 4 lanes × 4 codes per 16 bytes.
template <class V, DType kType, int j>
typename V::Codes scaled_code_vector(typename V::Codes code, typename V::Codes plane,
                                     typename V::Codes sub) {
  // Entry 4·lane + code of the table: code · sub.
  typename V::Codes twice = V::add(sub, sub);
  typename V::Codes table =
      V::add(V::both(sub, V::words(0xff00ff00)), V::both(twice, V::words(0xffff0000)));
  typename V::Codes index = V::either(code, V::table(kLaneOfQuad));
  if constexpr (kType == DType::q2_k) return V::lookup(table, index);
  // Q3_K: (code − 4) · sub − 1, and 4 · sub more where the high bit is set.
  typename V::Codes four = V::add(twice, twice);
  table = V::sub(V::sub(table, four), V::words(0x01010101));
  return V::from_signed(V::template add_where<j>(V::lookup(table, index), plane, four));
}

/// The eight code vectors of a block, ready for V::dot.
template <class V, DType kType, int... j>
void unpack_codes(const std::uint8_t* codes, const std::uint8_t* planes, const std::uint8_t* sub,
                  typename V::Codes* w, std::integer_sequence<int, j...>) {
  using F = Format<V, kType>;
  typename V::Codes c[F::kCodeBytes / 64], p[F::kPlaneBytes / 64 + 1];
  for (int i = 0; i < F::kCodeBytes / 64; ++i) c[i] = V::load(codes + 64 * i);
  for (int i = 0; i < F::kPlaneBytes / 64; ++i) p[i] = V::load(planes + 64 * i);
  ((w[j] = code_vector<V, F, j>(c, p)), ...);
  if constexpr (F::kLayout.levels) {
    const typename V::Codes levels = V::from_signed(V::table(kIq4Levels));
    ((w[j] = V::lookup(levels, w[j])), ...);
  }
  if constexpr (kType == DType::q2_k || kType == DType::q3_k) {
    typename V::Codes subs[2] = {V::spread(sub), V::spread(sub + 16)};
    if constexpr (kType == DType::q2_k)
      for (auto& s : subs) s = V::bits(s, 15);  // the high nibble is the minimum
    ((w[j] = scaled_code_vector<V, kType, j>(w[j], p[0], subs[j / 4])), ...);
  }
}

/// Scales of one block of a panel.
template <class V>
struct BlockScales {
  typename V::F32 scale, sub[2], min[2];
};

/// `d` and `dmin` are those of the group or block; `sub` and `sub_min` those of the block.
template <class V, DType kType>
BlockScales<V> unpack_scales(typename V::F32 d, typename V::F32 dmin, const std::uint8_t* sub,
                             const std::uint8_t* sub_min) {
  constexpr PanelLayout l = panel_layout(kType);
  BlockScales<V> s;
  s.scale = d;
  if constexpr (kType == DType::q4_k || kType == DType::q5_k) {
    s.scale = V::mul(d, V::from_u8(sub));
    s.min[0] = V::negative(V::mul(dmin, V::from_u8(sub_min)));
  } else if constexpr (kType == DType::iq4_xs) {
    s.scale = V::mul(d, V::from_i8(sub));
  } else if constexpr (kType == DType::q6_k) {
    for (int half = 0; half < 2; ++half) s.sub[half] = V::from_i8(sub + 16 * half);
  } else if constexpr (kType == DType::q2_k) {
    for (int half = 0; half < 2; ++half)
      s.min[half] = V::negative(V::mul(dmin, V::from_high_nibbles(sub + 16 * half)));
  } else if constexpr (l.has_min) {
    s.min[0] = dmin;
  }
  return s;
}

}  // namespace
}  // namespace hearth::kernels
