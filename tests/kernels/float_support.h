// What the tests of float kernels share: every table, seeded values, and error bounds in units of
// the f32 rounding error.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/kernels.h"

namespace hearth::kernels::test {

inline constexpr double kEps = 0x1p-24;  ///< relative error of one rounding

/// Runs the rest of the block once per table, naming it in failures.
#define FOR_EACH_ISA(table)                                  \
  for (const ::hearth::kernels::KernelTable* table_pointer : \
       ::hearth::kernels::available_kernels())               \
    if (const auto& table = *table_pointer; true)            \
      if (::testing::ScopedTrace trace(__FILE__, __LINE__, table.isa); true)

/// A small generator of its own, so that values are the same on every platform.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 2654435761u + 12345) {}
  /// Uniform in [-1, 1).
  double uniform() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state_ >> 11) * 0x1p-52 - 1.0;
  }
  /// Roughly normal: the sum of three uniforms, variance 1.
  double normal() { return uniform() + uniform() + uniform(); }
  std::vector<float> values(std::size_t n, double spread = 1) {
    std::vector<float> x(n);
    for (float& v : x) v = static_cast<float>(normal() * spread);
    return x;
  }

 private:
  std::uint64_t state_;
};

inline std::uint32_t bits(float x) {
  std::uint32_t u;
  std::memcpy(&u, &x, 4);
  return u;
}

inline ::testing::AssertionResult same_bits(const std::vector<float>& a,
                                            const std::vector<float>& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << "sizes differ";
  for (std::size_t i = 0; i < a.size(); ++i)
    if (bits(a[i]) != bits(b[i]))
      return ::testing::AssertionFailure() << "at " << i << ": " << a[i] << " and " << b[i];
  return ::testing::AssertionSuccess();
}

/// Row lengths around every vector width, and those of real models.
inline const std::vector<std::int64_t> kLengths = {1,  2,  3,  4,  7,  8,   15,  16,  17,  31,
                                                   32, 33, 63, 64, 65, 100, 576, 960, 1152};

}  // namespace hearth::kernels::test
