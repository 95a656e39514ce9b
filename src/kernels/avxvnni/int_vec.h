// The words of the integer kernels in AVX-VNNI: those of AVX2, but products of bytes come from
// vpdpbusd, which adds four unsigned · signed products to 32 bits and never saturates.
//
// The same source builds with AVX512VL's 256-bit form of the instruction (kernels/avx512vl), so
// that it is tested on machines without AVX-VNNI.
#pragma once

#include "kernels/avx2/int_vec.h"

namespace hearth::kernels {
namespace {

struct AvxVnniInt : Avx2Int {
  static constexpr int kSignedZero = 128;  ///< signed codes are moved up by it

  static Codes from_signed(Codes c) {
    const __m256i up = _mm256_set1_epi8(static_cast<char>(0x80));
    return {{_mm256_xor_si256(c.v[0], up), _mm256_xor_si256(c.v[1], up)}};
  }

  /// sum[row][panel] = start + Σ over code vectors [kFirst, kFirst + kVectors) · activations.
  template <int kFirst, int kVectors, int kMaxCode, int kRows, int kPanels>
  HEARTH_INLINE static void dot(const Codes (&w)[kPanels][8], const std::int8_t* const (&a)[kRows],
                                const std::int32_t* const (&start)[kRows],
                                I32 (&sum)[kRows][kPanels]) {
    static_assert(kPanels == 1);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const __m256i first = start[r] ? _mm256_set1_epi32(*start[r]) : _mm256_setzero_si256();
      sum[r][0] = {{first, first}};
    }
#pragma GCC unroll 8
    for (int j = kFirst; j < kFirst + kVectors; ++j) {
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const __m256i four = broadcast_word(a[r] + 4 * j);
        sum[r][0].v[0] = add_products(sum[r][0].v[0], w[0][j].v[0], four);
        sum[r][0].v[1] = add_products(sum[r][0].v[1], w[0][j].v[1], four);
      }
    }
  }

 private:
  static __m256i add_products(__m256i sum, __m256i codes, __m256i activations) {
#ifdef __AVXVNNI__
    return _mm256_dpbusd_avx_epi32(sum, codes, activations);
#else
    return _mm256_dpbusd_epi32(sum, codes, activations);
#endif
  }
};

}  // namespace
}  // namespace hearth::kernels
