#include "models/random_blocks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/blocks.h"
#include "base/check.h"
#include "base/half.h"

namespace hearth {
namespace {

/// A counter hashed (Steele et al. 2014, SplitMix64): no state to carry, so it vectorises.
std::uint64_t random_word(std::uint64_t counter) {
  std::uint64_t z = counter * 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/// Random sign and mantissa under one exponent: ±(1 + m)·2^e, whose deviation is √(7/3)·2^e.
struct FloatBits {
  std::uint64_t random, fixed;  ///< masks of one 64-bit word of values
};
FloatBits float_bits(DType type, float deviation) {
  const int e = static_cast<int>(std::lround(std::log2(deviation / std::sqrt(7.0f / 3))));
  auto repeat16 = [](std::uint64_t v) { return v * 0x0001000100010001u; };
  switch (type) {
    case DType::f32:
      return {0x807fffff807fffffu, static_cast<std::uint64_t>(e + 127) * 0x0080000000800000u};
    case DType::bf16:
      return {repeat16(0x807f), repeat16(static_cast<std::uint64_t>(e + 127) << 7)};
    default:
      CHECK(type == DType::f16 && e > -15 && e < 15);
      return {repeat16(0x83ff), repeat16(static_cast<std::uint64_t>(e + 15) << 10)};
  }
}

/// A template block whose codes are to be random: everything else is set, for deviation 1 per step.
struct BlockScales {
  int d = 0, minimum = -1;             ///< where the halves lie; −1: none
  int fixed_begin = 0, fixed_end = 0;  ///< bytes that `fixed` overwrites: sub-block scales of one
  std::uint8_t fixed[16] = {};
  float code_deviation = 1;  ///< of the codes
  float code_mean = 0;       ///< made up for by the minimum
};

float iq4_deviation() {
  double squares = 0;
  for (int level : kIq4Levels) squares += static_cast<double>(level) * level;
  return static_cast<float>(std::sqrt(squares / 16));
}

/// The deviation of whole numbers 0 … n−1, all as likely.
float uniform(int n) { return std::sqrt((static_cast<float>(n) * static_cast<float>(n) - 1) / 12); }

BlockScales scales_of(DType type) {
  switch (type) {
    case DType::q8_0:
      return {.code_deviation = uniform(256)};
    case DType::q4_0:
      return {.code_deviation = uniform(16)};
    case DType::q5_0:
      return {.code_deviation = uniform(32)};
    case DType::q4_1:
      return {.minimum = 2, .code_deviation = uniform(16), .code_mean = -7.5f};
    case DType::q5_1:
      return {.minimum = 2, .code_deviation = uniform(32), .code_mean = -15.5f};
    case DType::iq4_nl:
      return {.code_deviation = iq4_deviation()};
    // Layouts and scale codes: spec §4.6. All sub-block scales and minimums are one.
    case DType::q2_k: {
      BlockScales s{
          .d = 80, .minimum = 82, .fixed_end = 16, .code_deviation = uniform(4), .code_mean = 1.5f};
      std::fill_n(s.fixed, 16, std::uint8_t{0x11});
      return s;
    }
    case DType::q3_k:  // 33 − 32
      return {.d = 108,
              .fixed_begin = 96,
              .fixed_end = 108,
              .fixed = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0xaa, 0xaa, 0xaa, 0xaa},
              .code_deviation = uniform(8)};
    case DType::q4_k:
    case DType::q5_k: {
      const int codes = type == DType::q4_k ? 16 : 32;
      return {.minimum = 2,
              .fixed_begin = 4,
              .fixed_end = 16,
              .fixed = {1, 1, 1, 1, 1, 1, 1, 1, 0x11, 0x11, 0x11, 0x11},
              .code_deviation = uniform(codes),
              .code_mean = static_cast<float>(codes - 1) / 2};
    }
    case DType::q6_k: {
      BlockScales s{.d = 208, .fixed_begin = 192, .fixed_end = 208, .code_deviation = uniform(64)};
      std::fill_n(s.fixed, 16, std::uint8_t{1});
      return s;
    }
    case DType::iq4_xs:  // 33 − 32
      return {.fixed_begin = 2,
              .fixed_end = 8,
              .fixed = {0xaa, 0xaa, 0x11, 0x11, 0x11, 0x11},
              .code_deviation = iq4_deviation()};
    default:
      break;
  }
  CHECK(false);
}

void set_scales(DType type, float deviation, std::span<std::byte> bytes) {
  const BlockScales s = scales_of(type);
  const f16 d = to_f16(deviation / s.code_deviation);
  const f16 minimum = to_f16(to_f32(d) * s.code_mean);
  const std::size_t step = dtype_info(type).block_bytes;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::byte* block = bytes.data() + at;
    std::memcpy(block + s.d, &d, 2);
    if (s.minimum >= 0) std::memcpy(block + s.minimum, &minimum, 2);
    std::memcpy(block + s.fixed_begin, s.fixed,
                static_cast<std::size_t>(s.fixed_end - s.fixed_begin));
  }
}

}  // namespace

void fill_random(DType type, float deviation, std::uint64_t seed, std::span<std::byte> bytes) {
  FloatBits bits{~std::uint64_t{0}, 0};
  if (!is_quantised(type)) bits = float_bits(type, deviation);
  const std::uint64_t first = seed << 40;
  std::size_t words = bytes.size() / 8;
  for (std::size_t i = 0; i < words; ++i) {
    const std::uint64_t word = (random_word(first + i) & bits.random) | bits.fixed;
    std::memcpy(bytes.data() + 8 * i, &word, 8);
  }
  const std::uint64_t last = (random_word(first + words) & bits.random) | bits.fixed;
  std::memcpy(bytes.data() + 8 * words, &last, bytes.size() % 8);
  if (is_quantised(type)) set_scales(type, deviation, bytes);
}

}  // namespace hearth
