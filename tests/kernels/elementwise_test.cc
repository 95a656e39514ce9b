// Norms, softmax, activations and rotation, against formulas in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "kernels/float_support.h"

namespace hearth::kernels::test {
namespace {

constexpr float kGuard = 12345.0f;

/// Calls `kernel(x, out)` for every length, on a buffer of its own and in place; both must give the
/// same bits and leave what lies behind the row alone.
std::vector<float> run(const std::vector<float>& x,
                       const std::function<void(const float*, std::int64_t, float*)>& kernel) {
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<float> out(x.size() + 16, kGuard);
  kernel(x.data(), n, out.data());
  for (std::size_t i = x.size(); i < out.size(); ++i) EXPECT_EQ(out[i], kGuard) << "past the end";
  std::vector<float> in_place = x;
  in_place.resize(x.size() + 16, kGuard);
  kernel(in_place.data(), n, in_place.data());
  EXPECT_TRUE(same_bits(out, in_place)) << "in place, n = " << n;
  out.resize(x.size());
  return out;
}

/// Every element against `formula`, within `tolerance` rounding errors of its result.
void expect_map(const std::vector<float>& x, const std::vector<float>& out,
                const std::function<double(std::size_t)>& formula,
                const std::function<double(std::size_t)>& tolerance) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    double exact = formula(i);
    // Where e⁻ˣ overflows, results below 2⁻¹²⁰ become zero.
    ASSERT_LE(std::fabs(out[i] - exact), tolerance(i) * kEps * std::fabs(exact) + 0x1p-120)
        << "x = " << x[i] << ", expected " << exact << ", found " << out[i];
  }
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double gelu_argument(double x) { return 0.7978845608028654 * (x + 0.044715 * x * x * x); }
// Not 0.5·(1 + tanh): that cancels for negative x, even in double.
double gelu_formula(double x) { return x * sigmoid(2 * gelu_argument(x)); }

/// −30 … 30 densely, and values near zero and far out.
std::vector<float> sweep() {
  std::vector<float> x;
  for (int i = -3000; i <= 3000; ++i) x.push_back(static_cast<float>(i) * 0.01f);
  for (float size = 1e-30f; size < 1e5f; size *= 3.3f) {
    x.push_back(size);
    x.push_back(-size);
  }
  return x;
}

TEST(Elementwise, ArithmeticIsExactlyRounded) {
  FOR_EACH_ISA(table) {
    for (std::int64_t n : kLengths) {
      Random random(static_cast<std::uint64_t>(n));
      auto size = static_cast<std::size_t>(n);
      auto a = random.values(size), b = random.values(size);
      std::vector<float> sum(size), product(size), scaled(size);
      for (std::size_t i = 0; i < size; ++i) {
        sum[i] = a[i] + b[i];
        product[i] = a[i] * b[i];
        scaled[i] = a[i] * 0.3f;
      }
      EXPECT_TRUE(same_bits(sum, run(a, [&](const float* x, std::int64_t m, float* out) {
                              table.add(x, b.data(), m, out);
                            })));
      EXPECT_TRUE(same_bits(product, run(a, [&](const float* x, std::int64_t m, float* out) {
                              table.mul(x, b.data(), m, out);
                            })));
      EXPECT_TRUE(same_bits(scaled, run(a, [&](const float* x, std::int64_t m, float* out) {
                              table.scale(x, 0.3f, m, out);
                            })));
    }
  }
}

TEST(Elementwise, ActivationsFollowTheirFormulas) {
  const std::vector<float> x = sweep();
  const std::vector<float> u = Random(7).values(x.size());
  // A rounding error of the exponent's argument is a relative error of the result.
  auto silu_error = [&](std::size_t i) { return 5 + std::fabs(x[i]); };
  auto gelu_error = [&](std::size_t i) { return 5 + 8 * std::fabs(gelu_argument(x[i])); };
  FOR_EACH_ISA(table) {
    expect_map(
        x, run(x, table.silu), [&](std::size_t i) { return x[i] * sigmoid(x[i]); }, silu_error);
    expect_map(
        x, run(x, table.gelu), [&](std::size_t i) { return gelu_formula(x[i]); }, gelu_error);
    auto swiglu = [&](const float* g, std::int64_t n, float* out) {
      table.swiglu(g, u.data(), n, out);
    };
    expect_map(
        x, run(x, swiglu), [&](std::size_t i) { return x[i] * sigmoid(x[i]) * u[i]; },
        [&](std::size_t i) { return silu_error(i) + 1; });
    auto geglu = [&](const float* g, std::int64_t n, float* out) {
      table.geglu(g, u.data(), n, out);
    };
    expect_map(
        x, run(x, geglu), [&](std::size_t i) { return gelu_formula(x[i]) * u[i]; },
        [&](std::size_t i) { return gelu_error(i) + 1; });
  }
}

TEST(Elementwise, SoftcapIsAccurateFromTinyToSaturated) {
  const std::vector<float> x = sweep();
  FOR_EACH_ISA(table) {
    for (float cap : {1.0f, 30.0f, 50.0f}) {
      auto out =
          run(x, [&](const float* v, std::int64_t n, float* o) { table.softcap(v, cap, n, o); });
      expect_map(
          x, out, [&](std::size_t i) { return cap * std::tanh(x[i] / double{cap}); },
          [](std::size_t) { return 8.0; });
    }
  }
}

/// A value's bits depend neither on its place in the row nor on the row's length.
TEST(Elementwise, TailsGiveTheSameBitsAsFullVectors) {
  const std::vector<float> x = Random(3).values(64, 3), u = Random(4).values(64);
  FOR_EACH_ISA(table) {
    std::vector<float> whole(64), cut(64);
    auto expect_same = [&](const char* name, auto&& kernel) {
      SCOPED_TRACE(name);
      kernel(x.data(), u.data(), 64, whole.data());
      for (std::size_t start : {0, 1, 5, 13}) {
        for (std::size_t n = 1; start + n <= 64; ++n) {
          kernel(x.data() + start, u.data() + start, static_cast<std::int64_t>(n), cut.data());
          ASSERT_TRUE(same_bits({cut.begin(), cut.begin() + static_cast<std::ptrdiff_t>(n)},
                                {whole.begin() + static_cast<std::ptrdiff_t>(start),
                                 whole.begin() + static_cast<std::ptrdiff_t>(start + n)}))
              << n << " values from " << start;
        }
      }
    };
    using In = const float*;
    expect_same("silu", [&](In a, In, std::int64_t n, float* o) { table.silu(a, n, o); });
    expect_same("gelu", [&](In a, In, std::int64_t n, float* o) { table.gelu(a, n, o); });
    expect_same("swiglu", [&](In a, In b, std::int64_t n, float* o) { table.swiglu(a, b, n, o); });
    expect_same("geglu", [&](In a, In b, std::int64_t n, float* o) { table.geglu(a, b, n, o); });
    expect_same("softcap", [&](In a, In, std::int64_t n, float* o) { table.softcap(a, 2, n, o); });
  }
}

TEST(Norms, RmsNormDividesByTheRootMeanSquare) {
  FOR_EACH_ISA(table) {
    for (std::int64_t n : kLengths) {
      Random random(static_cast<std::uint64_t>(n));
      auto size = static_cast<std::size_t>(n);
      // One large channel, as real hidden states have.
      auto x = random.values(size, 0.5), w = random.values(size);
      x[size / 2] = 300;
      double squares = 0;
      for (float v : x) squares += double{v} * v;
      double r = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
      auto out = run(x, [&](const float* v, std::int64_t m, float* o) {
        table.rms_norm(v, w.data(), m, 1e-5f, o);
      });
      // Positive terms: the sum's relative error is at most that of its longest chain.
      expect_map(
          x, out, [&](std::size_t i) { return x[i] * r * w[i]; },
          [&](std::size_t) { return 6 + static_cast<double>(n) / 16; });
    }
  }
}

TEST(Norms, LayerNormCentresAndScales) {
  FOR_EACH_ISA(table) {
    for (std::int64_t n : kLengths) {
      Random random(static_cast<std::uint64_t>(n));
      auto size = static_cast<std::size_t>(n);
      auto x = random.values(size, 0.5), w = random.values(size), b = random.values(size);
      for (float& v : x) v += 10;  // a mean far from zero: a one-pass variance would cancel
      double mean = 0, variance = 0;
      for (float v : x) mean += v / static_cast<double>(n);
      for (float v : x) variance += (v - mean) * (v - mean) / static_cast<double>(n);
      double r = 1 / std::sqrt(variance + 1e-6);
      auto out = run(x, [&](const float* v, std::int64_t m, float* o) {
        table.layer_norm(v, w.data(), b.data(), m, 1e-6f, o);
      });
      for (std::size_t i = 0; i < size; ++i) {
        double exact = (x[i] - mean) * r * w[i] + b[i];
        // The mean's rounding error shifts every value; the rest is relative.
        double mean_error = (4 + static_cast<double>(n) / 64) * std::fabs(mean);
        double error = (mean_error + 8 * std::fabs(x[i] - mean)) * r * std::fabs(w[i]);
        ASSERT_LE(std::fabs(out[i] - exact), (error + 2 * std::fabs(exact)) * kEps + 1e-30)
            << "n = " << n << ", i = " << i;
      }
    }
  }
}

TEST(Softmax, SumsToOneInTheRightProportions) {
  FOR_EACH_ISA(table) {
    for (std::int64_t n : kLengths) {
      auto x = Random(static_cast<std::uint64_t>(n)).values(static_cast<std::size_t>(n), 8);
      if (n > 2) x[0] = -INFINITY;
      if (n > 3) x[2] = 95;  // eˣ alone would overflow
      double top = *std::max_element(x.begin(), x.end()), total = 0;
      for (float v : x) total += std::exp(v - top);
      auto out = run(x, table.softmax);
      for (std::size_t i = 0; i < x.size(); ++i) {
        double exact = std::exp(x[i] - top) / total;
        double error = x[i] == -INFINITY ? 0 : 8 + std::fabs(x[i] - top);
        ASSERT_LE(std::fabs(out[i] - exact), error * kEps * exact + 0x1p-126) << "n = " << n;
      }
    }
  }
}

/// Of two scores, one is 0: the weights' ratio is eˣ itself, to a few roundings for any x.
TEST(Softmax, ExponentialsAreAccurate) {
  FOR_EACH_ISA(table) {
    for (int i = 0; i <= 8000; ++i) {
      const float x = -0.01f * static_cast<float>(i);
      const float scores[2] = {0, x};
      float out[2];
      table.softmax(scores, 2, out);
      const double exact = std::exp(double{x});
      ASSERT_LE(std::fabs(double{out[1]} / out[0] - exact), 5 * kEps * exact) << "x = " << x;
    }
  }
}

TEST(Rope, RotatesHalvesExactlyAsDefined) {
  FOR_EACH_ISA(table) {
    for (std::size_t half : {1, 2, 12, 15, 16, 17, 32, 36, 40, 48, 64, 128}) {
      Random random(half);
      auto x = random.values(2 * half), angles = random.values(half, 3);
      std::vector<float> cos, sin;
      for (float angle : angles) cos.push_back(std::cos(angle)), sin.push_back(std::sin(angle));
      std::vector<float> expected(2 * half);
      for (std::size_t i = 0; i < half; ++i) {
        float ac = x[i] * cos[i], bs = x[i + half] * sin[i];
        float bc = x[i + half] * cos[i], as = x[i] * sin[i];
        expected[i] = ac - bs;
        expected[i + half] = bc + as;
      }
      EXPECT_TRUE(same_bits(expected, run(x, [&](const float* v, std::int64_t, float* out) {
                              table.rope(v, cos.data(), sin.data(), static_cast<std::int64_t>(half),
                                         out);
                            })));
    }
  }
}

}  // namespace
}  // namespace hearth::kernels::test
