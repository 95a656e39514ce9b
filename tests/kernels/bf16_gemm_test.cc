// gemm_bf16 on every ISA: products of bfloat16 are exact in f32, so only the order of sums is open.
#include <gtest/gtest.h>

#include "base/half.h"
#include "kernels/float_support.h"
#include "kernels/pack.h"

namespace hearth::kernels::test {
namespace {

/// A weight [n, k] through the packing, `gap` bytes between panels.
struct PairWeight {
  std::vector<float> values;  // [n][k], rounded to bf16
  std::vector<std::byte> bytes;
  Panels panels;

  PairWeight(std::int64_t n, std::int64_t k, std::uint64_t seed) {
    values = Random(seed).values(static_cast<std::size_t>(n * k), 0.1);
    std::vector<bf16> rows(values.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] = to_bf16(values[i]);
      values[i] = to_f32(rows[i]);
    }
    panels.type = DType::bf16;
    panels.pairs = true;
    panels.n = n;
    panels.k = k;
    panels.panel_bytes = pair_panel_bytes(k) + 64;
    bytes.resize(static_cast<std::size_t>(panels.panels()) * panels.panel_bytes + 64);
    const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % 64;
    std::byte* start = bytes.data() + (64 - misaligned) % 64;
    panels.data = start;
    for (std::int64_t p = 0; p < panels.panels(); ++p) {
      const std::byte* sixteen[kPanelRows];
      for (std::int64_t lane = 0; lane < kPanelRows; ++lane) {
        const std::int64_t row = p * kPanelRows + lane;
        sixteen[lane] =
            row < n ? reinterpret_cast<const std::byte*>(rows.data() + row * k) : nullptr;
      }
      pack_pairs(sixteen, k, start + static_cast<std::size_t>(p) * panels.panel_bytes);
    }
  }
};

constexpr float kUntouched = -77.0f;

std::vector<float> run(const KernelTable& table, const PairWeight& w, std::int64_t p0,
                       std::int64_t p1, const std::vector<float>& a, std::int64_t lda,
                       std::int64_t m) {
  const std::int64_t ldo = w.panels.n + 3;
  std::vector<float> out(static_cast<std::size_t>(m * ldo), kUntouched);
  table.gemm_bf16(w.panels, p0, p1, a.data(), lda, m, out.data(), ldo);
  return out;
}

void expect_near(const std::vector<float>& out, const PairWeight& w, std::int64_t p0,
                 std::int64_t p1, const std::vector<float>& a, std::int64_t lda, std::int64_t m) {
  const std::int64_t n = w.panels.n, k = w.panels.k, ldo = n + 3;
  for (std::int64_t row = 0; row < m; ++row) {
    for (std::int64_t i = 0; i < ldo; ++i) {
      const float found = out[static_cast<std::size_t>(row * ldo + i)];
      if (i >= n || i < p0 * 16 || i >= p1 * 16) {
        ASSERT_EQ(found, kUntouched) << "row " << row << ", column " << i;
        continue;
      }
      double exact = 0, size = 0;
      for (std::int64_t j = 0; j < k; ++j) {
        const double x = to_f32(to_bf16(a[static_cast<std::size_t>(row * lda + j)]));
        exact += w.values[static_cast<std::size_t>(i * k + j)] * x;
        size += std::fabs(w.values[static_cast<std::size_t>(i * k + j)] * x);
      }
      ASSERT_LE(std::fabs(found - exact), static_cast<double>(k) * kEps * size + 1e-30)
          << "row " << row << ", column " << i;
    }
  }
}

TEST(Bf16Gemm, SumsOfExactProducts) {
  struct Shape {
    std::int64_t m, n, k;
  };
  std::vector<Shape> shapes = {{1, 1, 1},     {2, 5, 3},      {3, 16, 15},   {4, 17, 16},
                               {5, 31, 17},   {7, 33, 31},    {12, 48, 33},  {13, 47, 64},
                               {1, 200, 100}, {3, 100, 513},  {24, 40, 512}, {25, 20, 600},
                               {47, 19, 41},  {48, 35, 1025}, {65, 210, 77}};
  for (const Shape& s : shapes) {
    PairWeight w(s.n, s.k, static_cast<std::uint64_t>(s.n * s.k));
    const std::int64_t lda = s.k + 5, panels = w.panels.panels();
    auto a = Random(9).values(static_cast<std::size_t>(s.m * lda));
    FOR_EACH_ISA(table) {
      SCOPED_TRACE(testing::Message() << s.m << " x " << s.n << " x " << s.k);
      expect_near(run(table, w, 0, panels, a, lda, s.m), w, 0, panels, a, lda, s.m);
      if (panels > 2)
        expect_near(run(table, w, 1, panels - 1, a, lda, s.m), w, 1, panels - 1, a, lda, s.m);
    }
  }
}

/// Invariant 1: neither the rows beside a row nor the split of the panels changes a bit of it.
TEST(Bf16Gemm, RowsAndPanelsAreIndependent) {
  const std::int64_t n = 75, k = 601, m = 65;
  PairWeight w(n, k, 5);
  auto a = Random(6).values(static_cast<std::size_t>(m * k));
  FOR_EACH_ISA(table) {
    const std::vector<float> all = run(table, w, 0, w.panels.panels(), a, k, m);
    for (std::int64_t rows = 1; rows <= m; ++rows) {
      std::vector<float> some = run(table, w, 0, w.panels.panels(), a, k, rows);
      ASSERT_TRUE(same_bits(some, {all.begin(), all.begin() + rows * (n + 3)})) << rows << " rows";
    }
    std::vector<float> joined(all.size(), kUntouched);
    for (std::int64_t p = 0; p < w.panels.panels(); ++p)
      table.gemm_bf16(w.panels, p, p + 1, a.data(), k, m, joined.data(), n + 3);
    EXPECT_TRUE(same_bits(joined, all));
  }
}

}  // namespace
}  // namespace hearth::kernels::test
