// Every half bit pattern, against the compiler's own binary16.
#include "base/half.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

namespace hearth {
namespace {

/// The compiler's own binary16, by the name that each target has for it.
#ifdef __aarch64__
using CompilerHalf = __fp16;
#else
using CompilerHalf = _Float16;
#endif

TEST(Half, EveryPatternWidensExactlyAndNarrowsBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    f16 h{static_cast<std::uint16_t>(bits)};
    float expected = static_cast<float>(std::bit_cast<CompilerHalf>(h.bits));
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(to_f32(h)));
      EXPECT_TRUE(std::isnan(to_f32(to_f16(expected))));
      continue;
    }
    ASSERT_EQ(std::bit_cast<std::uint32_t>(to_f32(h)), std::bit_cast<std::uint32_t>(expected));
    ASSERT_EQ(to_f16(expected).bits, h.bits);
  }
}

TEST(Half, NarrowingRoundsToNearestEven) {
  std::uint32_t seed = 1;
  for (int i = 0; i < 2'000'000; ++i) {
    seed = seed * 1664525 + 1013904223;
    float x = std::bit_cast<float>((seed & 0x9fffffff) + 0x30000000);
    if (!std::isfinite(x)) continue;
    ASSERT_EQ(to_f16(x).bits, std::bit_cast<std::uint16_t>(static_cast<CompilerHalf>(x))) << x;
  }
}

TEST(Bfloat16, RoundsToNearestEven) {
  EXPECT_EQ(to_bf16(1.0f).bits, 0x3f80);
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f808000u)).bits, 0x3f80);  // tie, even below
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f818000u)).bits, 0x3f82);  // tie, even above
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f808001u)).bits, 0x3f81);
  EXPECT_TRUE(std::isnan(to_f32(to_bf16(NAN))));
  EXPECT_TRUE(std::isinf(to_f32(to_bf16(INFINITY))));
}

}  // namespace
}  // namespace hearth
