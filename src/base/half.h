// IEEE half and bfloat16 as bit patterns. Exact conversions; narrowing rounds to nearest even.
#pragma once

#include <bit>
#include <cstdint>

namespace hearth {

/// IEEE 754 binary16, held as bits: arithmetic happens in f32.
struct f16 {
  std::uint16_t bits = 0;
};
/// The upper half of an f32.
struct bf16 {
  std::uint16_t bits = 0;
};

inline float to_f32(bf16 x) { return std::bit_cast<float>(std::uint32_t{x.bits} << 16); }

inline bf16 to_bf16(float x) {
  std::uint32_t u = std::bit_cast<std::uint32_t>(x);
  if ((u & 0x7fffffff) > 0x7f800000) return {static_cast<std::uint16_t>(u >> 16 | 0x40)};  // NaN
  return {static_cast<std::uint16_t>((u + 0x7fff + (u >> 16 & 1)) >> 16)};
}

inline float to_f32(f16 x) {
  // Shift exponent and mantissa into place, then let one multiplication rescale (this also
  // normalises subnormals). Infinities and NaNs keep an all-ones exponent.
  std::uint32_t magnitude = std::uint32_t{x.bits & 0x7fffu} << 13;
  std::uint32_t sign = std::uint32_t{x.bits & 0x8000u} << 16;
  if (magnitude >= 0x0f800000) return std::bit_cast<float>(sign | magnitude | 0x7f800000);
  float scaled = std::bit_cast<float>(magnitude) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(scaled));
}

inline f16 to_f16(float x) {
  std::uint32_t u = std::bit_cast<std::uint32_t>(x);
  std::uint32_t sign = u >> 16 & 0x8000;
  std::uint32_t a = u & 0x7fffffff;
  if (a > 0x7f800000) return {static_cast<std::uint16_t>(sign | 0x7e00)};
  if (a >= 0x477ff000) return {static_cast<std::uint16_t>(sign | 0x7c00)};  // rounds to infinity
  if (a < 0x38800000) {
    // Subnormal: adding 0.5 leaves the rounded mantissa in the low bits.
    float shifted = std::bit_cast<float>(a) + 0.5f;
    return {static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) & 0x7ff))};
  }
  std::uint32_t rounded = a - 0x38000000 + 0xfff + (a >> 13 & 1);
  return {static_cast<std::uint16_t>(sign | rounded >> 13)};
}

}  // namespace hearth
