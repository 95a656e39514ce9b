// gemm_float on every ISA: one f32 fma chain upwards in K per output, so the expected bits are
// known.
#include <gtest/gtest.h>

#include "base/half.h"
#include "kernels/float_support.h"

namespace hearth::kernels::test {
namespace {

/// A weight [n, k] packed by this test: panels of [k][16] stored values, `gap` bytes between them.
struct PackedWeight {
  std::vector<float> values;  // [n][k], as stored: narrowed and widened again
  std::vector<std::byte> bytes;
  Panels panels;

  PackedWeight(DType type, std::int64_t n, std::int64_t k, std::uint64_t seed) {
    values = Random(seed).values(static_cast<std::size_t>(n * k), 0.1);
    const std::size_t value_bytes = type == DType::f32 ? 4 : 2, gap = 128;
    panels.type = type;
    panels.n = n;
    panels.k = k;
    panels.panel_bytes = (static_cast<std::size_t>(k) * 16 * value_bytes + 63) / 64 * 64 + gap;
    bytes.resize(static_cast<std::size_t>(panels.panels()) * panels.panel_bytes + 64);
    const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % 64;
    std::byte* start = bytes.data() + (64 - misaligned) % 64;
    panels.data = start;
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < k; ++j) {
        std::byte* panel = start + static_cast<std::size_t>(i / 16) * panels.panel_bytes;
        const std::int64_t at = j * 16 + i % 16;
        float& value = values[static_cast<std::size_t>(i * k + j)];
        if (type == DType::f32) std::memcpy(panel + at * 4, &value, 4);
        if (type == DType::f16) {
          f16 narrow = to_f16(value);
          value = to_f32(narrow);
          std::memcpy(panel + at * 2, &narrow, 2);
        }
        if (type == DType::bf16) {
          bf16 narrow = to_bf16(value);
          value = to_f32(narrow);
          std::memcpy(panel + at * 2, &narrow, 2);
        }
      }
    }
  }
};

constexpr float kUntouched = -77.0f;

/// Runs panels [p0, p1) on rows of `a` that are `lda` apart; everything else in `out` stays.
std::vector<float> run(const KernelTable& table, const PackedWeight& w, std::int64_t p0,
                       std::int64_t p1, const std::vector<float>& a, std::int64_t lda,
                       std::int64_t m) {
  const std::int64_t ldo = w.panels.n + 3;
  std::vector<float> out(static_cast<std::size_t>(m * ldo), kUntouched);
  table.gemm_float(w.panels, p0, p1, a.data(), lda, m, out.data(), ldo);
  return out;
}

void expect_chains(const std::vector<float>& out, const PackedWeight& w, std::int64_t p0,
                   std::int64_t p1, const std::vector<float>& a, std::int64_t lda, std::int64_t m) {
  const std::int64_t n = w.panels.n, k = w.panels.k, ldo = n + 3;
  for (std::int64_t row = 0; row < m; ++row) {
    for (std::int64_t i = 0; i < ldo; ++i) {
      const float found = out[static_cast<std::size_t>(row * ldo + i)];
      if (i >= n || i < p0 * 16 || i >= p1 * 16) {
        ASSERT_EQ(found, kUntouched) << "row " << row << ", column " << i;
        continue;
      }
      float chain = 0;
      double exact = 0, size = 0;
      for (std::int64_t j = 0; j < k; ++j) {
        const float weight = w.values[static_cast<std::size_t>(i * k + j)];
        const float x = a[static_cast<std::size_t>(row * lda + j)];
        chain = std::fma(weight, x, chain);
        exact += double{weight} * x;
        size += std::fabs(double{weight} * x);
      }
      ASSERT_EQ(bits(found), bits(chain)) << "row " << row << ", column " << i;
      ASSERT_LE(std::fabs(found - exact), static_cast<double>(k) * kEps * size + 1e-30);
    }
  }
}

class FloatGemm : public testing::TestWithParam<DType> {};

TEST_P(FloatGemm, EveryOutputIsOneChainUpwardsInK) {
  struct Shape {
    std::int64_t m, n, k;
  };
  // Around the tiles of every ISA in m and n, and around the blocks of 256 in k.
  std::vector<Shape> shapes = {{1, 1, 1},     {2, 5, 3},     {3, 16, 15},   {4, 17, 16},
                               {5, 31, 17},   {7, 33, 31},   {12, 48, 33},  {13, 47, 64},
                               {16, 64, 65},  {1, 200, 100}, {3, 100, 257}, {24, 40, 256},
                               {25, 20, 300}, {47, 19, 40},  {48, 35, 513}, {65, 50, 577}};
  for (std::int64_t m = 1; m <= 14; ++m) shapes.push_back({m, 70, 20});
  for (const Shape& s : shapes) {
    PackedWeight w(GetParam(), s.n, s.k, static_cast<std::uint64_t>(s.n * s.k));
    const std::int64_t lda = s.k + 5;
    auto a = Random(9).values(static_cast<std::size_t>(s.m * lda));
    const std::int64_t panels = w.panels.panels();
    FOR_EACH_ISA(table) {
      SCOPED_TRACE(testing::Message() << s.m << " x " << s.n << " x " << s.k);
      expect_chains(run(table, w, 0, panels, a, lda, s.m), w, 0, panels, a, lda, s.m);
      if (panels > 2)
        expect_chains(run(table, w, 1, panels - 1, a, lda, s.m), w, 1, panels - 1, a, lda, s.m);
    }
  }
}

/// Invariant 1: neither the rows beside a row nor the split of the panels changes a bit of it.
TEST_P(FloatGemm, RowsAndPanelsAreIndependent) {
  const std::int64_t n = 75, k = 300, m = 65;
  PackedWeight w(GetParam(), n, k, 5);
  auto a = Random(6).values(static_cast<std::size_t>(m * k));
  FOR_EACH_ISA(table) {
    const std::vector<float> all = run(table, w, 0, w.panels.panels(), a, k, m);
    for (std::int64_t rows = 1; rows <= m; ++rows) {
      std::vector<float> some = run(table, w, 0, w.panels.panels(), a, k, rows);
      ASSERT_TRUE(same_bits(some, {all.begin(), all.begin() + rows * (n + 3)})) << rows << " rows";
    }
    std::vector<float> joined(all.size(), kUntouched);
    for (std::int64_t p = 0; p < w.panels.panels(); ++p)
      table.gemm_float(w.panels, p, p + 1, a.data(), k, m, joined.data(), n + 3);
    EXPECT_TRUE(same_bits(joined, all));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, FloatGemm, testing::Values(DType::f32, DType::f16, DType::bf16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace hearth::kernels::test
