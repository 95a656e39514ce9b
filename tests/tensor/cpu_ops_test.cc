// CpuOps against plain double loops; the kernels themselves are tested in tests/kernels.
#include "tensor/cpu_ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

#include "base/blocks.h"
#include "support/model.h"

namespace hearth {
namespace {

std::vector<float> random_values(std::size_t n, unsigned seed, float scale = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> out(n);
  for (float& v : out) v = normal(generator);
  return out;
}

/// A weight in some dtype, and what it holds.
struct Matrix {
  std::vector<std::byte> bytes;
  std::vector<double> values;
  RawWeight raw;

  Matrix(DType type, std::int64_t n, std::int64_t k, unsigned seed) {
    auto source = random_values(static_cast<std::size_t>(n * k), seed, 0.1f);
    std::size_t stride = row_bytes(type, static_cast<std::size_t>(k));
    bytes.resize(stride * static_cast<std::size_t>(n));
    std::vector<float> row(static_cast<std::size_t>(k));
    for (std::int64_t i = 0; i < n; ++i) {
      std::byte* at = bytes.data() + stride * static_cast<std::size_t>(i);
      quantise_row(type, source.data() + i * k, at, row.size());
      dequantise_row(type, at, row.data(), row.size());
      values.insert(values.end(), row.begin(), row.end());
    }
    raw.type = type;
    raw.n = n;
    raw.k = k;
    raw.data = bytes;
  }
};

std::vector<float> matmul(const std::vector<float>& x, const Matrix& w) {
  std::int64_t n = w.raw.n, k = w.raw.k, rows = static_cast<std::int64_t>(x.size()) / k;
  std::vector<float> out;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t i = 0; i < n; ++i) {
      double sum = 0;
      for (std::int64_t j = 0; j < k; ++j)
        sum +=
            w.values[static_cast<std::size_t>(i * k + j)] * x[static_cast<std::size_t>(r * k + j)];
      out.push_back(static_cast<float>(sum));
    }
  return out;
}

class Rig : public testing::Test {
 protected:
  ThreadPool pool_{2};
  CpuOps ops_{test::kernel_table(), pool_};
  Scope scope_{ops_};
};

TEST_F(Rig, SeveralWeightsOfMixedTypesShareOneInput) {
  for (std::int64_t rows : {1, 3, 130, 300}) {
    Matrix a(DType::f16, 50, 96, 1), b(DType::q8_0, 33, 96, 2), c(DType::q4_0, 64, 96, 3);
    Linear la{ops_.prepare(a.raw, Use::linear), {}}, lb{ops_.prepare(b.raw, Use::linear), {}},
        lc{ops_.prepare(c.raw, Use::linear), {}};
    auto x = random_values(static_cast<std::size_t>(rows) * 96, 4);
    const Linear* all[] = {&la, &lb, &lc};
    auto outs = ops_.linears(ops_.upload(x, rows, 96), all, {});
    EXPECT_LT(test::nmse(ops_.read(outs[0]), matmul(x, a)), 1e-11);
    EXPECT_LT(test::nmse(ops_.read(outs[1]), matmul(x, b)), 1e-4);  // 8-bit activations
    EXPECT_LT(test::nmse(ops_.read(outs[2]), matmul(x, c)), 1e-4);
    EXPECT_EQ(ops_.activation_for({&la}), Out::f32);
    EXPECT_EQ(ops_.activation_for({&lb, &lc}), Out::q8a);
    EXPECT_EQ(ops_.activation_for({&la, &lb}), Out::f32);
  }
}

TEST_F(Rig, EpilogueAddsBiasThenGeluThenResidual) {
  Matrix w(DType::f32, 40, 64, 1);
  auto bias = random_values(40, 2), x = random_values(2 * 64, 3),
       residual = random_values(2 * 40, 4);
  Linear linear{ops_.prepare(w.raw, Use::linear), ops_.prepare(bias)};
  auto y = matmul(x, w);
  std::vector<float> expected;
  for (std::size_t i = 0; i < y.size(); ++i) {
    double v = static_cast<double>(y[i]) + bias[i % 40];
    double u = std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v);
    expected.push_back(static_cast<float>(0.5 * v * (1 + std::tanh(u)) + residual[i]));
  }
  Tensor h = ops_.upload(residual, 2, 40);
  Tensor out = ops_.linear(ops_.upload(x, 2, 64), linear, {.gelu = true, .residual = h});
  EXPECT_EQ(out.offset, h.offset);  // the residual's memory
  EXPECT_LT(test::nmse(ops_.read(out), expected), 1e-11);
}

TEST_F(Rig, AQuantisedResultFeedsTheNextLinearLikeAnExplicitOne) {
  Matrix first(DType::q8_0, 96, 64, 1), second(DType::q8_0, 32, 96, 2);
  Linear a{ops_.prepare(first.raw, Use::linear), {}}, b{ops_.prepare(second.raw, Use::linear), {}};
  Tensor x = ops_.upload(random_values(5 * 64, 3), 5, 64);
  Tensor fused = ops_.linear(ops_.linear(x, a, {.out = Out::q8a}), b);
  Tensor plain = ops_.linear(ops_.linear(x, a), b);
  EXPECT_EQ(ops_.read(fused), ops_.read(plain));
}

TEST_F(Rig, RowOrderPermutesTheRowsOfAWeight) {
  Matrix w(DType::q4_0, 20, 32, 1);
  RawWeight raw = w.raw;
  for (int i = 19; i >= 0; --i) raw.row_order.push_back(i);
  Linear straight{ops_.prepare(w.raw, Use::linear), {}},
      reversed{ops_.prepare(raw, Use::linear), {}};
  Tensor x = ops_.upload(random_values(32, 2), 1, 32);
  auto a = ops_.read(ops_.linear(x, straight)), b = ops_.read(ops_.linear(x, reversed));
  std::reverse(b.begin(), b.end());
  EXPECT_EQ(a, b);
}

TEST_F(Rig, AFloatMatrixOfAQuantisedFileRunsInEightBitsWithAnyWidth) {
  Matrix w(DType::f16, 30, 100, 1);  // 100 is no multiple of 32
  w.raw.arithmetic = Arithmetic::int8;
  Linear linear{ops_.prepare(w.raw, Use::linear), {}};
  EXPECT_EQ(ops_.activation_for({&linear}), Out::q8a);
  auto x = random_values(3 * 100, 2);
  EXPECT_LT(test::nmse(ops_.read(ops_.linear(ops_.upload(x, 3, 100), linear)), matmul(x, w)), 2e-4);
}

TEST_F(Rig, PixelShuffleOrdersChannelsAsDyDxC) {
  // Patches filled with their own number (spec §9.3): 4×4 patches, 1 channel, s = 2.
  std::vector<float> patches(16);
  for (std::size_t i = 0; i < 16; ++i) patches[i] = static_cast<float>(i);
  auto out = ops_.read(ops_.pixel_shuffle(ops_.upload(patches, 16, 1), 4, 2, Out::f32));
  EXPECT_EQ(out, (std::vector<float>{0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15}));
}

TEST_F(Rig, PatchesDropTheRemainder) {
  // 3 channels of 5×5, patch 2: 2×2 patches as (c, dy, dx).
  std::vector<float> chw(75);
  for (std::size_t i = 0; i < 75; ++i) chw[i] = static_cast<float>(i);
  auto out = ops_.read(ops_.patches(ops_.upload(chw, 1, 75), 5, 2, Out::f32));
  ASSERT_EQ(out.size(), 4u * 12);
  EXPECT_EQ(std::vector<float>(out.begin() + 36, out.end()),
            (std::vector<float>{12, 13, 17, 18, 37, 38, 42, 43, 62, 63, 67, 68}));
}

TEST_F(Rig, GatherSelectAndPutRows) {
  Matrix table(DType::q8_0, 10, 32, 1);
  Weight weight = ops_.prepare(table.raw, Use::gather);
  std::vector<std::int32_t> ids = {7, 0, 7};
  auto rows = ops_.read(ops_.gather(weight, ids));
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 32; ++j)
      EXPECT_EQ(rows[i * 32 + j],
                static_cast<float>(table.values[static_cast<std::size_t>(ids[i]) * 32 + j]));
  Tensor x = ops_.upload(std::vector<float>{1, 2, 3, 4, 5, 6}, 3, 2);
  std::vector<std::int32_t> wanted = {2, 0}, place = {1};
  EXPECT_EQ(ops_.read(ops_.select_rows(x, wanted)), (std::vector<float>{5, 6, 1, 2}));
  ops_.put_rows(x, place, ops_.upload(std::vector<float>{9, 9}, 1, 2));
  EXPECT_EQ(ops_.read(x), (std::vector<float>{1, 2, 9, 9, 5, 6}));
}

// ---- attention ----

struct Heads {
  int heads = 4, kv_heads = 2, head_dim = 16;
};

/// softmax(q·K·scale)·V over the visible positions, in double.
std::vector<float> plain_attention(const std::vector<float>& q, const std::vector<float>& k,
                                   const std::vector<float>& v, Heads s, int rows, bool causal,
                                   int window) {
  std::vector<float> out(q.size());
  for (int r = 0; r < rows; ++r)
    for (int h = 0; h < s.heads; ++h) {
      int g = h / (s.heads / s.kv_heads), last = causal ? r : rows - 1;
      int first = window > 0 ? std::max(0, last + 1 - window) : 0;
      std::vector<double> scores;
      double max = -1e300, sum = 0;
      for (int p = first; p <= last; ++p) {
        double dot = 0;
        for (int d = 0; d < s.head_dim; ++d)
          dot +=
              static_cast<double>(q[static_cast<std::size_t>((r * s.heads + h) * s.head_dim + d)]) *
              k[static_cast<std::size_t>((p * s.kv_heads + g) * s.head_dim + d)];
        scores.push_back(dot / std::sqrt(s.head_dim));
        max = std::max(max, scores.back());
      }
      for (double& x : scores) sum += x = std::exp(x - max);
      for (int d = 0; d < s.head_dim; ++d) {
        double value = 0;
        for (int p = first; p <= last; ++p)
          value += scores[static_cast<std::size_t>(p - first)] / sum *
                   v[static_cast<std::size_t>((p * s.kv_heads + g) * s.head_dim + d)];
        out[static_cast<std::size_t>((r * s.heads + h) * s.head_dim + d)] =
            static_cast<float>(value);
      }
    }
  return out;
}

TEST_F(Rig, AttentionEqualsThePlainFormula) {
  Heads s;
  for (int rows : {1, 5, 64, 65, 200}) {
    auto count = [&](int heads) { return static_cast<std::size_t>(rows * heads * s.head_dim); };
    auto q = random_values(count(s.heads), 1), k = random_values(count(s.kv_heads), 2),
         v = random_values(count(s.kv_heads), 3);
    for (int window : {0, 20}) {
      for (bool causal : {true, false}) {
        if (!causal && window) continue;
        AttentionSpec spec;
        spec.heads = s.heads;
        spec.kv_heads = s.kv_heads;
        spec.head_dim = s.head_dim;
        spec.scale = 1 / std::sqrt(16.0f);
        spec.causal = causal;
        spec.window = window;
        auto pool = ops_.make_kv_pool({KvType::f32, 2, s.kv_heads, s.head_dim}, 4);
        KvLayer layer{pool.get(), 1};
        RowsSpec where;
        for (int r = 0; r < rows; ++r) where.positions.push_back(r), where.sequences.push_back(0);
        where.pages = {{3, 1, 0, 2}};  // pages need not be in order
        auto tensor = [&](const std::vector<float>& x, int heads) {
          return ops_.upload(x, rows, heads * s.head_dim);
        };
        Tensor out =
            ops_.attention(tensor(q, s.heads), tensor(k, s.kv_heads), tensor(v, s.kv_heads), spec,
                           causal ? &layer : nullptr, ops_.prepare(where), Out::f32);
        EXPECT_LT(test::nmse(ops_.read(out), plain_attention(q, k, v, s, rows, causal, window)),
                  1e-11)
            << rows << " rows, causal " << causal << ", window " << window;
      }
    }
  }
}

TEST_F(Rig, SequencesOfOneBatchDoNotSeeEachOther) {
  Heads s;
  auto make = [&](int rows, int heads, unsigned seed) {
    return random_values(static_cast<std::size_t>(rows * heads * s.head_dim), seed);
  };
  AttentionSpec spec;
  spec.heads = s.heads;
  spec.kv_heads = s.kv_heads;
  spec.head_dim = s.head_dim;
  spec.causal = false;
  auto run = [&](const std::vector<int>& lengths, const std::vector<float>& q,
                 const std::vector<float>& k, const std::vector<float>& v) {
    RowsSpec where;
    for (std::size_t i = 0; i < lengths.size(); ++i)
      for (int r = 0; r < lengths[i]; ++r)
        where.positions.push_back(r), where.sequences.push_back(static_cast<std::int32_t>(i));
    auto rows = static_cast<std::int64_t>(where.positions.size());
    return ops_.read(ops_.attention(ops_.upload(q, rows, s.heads * s.head_dim),
                                    ops_.upload(k, rows, s.kv_heads * s.head_dim),
                                    ops_.upload(v, rows, s.kv_heads * s.head_dim), spec, nullptr,
                                    ops_.prepare(where), Out::f32));
  };
  auto q1 = make(70, 4, 1), k1 = make(70, 2, 2), v1 = make(70, 2, 3);
  auto q2 = make(9, 4, 4), k2 = make(9, 2, 5), v2 = make(9, 2, 6);
  auto join = [](std::vector<float> a, const std::vector<float>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  EXPECT_EQ(run({70, 9}, join(q1, q2), join(k1, k2), join(v1, v2)),
            join(run({70}, q1, k1, v1), run({9}, q2, k2, v2)));
}

TEST_F(Rig, RotationTurnsPairsOfHalves) {
  Rope rope;
  rope.base = 100;
  rope.factors = ops_.prepare(std::vector<float>{1, 4});
  AttentionSpec spec;
  spec.heads = spec.kv_heads = 1;
  spec.head_dim = 4;
  spec.rope = &rope;
  auto pool = ops_.make_kv_pool({KvType::f32, 1, 1, 4}, 1);
  KvLayer layer{pool.get(), 0};
  RowsSpec where;
  where.positions = {3};
  where.sequences = {0};
  where.pages = {{0}};
  Tensor q = ops_.upload(std::vector<float>{1, 2, 3, 4}, 1, 4);
  Tensor k = ops_.upload(std::vector<float>{1, 0, 0, 1}, 1, 4),
         v = ops_.upload(std::vector<float>(4), 1, 4);
  ops_.attention(q, k, v, spec, &layer, ops_.prepare(where), Out::f32);
  auto turned = ops_.read(q);  // rotated in place
  double a = 3, b = 3 * std::pow(100, -0.5) / 4;
  EXPECT_NEAR(turned[0], 1 * std::cos(a) - 3 * std::sin(a), 1e-6);
  EXPECT_NEAR(turned[2], 3 * std::cos(a) + 1 * std::sin(a), 1e-6);
  EXPECT_NEAR(turned[1], 2 * std::cos(b) - 4 * std::sin(b), 1e-6);
  EXPECT_NEAR(turned[3], 4 * std::cos(b) + 2 * std::sin(b), 1e-6);
}

TEST_F(Rig, ScopesGiveMemoryBackAndNest) {
  std::size_t first;
  {
    Scope outer = ops_.scope();
    first = ops_.upload(std::vector<float>(64), 1, 64).offset;
    {
      Scope inner = ops_.scope();
      (void)ops_.upload(std::vector<float>(64), 1, 64);
    }
  }
  Scope again = ops_.scope();
  EXPECT_EQ(ops_.upload(std::vector<float>(64), 1, 64).offset, first);
}

}  // namespace
}  // namespace hearth
