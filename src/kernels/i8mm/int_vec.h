// The words of the integer kernels with Arm's matrix instruction: smmla multiplies two rows of
// eight activations with two lanes of eight codes, twice the work of sdot.
#pragma once

#include "kernels/neon/int_vec.h"

namespace hearth::kernels {
namespace {

struct I8mmInt : NeonInt {
  static constexpr bool kArranges = true;

  /// For many rows: values 8i … 8i+7 of a lane side by side. w[2i].v[q] then holds the lanes 4q and
  /// 4q + 1, w[2i + 1].v[q] the next two.
  HEARTH_INLINE static void arrange(Codes (&w)[8]) {
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2)
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        const uint32x4_t a = vreinterpretq_u32_u8(w[i].v[q]);
        const uint32x4_t b = vreinterpretq_u32_u8(w[i + 1].v[q]);
        w[i].v[q] = vreinterpretq_u8_u32(vzip1q_u32(a, b));
        w[i + 1].v[q] = vreinterpretq_u8_u32(vzip2q_u32(a, b));
      }
  }

  /// As dot(), on arranged codes.
  template <int kFirst, int kVectors, int kMaxCode, int kRows, int kPanels>
  HEARTH_INLINE static void dot_arranged(const Codes (&w)[kPanels][8],
                                         const std::int8_t* const (&a)[kRows],
                                         const std::int32_t* const (&start)[kRows],
                                         I32 (&sum)[kRows][kPanels]) {
    static_assert(kPanels == 1 && kFirst % 2 == 0 && kVectors % 2 == 0);
#pragma GCC unroll 2
    for (int r = 0; r < kRows; r += 2) {
      const int other = r + 1 < kRows ? r + 1 : r;  // a row alone is multiplied with itself
      int32x4_t s[4][2];                            // [row r · two lanes, other row · two lanes]
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) s[q][0] = s[q][1] = vdupq_n_s32(0);
#pragma GCC unroll 4
      for (int j = kFirst; j < kFirst + kVectors; j += 2) {
        const int8x16_t x = vcombine_s8(vld1_s8(a[r] + 4 * j), vld1_s8(a[other] + 4 * j));
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) {
          s[q][0] = vmmlaq_s32(s[q][0], x, vreinterpretq_s8_u8(w[0][j].v[q]));
          s[q][1] = vmmlaq_s32(s[q][1], x, vreinterpretq_s8_u8(w[0][j + 1].v[q]));
        }
      }
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        sum[r][0].v[q] = plus(start[r], vcombine_s32(vget_low_s32(s[q][0]), vget_low_s32(s[q][1])));
        if (other != r)
          sum[other][0].v[q] =
              plus(start[other], vcombine_s32(vget_high_s32(s[q][0]), vget_high_s32(s[q][1])));
      }
    }
  }

 private:
  static int32x4_t plus(const std::int32_t* start, int32x4_t sum) {
    return start ? vaddq_s32(sum, vdupq_n_s32(*start)) : sum;
  }
};

}  // namespace
}  // namespace hearth::kernels
