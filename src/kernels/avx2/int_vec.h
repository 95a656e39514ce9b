// The words of the integer kernels in AVX2: 64 bytes of codes, or 16 lanes, are two registers.
//
// Products of bytes come from vpmaddubsw, which adds two unsigned · signed products in 16 bits and
// would saturate above 32767. Unsigned codes up to c are summed ⌊32767 / (2·127·c)⌋ times before
// they widen. Signed codes (−128 … 127) go in as |w| · (a with the sign of w): at most 2·128·127.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/int_inline.h"
#include "kernels/q8a_block.h"

namespace hearth::kernels {
namespace {

struct Avx2Int {
  struct Codes {
    __m256i v[2];
  };
  using I32 = Codes;
  struct F32 {
    __m256 v[2];
  };
  static constexpr bool kArranges = false;  ///< codes serve one row and many alike
  static constexpr int kTileRows = 32;
  static constexpr int kPanels = 1;
  static constexpr int kDotRows = 4;     ///< they share the loads of codes
  static constexpr int kSignedZero = 0;  ///< signed codes stay as they are

  // ---- bytes ----
  static Codes load(const std::uint8_t* p) { return {{load_32(p), load_32(p + 32)}}; }
  /// 16 bytes, four times.
  static Codes table(const void* p) {
    const __m256i t = _mm256_broadcastsi128_si256(load_16(p));
    return {{t, t}};
  }
  static Codes words(std::uint32_t word) {
    const __m256i w = _mm256_set1_epi32(static_cast<int>(word));
    return {{w, w}};
  }
  static Codes bits(Codes c, int mask) {
    const __m256i m = _mm256_set1_epi8(static_cast<char>(mask));
    return {{_mm256_and_si256(c.v[0], m), _mm256_and_si256(c.v[1], m)}};
  }
  static Codes both(Codes a, Codes b) {
    return {{_mm256_and_si256(a.v[0], b.v[0]), _mm256_and_si256(a.v[1], b.v[1])}};
  }
  static Codes either(Codes a, Codes b) {
    return {{_mm256_or_si256(a.v[0], b.v[0]), _mm256_or_si256(a.v[1], b.v[1])}};
  }
  /// low | (c & mask)
  static Codes with_bits(Codes low, Codes c, int mask) { return either(low, bits(c, mask)); }
  static Codes add(Codes a, Codes b) {
    return {{_mm256_add_epi8(a.v[0], b.v[0]), _mm256_add_epi8(a.v[1], b.v[1])}};
  }
  static Codes sub(Codes a, Codes b) {
    return {{_mm256_sub_epi8(a.v[0], b.v[0]), _mm256_sub_epi8(a.v[1], b.v[1])}};
  }
  /// Shifts within 16 bits: the caller masks what crosses a byte.
  template <int kBits>
  static Codes up(Codes c) {
    return {{_mm256_slli_epi16(c.v[0], kBits), _mm256_slli_epi16(c.v[1], kBits)}};
  }
  template <int kBits>
  static Codes down(Codes c) {
    return {{_mm256_srli_epi16(c.v[0], kBits), _mm256_srli_epi16(c.v[1], kBits)}};
  }
  static Codes lookup(Codes t, Codes index) {
    return {{_mm256_shuffle_epi8(t.v[0], index.v[0]), _mm256_shuffle_epi8(t.v[1], index.v[1])}};
  }
  /// c + addend where bit kBit of the mask's byte is set.
  template <int kBit>
  static Codes add_where(Codes c, Codes mask, Codes addend) {
    const __m256i bit = _mm256_set1_epi8(static_cast<char>(1 << kBit));
    for (int h = 0; h < 2; ++h) {
      const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(mask.v[h], bit), bit);
      c.v[h] = _mm256_add_epi8(c.v[h], _mm256_and_si256(addend.v[h], set));
    }
    return c;
  }
  static Codes from_signed(Codes c) { return c; }
  /// 16 bytes to their lanes: byte [4·lane + t] = p[lane].
  static Codes spread(const std::uint8_t* p) {
    const __m256i bytes = _mm256_broadcastsi128_si256(load_16(p));
    const __m256i first = _mm256_setr_epi32(0x00000000, 0x01010101, 0x02020202, 0x03030303,
                                            0x04040404, 0x05050505, 0x06060606, 0x07070707);
    const __m256i second = _mm256_add_epi8(first, _mm256_set1_epi8(8));
    return {{_mm256_shuffle_epi8(bytes, first), _mm256_shuffle_epi8(bytes, second)}};
  }

  // ---- sums ----
  /// Four activations in every lane.
  static __m256i broadcast_word(const std::int8_t* a) {
    int word;
    __builtin_memcpy(&word, a, 4);
    return _mm256_set1_epi32(word);
  }
  /// sum[row][panel] = start + Σ over code vectors [kFirst, kFirst + kVectors) · activations.
  template <int kFirst, int kVectors, int kMaxCode, int kRows, int kPanels>
  HEARTH_INLINE static void dot(const Codes (&w)[kPanels][8], const std::int8_t* const (&a)[kRows],
                                const std::int32_t* const (&start)[kRows],
                                I32 (&sum)[kRows][kPanels]) {
    static_assert(kPanels == 1);
    constexpr int kRun = kMaxCode == 0 ? 1 : 32767 / (2 * 127 * kMaxCode);
    // Sixteen registers hold four rows of sums in 16 bits, or two rows where these also widen.
    constexpr int kAtOnce = kRows == 1 ? 1 : kRun >= kVectors ? 4 : 2;
    static_assert(kRows % kAtOnce == 0);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; r += kAtOnce)
      dot_rows<kFirst, kVectors, kRun, kMaxCode == 0, kAtOnce>(w[0], a + r, start + r, sum + r);
  }

  // ---- lanes of f32 ----
  static F32 all(float x) { return {{_mm256_set1_ps(x), _mm256_set1_ps(x)}}; }
  static F32 halves(const std::uint8_t* p) {
    return {{_mm256_cvtph_ps(load_16(p)), _mm256_cvtph_ps(load_16(p + 16))}};
  }
  static F32 from_u8(const std::uint8_t* p) {
    return to_f32({{_mm256_cvtepu8_epi32(load_8(p)), _mm256_cvtepu8_epi32(load_8(p + 8))}});
  }
  static F32 from_i8(const std::uint8_t* p) {
    return to_f32({{_mm256_cvtepi8_epi32(load_8(p)), _mm256_cvtepi8_epi32(load_8(p + 8))}});
  }
  static F32 from_low_nibbles(const std::uint8_t* p) {
    const __m256i low = _mm256_set1_epi32(15);
    return to_f32({{_mm256_and_si256(_mm256_cvtepu8_epi32(load_8(p)), low),
                    _mm256_and_si256(_mm256_cvtepu8_epi32(load_8(p + 8)), low)}});
  }
  static F32 from_high_nibbles(const std::uint8_t* p) {
    return to_f32({{_mm256_srli_epi32(_mm256_cvtepu8_epi32(load_8(p)), 4),
                    _mm256_srli_epi32(_mm256_cvtepu8_epi32(load_8(p + 8)), 4)}});
  }
  static F32 to_f32(I32 x) { return {{_mm256_cvtepi32_ps(x.v[0]), _mm256_cvtepi32_ps(x.v[1])}}; }
  static F32 mul(F32 a, F32 b) {
    return {{_mm256_mul_ps(a.v[0], b.v[0]), _mm256_mul_ps(a.v[1], b.v[1])}};
  }
  static F32 negative(F32 a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {{_mm256_xor_ps(a.v[0], sign), _mm256_xor_ps(a.v[1], sign)}};
  }
  /// a·b + c, rounded once.
  static F32 fma(F32 a, F32 b, F32 c) {
    return {{_mm256_fmadd_ps(a.v[0], b.v[0], c.v[0]), _mm256_fmadd_ps(a.v[1], b.v[1], c.v[1])}};
  }
  static void store(float* p, F32 x, int lanes) {
    if (lanes < 16) return store_some(p, x, lanes);
    _mm256_storeu_ps(p, x.v[0]);
    _mm256_storeu_ps(p + 8, x.v[1]);
  }

  // ---- activations ----
  /// Codes, sums of 16 and the returned scale of 32 values, as the reference computes them.
  static Q8aBlock quantise_block(const float* x, std::int8_t* codes, std::int32_t* sums) {
    __m256 v[4];
    __m256i largest = _mm256_setzero_si256();
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm256_loadu_ps(x + 8 * i);
      const __m256i bits = _mm256_castps_si256(v[i]);
      largest = _mm256_max_epi32(largest, _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff)));
    }
    const Q8aScale scale = q8a_scale(largest_of(largest));
    // A block without a scale has codes 0, also where infinity · 0 gives NaN.
    const __m256i live = _mm256_set1_epi32(scale.inverse == 0 ? 0 : -1);
    __m256i c[4];
    for (int i = 0; i < 4; ++i) {
      c[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], _mm256_set1_ps(scale.inverse)));
      c[i] = _mm256_and_si256(c[i], live);
    }
    __m256i squares = _mm256_setzero_si256();
    for (int half = 0; half < 2; ++half) {
      const __m256i pairs = _mm256_packs_epi32(c[2 * half], c[2 * half + 1]);
      const __m256i words = _mm256_permute4x64_epi64(pairs, 0xd8);
      sums[half] = sum_of(_mm256_madd_epi16(words, _mm256_set1_epi16(1)));
      squares = _mm256_add_epi32(squares, _mm256_madd_epi16(words, words));
      const __m128i bytes =
          _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + 16 * half), bytes);
    }
    return {scale.scale, sum_of(squares)};
  }

 private:
  template <int kFirst, int kVectors, int kRun, bool kSigned, int kRows>
  HEARTH_INLINE static void dot_rows(const Codes* w, const std::int8_t* const* a,
                                     const std::int32_t* const* start, I32 (*sum)[1]) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i wide[kRows][2];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r)
      wide[r][0] = wide[r][1] = start[r] ? _mm256_set1_epi32(*start[r]) : _mm256_setzero_si256();
    __m256i narrow[kRows][2];
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      const __m256i c[2] = {w[kFirst + i].v[0], w[kFirst + i].v[1]};
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const __m256i four = broadcast_word(a[r] + 4 * (kFirst + i));
#pragma GCC unroll 2
        for (int h = 0; h < 2; ++h) {
          const __m256i product =
              kSigned ? _mm256_maddubs_epi16(_mm256_abs_epi8(c[h]), _mm256_sign_epi8(four, c[h]))
                      : _mm256_maddubs_epi16(c[h], four);
          narrow[r][h] = i % kRun == 0 ? product : _mm256_add_epi16(narrow[r][h], product);
          in_order(narrow[r][h]);
          if (i % kRun < kRun - 1 && i < kVectors - 1) continue;
          const __m256i sums = _mm256_madd_epi16(narrow[r][h], ones);
          wide[r][h] = i < kRun ? sums : _mm256_add_epi32(wide[r][h], sums);
          in_order(wide[r][h]);
        }
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      sum[r][0] = {{wide[r][0], wide[r][1]}};
      if (!start[r]) continue;
      const __m256i first = _mm256_set1_epi32(*start[r]);
      for (__m256i& v : sum[r][0].v) v = _mm256_add_epi32(v, first);
    }
  }

  /// Left alone, GCC regroups integer sums into trees whose leaves no longer fit the registers.
  static void in_order(__m256i& sum) { asm("" : "+x"(sum)); }

  static __m256i load_32(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  static __m128i load_16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
  static __m128i load_8(const void* p) { return _mm_loadl_epi64(static_cast<const __m128i*>(p)); }
  static void store_some(float* p, F32 x, int lanes) {
    float all[16];
    _mm256_storeu_ps(all, x.v[0]);
    _mm256_storeu_ps(all + 8, x.v[1]);
    for (int i = 0; i < lanes; ++i) p[i] = all[i];
  }
  static std::int32_t sum_of(__m256i x) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
  }
  static std::int32_t largest_of(__m256i x) {
    __m128i s = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    s = _mm_max_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_max_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
  }
};

}  // namespace
}  // namespace hearth::kernels
