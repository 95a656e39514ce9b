// The vector words of the float kernels in NEON: 4 lanes, 32 registers.
#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "base/half.h"

namespace hearth::kernels {
namespace {

struct NeonFloat {
  using Reg = float32x4_t;
  using Mask = uint32x4_t;
  static constexpr int kLanes = 4;
  static constexpr int kSums = 24;     ///< accumulators of a register tile
  static constexpr int kGemmRows = 6;  ///< of a tile of 6 × 4 registers

  // Memory: any pointer may be unaligned; every stored type widens to f32 exactly.
  static Reg load(const float* p) { return vld1q_f32(p); }
  static Reg load(const f16* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(&p->bits))); }
  static Reg load(const bf16* p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(&p->bits), 16));
  }
  static Reg load(const std::int8_t* p) {
    std::int32_t four;
    __builtin_memcpy(&four, p, 4);
    int16x8_t wide = vmovl_s8(vcreate_s8(static_cast<std::uint32_t>(four)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
  }
  static void store(float* p, Reg x) { vst1q_f32(p, x); }
  static void store(f16* p, Reg x) { vst1_u16(&p->bits, vreinterpret_u16_f16(vcvt_f16_f32(x))); }
  static Reg all(float x) { return vdupq_n_f32(x); }
  static Reg iota() {
    const float lanes[4] = {0, 1, 2, 3};
    return vld1q_f32(lanes);
  }

  static Reg add(Reg a, Reg b) { return vaddq_f32(a, b); }
  static Reg sub(Reg a, Reg b) { return vsubq_f32(a, b); }
  static Reg mul(Reg a, Reg b) { return vmulq_f32(a, b); }
  static Reg div(Reg a, Reg b) { return vdivq_f32(a, b); }
  static Reg sqrt(Reg x) { return vsqrtq_f32(x); }
  /// a·b + c, rounded once.
  static Reg fma(Reg a, Reg b, Reg c) { return vfmaq_f32(c, a, b); }
  /// Where one is a NaN: that.
  static Reg max(Reg a, Reg b) { return vmaxq_f32(a, b); }
  static Reg min(Reg a, Reg b) { return vminq_f32(a, b); }
  static Reg round(Reg x) { return vrndnq_f32(x); }
  /// x·2ⁿ for whole numbers n in −150 … 128: in two steps, as 2ⁿ itself may not be an f32.
  static Reg times_pow2(Reg x, Reg n) {
    int32x4_t whole = vcvtq_s32_f32(n);
    int32x4_t half = vshrq_n_s32(whole, 1);
    return mul(mul(x, pow2(half)), pow2(vsubq_s32(whole, half)));
  }

  static Mask less(Reg a, Reg b) { return vcltq_f32(a, b); }
  static Reg select(Mask m, Reg yes, Reg no) { return vbslq_f32(m, yes, no); }

  static float largest(Reg x) { return vmaxvq_f32(x); }

 private:
  static Reg pow2(int32x4_t n) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
  }
};

}  // namespace
}  // namespace hearth::kernels
