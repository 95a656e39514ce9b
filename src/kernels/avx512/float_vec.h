// The vector words of the float kernels in AVX-512: 16 lanes, 32 registers.
#pragma once

// GCC 12 takes the deliberately undefined pass-through operands of its own header for mistakes.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <cstdint>

#include "base/half.h"

namespace hearth::kernels {
namespace {

struct Avx512Float {
  using Reg = __m512;
  using Mask = __mmask16;
  static constexpr int kLanes = 16;
  static constexpr int kSums = 24;      ///< accumulators of a register tile
  static constexpr int kGemmRows = 12;  ///< of a tile of 12 × 2 registers

  // Memory: any pointer may be unaligned; every stored type widens to f32 exactly.
  static Reg load(const float* p) { return _mm512_loadu_ps(p); }
  static Reg load(const f16* p) { return _mm512_cvtph_ps(load_256(p)); }
  static Reg load(const bf16* p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load_256(p)), 16));
  }
  static Reg load(const std::int8_t* p) {
    __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes));
  }
  static void store(float* p, Reg x) { _mm512_storeu_ps(p, x); }
  static void store(f16* p, Reg x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static Reg all(float x) { return _mm512_set1_ps(x); }
  static Reg iota() { return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }

  static Reg add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
  static Reg sub(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  static Reg mul(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
  static Reg div(Reg a, Reg b) { return _mm512_div_ps(a, b); }
  static Reg sqrt(Reg x) { return _mm512_sqrt_ps(x); }
  /// a·b + c, rounded once.
  static Reg fma(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  /// Where one is a NaN: b.
  static Reg max(Reg a, Reg b) { return _mm512_max_ps(a, b); }
  static Reg min(Reg a, Reg b) { return _mm512_min_ps(a, b); }
  static Reg round(Reg x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  /// x·2ⁿ for whole numbers n in −150 … 128.
  static Reg times_pow2(Reg x, Reg n) { return _mm512_scalef_ps(x, n); }

  static Mask less(Reg a, Reg b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  static Reg select(Mask m, Reg yes, Reg no) { return _mm512_mask_blend_ps(m, no, yes); }

  static float largest(Reg x) { return _mm512_reduce_max_ps(x); }

 private:
  static __m256i load_256(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
};

}  // namespace
}  // namespace hearth::kernels
