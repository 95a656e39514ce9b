// The words of the integer kernels in AVX-512 with VNNI: 64 bytes of codes are one register, 16
// lanes of sums another.
#pragma once

// GCC 12 takes the deliberately undefined pass-through operands of its own header for mistakes.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <cstdint>

#include "kernels/int_inline.h"
#include "kernels/q8a_block.h"

namespace hearth::kernels {
namespace {

struct Avx512Int {
  using Codes = __m512i;
  using I32 = __m512i;
  using F32 = __m512;
  static constexpr bool kArranges = false;  ///< codes serve one row and many alike
  static constexpr int kTileRows = 32;
  static constexpr int kPanels = 2;        ///< at once: they share the broadcast of activations
  static constexpr int kDotRows = 1;       ///< rows of a dot product at once
  static constexpr int kSignedZero = 128;  ///< vpdpbusd wants unsigned codes

  // ---- bytes ----
  static Codes load(const std::uint8_t* p) { return _mm512_loadu_si512(p); }
  /// 16 bytes, four times.
  static Codes table(const void* p) { return _mm512_broadcast_i32x4(load_16(p)); }
  static Codes words(std::uint32_t word) { return _mm512_set1_epi32(static_cast<int>(word)); }
  static Codes bits(Codes c, int mask) {
    return _mm512_and_si512(c, _mm512_set1_epi8(static_cast<char>(mask)));
  }
  static Codes both(Codes a, Codes b) { return _mm512_and_si512(a, b); }
  static Codes either(Codes a, Codes b) { return _mm512_or_si512(a, b); }
  /// low | (c & mask)
  static Codes with_bits(Codes low, Codes c, int mask) {
    return _mm512_ternarylogic_epi32(low, c, _mm512_set1_epi8(static_cast<char>(mask)), 0xf8);
  }
  static Codes add(Codes a, Codes b) { return _mm512_add_epi8(a, b); }
  static Codes sub(Codes a, Codes b) { return _mm512_sub_epi8(a, b); }
  /// Shifts within 16 bits: the caller masks what crosses a byte.
  template <int kBits>
  static Codes up(Codes c) {
    return _mm512_slli_epi16(c, kBits);
  }
  template <int kBits>
  static Codes down(Codes c) {
    return _mm512_srli_epi16(c, kBits);
  }
  static Codes lookup(Codes table, Codes index) { return _mm512_shuffle_epi8(table, index); }
  /// c + addend where bit kBit of the mask's byte is set.
  template <int kBit>
  static Codes add_where(Codes c, Codes mask, Codes addend) {
    __mmask64 set = _mm512_test_epi8_mask(mask, _mm512_set1_epi8(static_cast<char>(1 << kBit)));
    return _mm512_mask_add_epi8(c, set, c, addend);
  }
  static Codes from_signed(Codes c) {
    return _mm512_xor_si512(c, _mm512_set1_epi8(static_cast<char>(0x80)));
  }
  /// 16 bytes to their lanes: byte [4·lane + t] = p[lane].
  static Codes spread(const std::uint8_t* p) {
    return _mm512_mullo_epi32(_mm512_cvtepu8_epi32(load_16(p)), _mm512_set1_epi32(0x01010101));
  }

  // ---- sums ----
  /// sum[row][panel] = start + Σ over code vectors [kFirst, kFirst + kVectors) · activations.
  template <int kFirst, int kVectors, int kMaxCode, int kRows, int kPanels>
  HEARTH_INLINE static void dot(const Codes (&w)[kPanels][8], const std::int8_t* const (&a)[kRows],
                                const std::int32_t* const (&start)[kRows],
                                I32 (&sum)[kRows][kPanels]) {
    for (int r = 0; r < kRows; ++r) {
      for (int p = 0; p < kPanels; ++p)
        sum[r][p] = start[r] ? _mm512_set1_epi32(*start[r]) : _mm512_setzero_si512();
#pragma GCC unroll 8
      for (int j = kFirst; j < kFirst + kVectors; ++j) {
        const __m512i four = broadcast_word(a[r] + 4 * j);
#pragma GCC unroll 2
        for (int p = 0; p < kPanels; ++p) sum[r][p] = _mm512_dpbusd_epi32(sum[r][p], w[p][j], four);
      }
    }
  }

  // ---- lanes of f32 ----
  static F32 all(float x) { return _mm512_set1_ps(x); }
  static F32 halves(const std::uint8_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static F32 from_u8(const std::uint8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load_16(p)));
  }
  static F32 from_i8(const std::uint8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load_16(p)));
  }
  static F32 from_low_nibbles(const std::uint8_t* p) {
    const __m512i low = _mm512_set1_epi32(15);
    return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_cvtepu8_epi32(load_16(p)), low));
  }
  static F32 from_high_nibbles(const std::uint8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_srli_epi32(_mm512_cvtepu8_epi32(load_16(p)), 4));
  }
  static F32 to_f32(I32 x) { return _mm512_cvtepi32_ps(x); }
  static F32 mul(F32 a, F32 b) { return _mm512_mul_ps(a, b); }
  static F32 negative(F32 a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
  /// a·b + c, rounded once.
  static F32 fma(F32 a, F32 b, F32 c) { return _mm512_fmadd_ps(a, b, c); }
  static void store(float* p, F32 x, int lanes) {
    if (lanes == 16) return _mm512_storeu_ps(p, x);
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << lanes) - 1), x);
  }

  // ---- activations ----
  /// Codes, sums of 16 and the returned scale of 32 values, as the reference computes them.
  HEARTH_INLINE static Q8aBlock quantise_block(const float* x, std::int8_t* codes,
                                               std::int32_t* sums) {
    const __m512 x0 = _mm512_loadu_ps(x), x1 = _mm512_loadu_ps(x + 16);
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    const __m512i m0 = _mm512_and_si512(_mm512_castps_si512(x0), magnitude);
    const __m512i m1 = _mm512_and_si512(_mm512_castps_si512(x1), magnitude);
    const int largest = _mm512_reduce_max_epi32(_mm512_max_epi32(m0, m1));
    const Q8aScale scale = q8a_scale(largest);
    const __m512 inverse = _mm512_set1_ps(scale.inverse);
    // A block without a scale has codes 0, also where infinity · 0 gives NaN.
    const __mmask16 live = _mm512_cmp_ps_mask(inverse, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    const __m512i c0 = _mm512_maskz_cvtps_epi32(live, _mm512_mul_ps(x0, inverse));
    const __m512i c1 = _mm512_maskz_cvtps_epi32(live, _mm512_mul_ps(x1, inverse));
    const __m256i bytes = _mm256_set_m128i(_mm512_cvtepi32_epi8(c1), _mm512_cvtepi32_epi8(c0));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes), bytes);
    // Sums of eight codes that are moved up by 128, then of sixteen.
    const __m256i up = _mm256_xor_si256(bytes, _mm256_set1_epi8(static_cast<char>(0x80)));
    const __m256i eights = _mm256_sad_epu8(up, _mm256_setzero_si256());
    const __m256i sixteens = _mm256_add_epi32(eights, _mm256_bsrli_epi128(eights, 8));
    sums[0] = _mm256_extract_epi32(sixteens, 0) - 16 * 128;
    sums[1] = _mm256_extract_epi32(sixteens, 4) - 16 * 128;
    const __m256i magnitudes = _mm256_abs_epi8(bytes);
    const __m256i squares = _mm256_dpbusd_epi32(_mm256_setzero_si256(), magnitudes, magnitudes);
    const __m128i four =
        _mm_add_epi32(_mm256_castsi256_si128(squares), _mm256_extracti128_si256(squares, 1));
    const __m128i two = _mm_add_epi32(four, _mm_bsrli_si128(four, 8));
    return {scale.scale, _mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 1)};
  }

 private:
  static __m128i load_16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
  /// Four activations in every lane.
  static __m512i broadcast_word(const std::int8_t* a) {
    int word;
    __builtin_memcpy(&word, a, 4);
    return _mm512_set1_epi32(word);
  }
};

}  // namespace
}  // namespace hearth::kernels
