// The vector words of the float kernels in AVX2 with FMA and F16C: 8 lanes, 16 registers.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "base/half.h"

namespace hearth::kernels {
namespace {

struct Avx2Float {
  using Reg = __m256;
  using Mask = __m256;
  static constexpr int kLanes = 8;
  static constexpr int kSums = 12;     ///< accumulators of a register tile
  static constexpr int kGemmRows = 6;  ///< of a tile of 6 × 2 registers

  // Memory: any pointer may be unaligned; every stored type widens to f32 exactly.
  static Reg load(const float* p) { return _mm256_loadu_ps(p); }
  static Reg load(const f16* p) { return _mm256_cvtph_ps(load_128(p)); }
  static Reg load(const bf16* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_128(p)), 16));
  }
  static Reg load(const std::int8_t* p) {
    __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes));
  }
  static void store(float* p, Reg x) { _mm256_storeu_ps(p, x); }
  static void store(f16* p, Reg x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static Reg all(float x) { return _mm256_set1_ps(x); }
  static Reg iota() { return _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7); }

  static Reg add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static Reg sub(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static Reg mul(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  static Reg div(Reg a, Reg b) { return _mm256_div_ps(a, b); }
  static Reg sqrt(Reg x) { return _mm256_sqrt_ps(x); }
  /// a·b + c, rounded once.
  static Reg fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  /// Where one is a NaN: b.
  static Reg max(Reg a, Reg b) { return _mm256_max_ps(a, b); }
  static Reg min(Reg a, Reg b) { return _mm256_min_ps(a, b); }
  static Reg round(Reg x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  /// x·2ⁿ for whole numbers n in −150 … 128: in two steps, as 2ⁿ itself may not be an f32.
  static Reg times_pow2(Reg x, Reg n) {
    __m256i whole = _mm256_cvtps_epi32(n);
    __m256i half = _mm256_srai_epi32(whole, 1);
    return mul(mul(x, pow2(half)), pow2(_mm256_sub_epi32(whole, half)));
  }

  static Mask less(Reg a, Reg b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
  static Reg select(Mask m, Reg yes, Reg no) { return _mm256_blendv_ps(no, yes, m); }

  static float largest(Reg x) {
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }

 private:
  static __m128i load_128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
  static Reg pow2(__m256i n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
  }
};

}  // namespace
}  // namespace hearth::kernels
