// gemm_quant and quantise_q8a: the reference against double arithmetic on the file's values, every
// ISA against the reference bit for bit, and rows that never see each other.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/quant_support.h"

namespace hearth::kernels::test {
namespace {

constexpr std::int64_t kSizes[] = {32, 64, 96, 256, 512, 576, 1536};

std::string describe(DType type, std::int64_t n, std::int64_t k, std::int64_t m) {
  return std::string(name_of(type)) + " n=" + std::to_string(n) + " k=" + std::to_string(k) +
         " m=" + std::to_string(m);
}

/// Block types with a minimum cancel: bound the parts, not the sum. Weights of our file blocks are
/// at most 0.01 · 63 · 31 in each part, but a bound of its own per weight is tighter: |w| + 2·|min|
/// with |min| ≤ the largest weight of the row.
double magnitude(const std::vector<float>& w, const std::vector<double>& a) {
  double largest = 0, sum = 0;
  for (float v : w) largest = std::max(largest, std::fabs(static_cast<double>(v)));
  for (std::size_t i = 0; i < w.size(); ++i)
    sum += (std::fabs(w[i]) + 2 * largest) * std::fabs(a[i]);
  return sum;
}

TEST(GemmQuant, ReferenceIsTheProductOfTheFilesValues) {
  for (DType type : quantised_types()) {
    for (std::int64_t size : kSizes) {
      const std::int64_t k = whole_blocks(type, size), n = 19, m = 3;
      SCOPED_TRACE(describe(type, n, k, m));
      const FileWeight file(type, n, k, static_cast<std::uint64_t>(k));
      const QuantisedRows a(rows_with_outliers(3, m, k), k);
      const std::vector<float> y = product(reference_kernels(), *PackedWeight(file), a);
      for (std::int64_t r = 0; r < m; ++r) {
        const std::vector<double> x = a.values(r);
        for (std::int64_t i = 0; i < n; ++i) {
          const std::vector<float> w = file.values(i);
          double expected = 0;
          for (std::size_t j = 0; j < w.size(); ++j) expected += w[j] * x[j];
          // Each of k/32 blocks rounds up to three sums and a few scales.
          const double tolerance = (3.0 * static_cast<double>(k) / 32 + 4) * kEps * magnitude(w, x);
          ASSERT_NEAR(y[static_cast<std::size_t>(r * n + i)], expected, tolerance)
              << "row " << r << " output " << i;
        }
      }
    }
  }
}

TEST(GemmQuant, EveryIsaGivesTheReferencesBits) {
  FOR_EACH_ISA(table) {
    for (DType type : quantised_types()) {
      for (std::int64_t size : kSizes) {
        for (std::int64_t n : {1, 16, 39}) {
          const std::int64_t k = whole_blocks(type, size);
          const PackedWeight w(FileWeight(type, n, k, static_cast<std::uint64_t>(n * k)));
          for (std::int64_t m : {1, 2, 3, 5, 8, 17, 65}) {
            SCOPED_TRACE(describe(type, n, k, m));
            const QuantisedRows a(rows_with_outliers(9, m, k), k);
            ASSERT_TRUE(same_bits(product(reference_kernels(), *w, a), product(table, *w, a)));
          }
        }
      }
    }
  }
}

/// The largest codes everywhere: sums in 8 and 16 bits must not saturate.
TEST(GemmQuant, ExtremeCodesDoNotSaturate) {
  FOR_EACH_ISA(table) {
    for (DType type : quantised_types()) {
      for (int pattern : {0x00, 0x7f, 0x80, 0xff}) {
        SCOPED_TRACE(describe(type, 16, 512, 2) + " bytes " + std::to_string(pattern));
        FileWeight file(type, 16, 512, 1);
        for (std::int64_t i = 0; i < 16; ++i) file.fill(i, static_cast<std::byte>(pattern));
        std::vector<float> x(2 * 512, 1.0f);
        for (std::size_t i = 0; i < 512; ++i) x[512 + i] = -1.0f;
        const QuantisedRows a(x, 512);
        const PackedWeight w(file);
        const std::vector<float> y = product(table, *w, a);
        ASSERT_TRUE(same_bits(product(reference_kernels(), *w, a), y));
        for (std::size_t i = 0; i < 16; ++i) ASSERT_EQ(y[i], -y[16 + i]);
      }
    }
  }
}

TEST(GemmQuant, RowsDoNotSeeEachOther) {
  FOR_EACH_ISA(table) {
    for (DType type : quantised_types()) {
      const std::int64_t n = 35, k = whole_blocks(type, 576), most = 65;
      const PackedWeight w(FileWeight(type, n, k, 11));
      const QuantisedRows a(rows_with_outliers(12, most, k), k);
      std::vector<float> alone;
      for (std::int64_t r = 0; r < most; ++r) {
        const std::vector<float> y = product(table, *w, a, r, 1);
        alone.insert(alone.end(), y.begin(), y.end());
      }
      for (std::int64_t m = 2; m <= most; ++m) {
        SCOPED_TRACE(describe(type, n, k, m));
        const std::vector<float> expected(alone.begin(), alone.begin() + m * n);
        ASSERT_TRUE(same_bits(expected, product(table, *w, a, 0, m)));
      }
    }
  }
}

/// Rows so long that only a few stay in a cache: the kernel may slice them, unseen.
TEST(GemmQuant, LongRowsGiveTheReferencesBits) {
  const std::int64_t n = 33, k = 8192, m = 70;
  const QuantisedRows a(rows_with_outliers(8, m, k), k);
  FOR_EACH_ISA(table) {
    for (DType type : {DType::q8_0, DType::q4_1, DType::q6_k}) {
      SCOPED_TRACE(describe(type, n, k, m));
      const PackedWeight w(FileWeight(type, n, k, 13));
      ASSERT_TRUE(same_bits(product(reference_kernels(), *w, a), product(table, *w, a)));
    }
  }
}

/// q8_0 made from rows that end inside a block: both sides are padded with zeros.
TEST(GemmQuant, RowsMayEndInsideABlock) {
  const std::int64_t n = 20, k = 4304, padded = 4320, m = 3;
  const PackedWeight w(FileWeight(DType::q8_0, n, padded, 14));
  Panels cut = *w;
  cut.k = k;
  const std::vector<float> x = Random(15).values(static_cast<std::size_t>(m * k));
  std::vector<float> with_zeros(static_cast<std::size_t>(m * padded), 0.0f);
  for (std::int64_t r = 0; r < m; ++r)
    std::copy_n(x.begin() + r * k, k, with_zeros.begin() + r * padded);
  const QuantisedRows a(x, k), a_padded(with_zeros, padded);
  FOR_EACH_ISA(table) {
    EXPECT_TRUE(same_bits(product(table, cut, a), product(table, *w, a_padded)));
  }
}

TEST(GemmQuant, WritesOnlyTheOutputsOfItsPanels) {
  FOR_EACH_ISA(table) {
    const std::int64_t n = 45, k = 64, m = 2, ldo = 50;
    const PackedWeight w(FileWeight(DType::q4_0, n, k, 2));
    const QuantisedRows a(Random(2).values(static_cast<std::size_t>(m * k)), k);
    std::vector<float> y(static_cast<std::size_t>(m * ldo), 1e30f);
    table.gemm_quant(*w, 1, 3, a.row(0), a.stride(), m, y.data(), ldo);
    for (std::int64_t i = 0; i < m * ldo; ++i)
      EXPECT_EQ(y[static_cast<std::size_t>(i)] == 1e30f, i % ldo < 16 || i % ldo >= n) << i;
  }
}

// ---- quantise_q8a ----

std::vector<std::byte> quantise(const KernelTable& table, const std::vector<float>& x) {
  const auto k = static_cast<std::int64_t>(x.size());
  std::vector<std::byte> row(q8a_row_bytes(k), std::byte{0});
  table.quantise_q8a(x.data(), k, row.data(), 0, k);
  return row;
}

TEST(QuantiseQ8a, CodesAreNearestAndSumsExact) {
  FOR_EACH_ISA(table) {
    for (std::int64_t k : {1, 31, 32, 33, 96, 576, 4304}) {
      SCOPED_TRACE(k);
      const std::vector<float> x =
          Random(static_cast<std::uint64_t>(k)).values(static_cast<std::size_t>(k), 3);
      const std::vector<std::byte> row = quantise(table, x);
      for (std::int64_t b = 0; b < q8a_padded(k) / 32; ++b) {
        double amax = 0;
        int sums[2] = {0, 0};
        const double scale = q8a_scales(row.data(), k)[b];
        for (std::int64_t i = 32 * b; i < 32 * b + 32; ++i) {
          const double value = i < k ? x[static_cast<std::size_t>(i)] : 0;
          const int code = q8a_codes(row.data())[i];
          amax = std::max(amax, std::fabs(value));
          sums[i / 16 % 2] += code;
          EXPECT_LE(std::abs(code), 127);
          EXPECT_LE(std::fabs(code - value / scale), 0.5 + 127 * 4 * kEps);
        }
        EXPECT_EQ(static_cast<float>(scale), static_cast<float>(amax) / 127.0f);
        EXPECT_EQ(q8a_sums(row.data(), k)[2 * b], sums[0]);
        EXPECT_EQ(q8a_sums(row.data(), k)[2 * b + 1], sums[1]);
      }
    }
  }
}

/// A value a hundred times its neighbours takes nothing from them: their error is a 127th of what
/// the first 8 bits left, not of the outlier.
TEST(QuantiseQ8a, WhatAnOutlierHidesIsInTheRest) {
  const std::int64_t k = 107;
  std::vector<float> x = Random(5).values(static_cast<std::size_t>(k));
  x[40] = 100;                                   // an outlier
  for (int i = 64; i < 96; ++i) x[i] = i == 70;  // alone: exact as it is
  x[100] = -100;                                 // in a short block
  FOR_EACH_ISA(table) {
    const std::vector<std::byte> row = quantise(table, x);
    const std::vector<std::uint8_t> has_rest(q8a_has_rest(row.data(), k),
                                             q8a_has_rest(row.data(), k) + q8a_flag_bytes(k));
    std::vector<std::uint8_t> expected(q8a_flag_bytes(k), 0);
    expected[1] = expected[3] = 1;
    EXPECT_EQ(has_rest, expected);
    const std::byte* rest = q8a_rest(row.data(), k);
    for (std::int64_t i = 0; i < k; ++i) {
      const auto part = [&](const std::byte* p) {
        return static_cast<double>(q8a_codes(p)[i]) * q8a_scales(p, k)[i / 32];
      };
      const bool twice = expected[static_cast<std::size_t>(i / 32)] != 0;
      const double value = part(row.data()) + (twice ? part(rest) : 0);
      const double largest = 4;  // of the others
      const double step = (twice ? 100.0 / 127 / 2 : largest) / 127;
      EXPECT_NEAR(value, x[static_cast<std::size_t>(i)], step / 2 + 100 * kEps) << i;
    }
  }
}

TEST(QuantiseQ8a, EveryIsaGivesTheReferencesBytes) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> x = Random(4).values(32 * 12);
  std::fill_n(x.begin(), 32, 0.0f);                                       // zero
  x[32] = 1e-44f, std::fill_n(x.begin() + 33, 31, 0.0f);                  // subnormal
  for (int i = 64; i < 96; ++i) x[static_cast<std::size_t>(i)] *= 1e37f;  // huge
  x[100] = infinity, x[130] = -infinity, x[170] = std::nanf("");
  for (int i = 192; i < 224; ++i)  // ties: halves of a scale of 1
    x[static_cast<std::size_t>(i)] = static_cast<float>(i - 208) + 0.5f;
  x[192] = 127;
  x[230] = -0.0f, x[260] = std::numeric_limits<float>::max();
  x[300] = -90, x[380] = 200;  // outliers
  const std::vector<std::byte> expected = quantise(reference_kernels(), x);
  FOR_EACH_ISA(table) { EXPECT_EQ(quantise(table, x), expected); }
}

TEST(QuantiseQ8a, BlocksWithoutAScaleHaveNoCodes) {
  FOR_EACH_ISA(table) {
    for (float bad : {0.0f, 1e-40f, std::numeric_limits<float>::infinity(), std::nanf("")}) {
      std::vector<float> x(32, 0.0f);
      x[7] = bad;
      const std::vector<std::byte> row = quantise(table, x);
      for (int i = 0; i < 32; ++i) EXPECT_EQ(q8a_codes(row.data())[i], 0);
      // What was not finite stays visible in every product.
      EXPECT_EQ(std::isnan(q8a_scales(row.data(), 32)[0]), !std::isfinite(bad));
    }
  }
}

TEST(QuantiseQ8a, PiecesGiveTheSameRow) {
  FOR_EACH_ISA(table) {
    const std::vector<float> x = Random(6).values(200);
    std::vector<std::byte> row(q8a_row_bytes(200), std::byte{0});
    table.quantise_q8a(x.data() + 96, 104, row.data(), 96, 200);
    table.quantise_q8a(x.data(), 64, row.data(), 0, 200);
    table.quantise_q8a(x.data() + 64, 32, row.data(), 64, 200);
    EXPECT_EQ(row, quantise(table, x));
  }
}

}  // namespace
}  // namespace hearth::kernels::test
