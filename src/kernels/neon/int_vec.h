// The words of the integer kernels in NEON with dot products: 64 bytes of codes, or 16 lanes, are
// four registers. sdot multiplies signed bytes, and every type's codes fit one.
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <utility>

#include "kernels/int_inline.h"
#include "kernels/q8a_block.h"

namespace hearth::kernels {
namespace {

struct NeonInt {
  struct Codes {
    uint8x16_t v[4];
  };
  struct I32 {
    int32x4_t v[4];
  };
  struct F32 {
    float32x4_t v[4];
  };
  static constexpr bool kArranges = false;  ///< codes serve one row and many alike
  static constexpr int kTileRows = 32;
  static constexpr int kPanels = 1;
  static constexpr int kDotRows = 4;  ///< 16 registers of sums, 4 of codes, 4 of activations
  static constexpr int kSignedZero = 0;

  // ---- bytes ----
  static Codes load(const std::uint8_t* p) {
    return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}};
  }
  /// 16 bytes, four times.
  static Codes table(const void* p) { return all_four(vld1q_u8(static_cast<const uint8_t*>(p))); }
  static Codes words(std::uint32_t word) {
    return all_four(vreinterpretq_u8_u32(vdupq_n_u32(word)));
  }
  static Codes bits(Codes c, int mask) {
    return both(c, all_four(vdupq_n_u8(static_cast<uint8_t>(mask))));
  }
  static Codes both(Codes a, Codes b) {
    return each(a, b, [](uint8x16_t x, uint8x16_t y) { return vandq_u8(x, y); });
  }
  static Codes either(Codes a, Codes b) {
    return each(a, b, [](uint8x16_t x, uint8x16_t y) { return vorrq_u8(x, y); });
  }
  /// low | (c & mask)
  static Codes with_bits(Codes low, Codes c, int mask) { return either(low, bits(c, mask)); }
  static Codes add(Codes a, Codes b) {
    return each(a, b, [](uint8x16_t x, uint8x16_t y) { return vaddq_u8(x, y); });
  }
  static Codes sub(Codes a, Codes b) {
    return each(a, b, [](uint8x16_t x, uint8x16_t y) { return vsubq_u8(x, y); });
  }
  template <int kBits>
  static Codes up(Codes c) {
    for (uint8x16_t& v : c.v) v = vshlq_n_u8(v, kBits);
    return c;
  }
  template <int kBits>
  static Codes down(Codes c) {
    if constexpr (kBits > 0)
      for (uint8x16_t& v : c.v) v = vshrq_n_u8(v, kBits);
    return c;
  }
  static Codes lookup(Codes t, Codes index) {
    return each(t, index, [](uint8x16_t x, uint8x16_t y) { return vqtbl1q_u8(x, y); });
  }
  /// c + addend where bit kBit of the mask's byte is set.
  template <int kBit>
  static Codes add_where(Codes c, Codes mask, Codes addend) {
    const Codes set = each(mask, all_four(vdupq_n_u8(1 << kBit)),
                           [](uint8x16_t x, uint8x16_t y) { return vtstq_u8(x, y); });
    return add(c, both(addend, set));
  }
  static Codes from_signed(Codes c) { return c; }
  /// 16 bytes to their lanes: byte [4·lane + t] = p[lane].
  static Codes spread(const std::uint8_t* p) {
    const uint8x16_t bytes = vld1q_u8(p);
    const uint8x16x2_t twice = vzipq_u8(bytes, bytes);
    const uint16x8_t low = vreinterpretq_u16_u8(twice.val[0]);
    const uint16x8_t high = vreinterpretq_u16_u8(twice.val[1]);
    const uint16x8x2_t first = vzipq_u16(low, low), second = vzipq_u16(high, high);
    return {{vreinterpretq_u8_u16(first.val[0]), vreinterpretq_u8_u16(first.val[1]),
             vreinterpretq_u8_u16(second.val[0]), vreinterpretq_u8_u16(second.val[1])}};
  }

  // ---- sums ----
  /// sum[row][panel] = start + Σ over code vectors [kFirst, kFirst + kVectors) · activations.
  template <int kFirst, int kVectors, int kMaxCode, int kRows, int kPanels>
  HEARTH_INLINE static void dot(const Codes (&w)[kPanels][8], const std::int8_t* const (&a)[kRows],
                                const std::int32_t* const (&start)[kRows],
                                I32 (&sum)[kRows][kPanels]) {
    static_assert(kPanels == 1);
    int32x4_t s[kRows][4];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r)
      s[r][0] = s[r][1] = s[r][2] = s[r][3] = vdupq_n_s32(start[r] ? *start[r] : 0);
#pragma GCC unroll 2
    for (int j = kFirst; j < kFirst + kVectors; j += 4) {
      int8x16_t x[kRows];  // the activations of four code vectors
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) x[r] = vld1q_s8(a[r] + 4 * j);
      four_vectors(w[0] + j, x, s, std::make_integer_sequence<int, 4>());
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) sum[r][0] = {{s[r][0], s[r][1], s[r][2], s[r][3]}};
  }

  // ---- lanes of f32 ----
  static F32 all(float x) {
    const float32x4_t v = vdupq_n_f32(x);
    return {{v, v, v, v}};
  }
  static F32 halves(const std::uint8_t* p) {
    F32 x;
    for (int i = 0; i < 4; ++i) x.v[i] = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p + 8 * i)));
    return x;
  }
  static F32 from_u8(const std::uint8_t* p) { return from_bytes(vld1q_u8(p)); }
  static F32 from_low_nibbles(const std::uint8_t* p) {
    return from_bytes(vandq_u8(vld1q_u8(p), vdupq_n_u8(15)));
  }
  static F32 from_high_nibbles(const std::uint8_t* p) {
    return from_bytes(vshrq_n_u8(vld1q_u8(p), 4));
  }
  static F32 from_i8(const std::uint8_t* p) {
    const int8x16_t bytes = vreinterpretq_s8_u8(vld1q_u8(p));
    const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_s8(vget_high_s8(bytes));
    return to_f32({{vmovl_s16(vget_low_s16(low)), vmovl_s16(vget_high_s16(low)),
                    vmovl_s16(vget_low_s16(high)), vmovl_s16(vget_high_s16(high))}});
  }
  static F32 to_f32(I32 x) {
    F32 y;
    for (int i = 0; i < 4; ++i) y.v[i] = vcvtq_f32_s32(x.v[i]);
    return y;
  }
  static F32 mul(F32 a, F32 b) {
    for (int i = 0; i < 4; ++i) a.v[i] = vmulq_f32(a.v[i], b.v[i]);
    return a;
  }
  static F32 negative(F32 a) {
    for (float32x4_t& v : a.v) v = vnegq_f32(v);
    return a;
  }
  /// a·b + c, rounded once.
  static F32 fma(F32 a, F32 b, F32 c) {
    for (int i = 0; i < 4; ++i) c.v[i] = vfmaq_f32(c.v[i], a.v[i], b.v[i]);
    return c;
  }
  static void store(float* p, F32 x, int lanes) {
    if (lanes < 16) return store_some(p, x, lanes);
    for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, x.v[i]);
  }

  // ---- activations ----
  /// Codes, sums of 16 and the returned scale of 32 values, as the reference computes them.
  static Q8aBlock quantise_block(const float* x, std::int8_t* codes, std::int32_t* sums) {
    float32x4_t v[8];
    uint32x4_t largest = vdupq_n_u32(0);
    for (int i = 0; i < 8; ++i) {
      v[i] = vld1q_f32(x + 4 * i);
      largest = vmaxq_u32(largest, vreinterpretq_u32_f32(vabsq_f32(v[i])));
    }
    const Q8aScale scale = q8a_scale(static_cast<std::int32_t>(vmaxvq_u32(largest)));
    // A block without a scale has codes 0, also where infinity · 0 gives NaN: here a NaN converts
    // to 0 by itself.
    int32x4_t squares = vdupq_n_s32(0);
    for (int half = 0; half < 2; ++half) {
      int32x4_t c[4];
      for (int i = 0; i < 4; ++i) {
        c[i] = vcvtnq_s32_f32(vmulq_n_f32(v[4 * half + i], scale.inverse));
        squares = vmlaq_s32(squares, c[i], c[i]);
      }
      const int16x8_t low = vcombine_s16(vmovn_s32(c[0]), vmovn_s32(c[1]));
      const int16x8_t high = vcombine_s16(vmovn_s32(c[2]), vmovn_s32(c[3]));
      vst1q_s8(codes + 16 * half, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
      sums[half] = vaddvq_s32(vaddq_s32(vaddq_s32(c[0], c[1]), vaddq_s32(c[2], c[3])));
    }
    return {scale.scale, vaddvq_s32(squares)};
  }

 private:
  /// Four code vectors times the four words of each row's activations.
  template <int kRows, int... word>
  HEARTH_INLINE static void four_vectors(const Codes* w, const int8x16_t (&x)[kRows],
                                         int32x4_t (&s)[kRows][4],
                                         std::integer_sequence<int, word...>) {
    (one_vector<word>(w[word], x, s), ...);
  }
  template <int kWord, int kRows>
  HEARTH_INLINE static void one_vector(const Codes& w, const int8x16_t (&x)[kRows],
                                       int32x4_t (&s)[kRows][4]) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int8x16_t codes = vreinterpretq_s8_u8(w.v[i]);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) s[r][i] = vdotq_laneq_s32(s[r][i], codes, x[r], kWord);
    }
  }
  static Codes all_four(uint8x16_t v) { return {{v, v, v, v}}; }
  template <class Op>
  HEARTH_INLINE static Codes each(Codes a, Codes b, Op op) {
    for (int i = 0; i < 4; ++i) a.v[i] = op(a.v[i], b.v[i]);
    return a;
  }
  static F32 from_bytes(uint8x16_t bytes) {
    const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_u8(vget_high_u8(bytes));
    return {{vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))),
             vcvtq_f32_u32(vmovl_u16(vget_high_u16(low))),
             vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))),
             vcvtq_f32_u32(vmovl_u16(vget_high_u16(high)))}};
  }
  static void store_some(float* p, F32 x, int lanes) {
    float all[16];
    for (int i = 0; i < 4; ++i) vst1q_f32(all + 4 * i, x.v[i]);
    for (int i = 0; i < lanes; ++i) p[i] = all[i];
  }
};

}  // namespace
}  // namespace hearth::kernels
