// The words of the bfloat16 product: f32 lanes of AVX-512, each fed by two neighbours along K.
#pragma once

#include "kernels/avx512/float_vec.h"

namespace hearth::kernels {
namespace {

/// Two bfloat16: the lower half is the first along K.
struct Bf16Pair {
  std::uint32_t bits;
};

struct Avx512Bf16 : Avx512Float {
  using Avx512Float::all;
  using Avx512Float::load;
  static __m512i load(const Bf16Pair* p) { return _mm512_loadu_si512(p); }
  static __m512i all(Bf16Pair pair) { return _mm512_set1_epi32(static_cast<int>(pair.bits)); }
  /// sum + both products of the pairs.
  static Reg fma(__m512i a, __m512i b, Reg sum) {
#ifdef __clang__  // version 16 crashes on the intrinsic with operands that come from memory
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
#else
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
#endif
  }
};

/// Rows go into the product rounded to bfloat16, and an odd last value beside a zero.
template <class V>
void copy_row(const float* from, std::int64_t k, Bf16Pair* to) {
  for (std::int64_t i = 0; i < k; i += 32, to += 16) {
    const std::int64_t left = k - i;
    const auto mask = [](std::int64_t count) {
      return static_cast<__mmask16>(count >= 16 ? 0xffff : count <= 0 ? 0 : (1u << count) - 1);
    };
    const __m512 low = _mm512_maskz_loadu_ps(mask(left), from + i);
    const __m512 high = _mm512_maskz_loadu_ps(mask(left - 16), from + i + 16);
    const __m512i pairs = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
    _mm512_mask_storeu_epi32(to, mask((left + 1) / 2), pairs);
  }
}

}  // namespace
}  // namespace hearth::kernels
