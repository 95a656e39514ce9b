// attend and kv_append on every ISA, against softmax attention written out in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/half.h"
#include "kernels/float_support.h"

namespace hearth::kernels::test {
namespace {

constexpr int kHeadDims[] = {4, 24, 32, 36, 64, 72, 80, 96, 100, 128, 256};
constexpr KvType kTypes[] = {KvType::f32, KvType::f16, KvType::q8_0};

/// Memory that starts at a cache line.
class Aligned {
 public:
  explicit Aligned(std::size_t bytes, unsigned char fill = 0)
      : bytes_(bytes + 64, static_cast<std::byte>(fill)) {}
  std::byte* data() {
    return bytes_.data() + (64 - reinterpret_cast<std::uintptr_t>(bytes_.data()) % 64) % 64;
  }

 private:
  std::vector<std::byte> bytes_;
};

/// The documented place of (position in page, dim), in values.
std::size_t place(bool is_key, int head_dim, int slot, int dim) {
  return static_cast<std::size_t>(is_key ? dim * 64 + slot : slot * head_dim + dim);
}
std::size_t scale_place(bool is_key, int head_dim, int slot, int dim) {
  return static_cast<std::size_t>(is_key ? dim / 32 * 64 + slot
                                         : slot * ((head_dim + 31) / 32) + dim / 32);
}

template <class T>
T read(const std::byte* p, std::size_t i) {
  T value;
  std::memcpy(&value, p + i * sizeof(T), sizeof(T));
  return value;
}

/// What a half page says a value is.
double stored(const std::byte* page, KvType type, bool is_key, int head_dim, int slot, int dim) {
  const std::size_t at = place(is_key, head_dim, slot, dim);
  if (type == KvType::f32) return read<float>(page, at);
  if (type == KvType::f16) return to_f32(read<f16>(page, at));
  const std::byte* scales = page + 64 * head_dim;
  return double{to_f32(read<f16>(scales, scale_place(is_key, head_dim, slot, dim)))} *
         read<std::int8_t>(page, at);
}

/// One KV head's cache of `positions` random positions; slots never written hold NaNs.
struct Cache {
  KvType type;
  int head_dim, positions;
  std::vector<std::unique_ptr<Aligned>> memory;
  std::vector<const std::byte*> k_pages, v_pages;

  Cache(KvType kv_type, int dims, int count, std::uint64_t seed)
      : type(kv_type), head_dim(dims), positions(count) {
    Random random(seed);
    const auto size = static_cast<std::size_t>(head_dim);
    for (int p = 0; p < positions; ++p) {
      if (p % 64 == 0) {
        for (auto* pages : {&k_pages, &v_pages}) {
          memory.push_back(std::make_unique<Aligned>(kv_half_page_bytes(type, head_dim), 0xff));
          pages->push_back(memory.back()->data());
        }
      }
      // Written by the reference, which a test of its own holds to the documented layout.
      reference_kernels().kv_append(type, head_dim, random.values(size).data(),
                                    random.values(size).data(), memory[memory.size() - 2]->data(),
                                    memory.back()->data(), p % 64);
    }
  }
  double key(int p, int d) const {
    return stored(k_pages[static_cast<std::size_t>(p / 64)], type, true, head_dim, p % 64, d);
  }
  double value(int p, int d) const {
    return stored(v_pages[static_cast<std::size_t>(p / 64)], type, false, head_dim, p % 64, d);
  }
};

/// Query rows with a window of positions each.
struct Queries {
  int head_dim;
  std::vector<float> values;
  std::vector<std::int32_t> begin, end;

  Queries(int dims, std::size_t rows, std::uint64_t seed, double spread = 1)
      : head_dim(dims),
        values(Random(seed).values(rows * static_cast<std::size_t>(dims), spread)),
        begin(rows, 0),
        end(rows, 0) {}
  std::size_t rows() const { return begin.size(); }
  const float* row(std::size_t r) const {
    return values.data() + r * static_cast<std::size_t>(head_dim);
  }
};

/// Rows [first, first + count) in one call; in place when asked.
std::vector<float> run(const KernelTable& table, const Cache& cache, const Queries& queries,
                       float softcap, std::size_t first, std::size_t count, bool in_place = false) {
  const auto dims = static_cast<std::size_t>(cache.head_dim);
  std::vector<float> q(queries.row(first), queries.row(first) + count * dims);
  std::vector<float> separate(count * dims);
  std::vector<float>& out = in_place ? q : separate;
  std::vector<const float*> q_rows;
  std::vector<float*> out_rows;
  for (std::size_t r = 0; r < count; ++r) {
    q_rows.push_back(q.data() + r * dims);
    out_rows.push_back(out.data() + r * dims);
  }
  Aligned scratch(attend_scratch_bytes(cache.head_dim), 0xff);
  Attend args;
  args.head_dim = cache.head_dim;
  args.type = cache.type;
  args.k_pages = cache.k_pages.data();
  args.v_pages = cache.v_pages.data();
  args.rows = static_cast<std::int64_t>(count);
  args.q = q_rows.data();
  args.out = out_rows.data();
  args.begin = queries.begin.data() + first;
  args.end = queries.end.data() + first;
  args.scale = 1.0f / std::sqrt(static_cast<float>(cache.head_dim));
  args.softcap = softcap;
  args.scratch = scratch.data();
  table.attend(args);
  return out;
}

void expect_attention(const std::vector<float>& out, const Cache& cache, const Queries& queries,
                      float softcap) {
  const int dims = cache.head_dim;
  const double scale = 1.0f / std::sqrt(static_cast<float>(dims));
  for (std::size_t r = 0; r < queries.rows(); ++r) {
    std::vector<double> scores;
    double top = -INFINITY, size = 0;
    for (int p = queries.begin[r]; p < queries.end[r]; ++p) {
      double score = 0, terms = 0;
      for (int d = 0; d < dims; ++d) {
        score += queries.row(r)[d] * cache.key(p, d) * scale;
        terms += std::fabs(queries.row(r)[d] * cache.key(p, d) * scale);
      }
      if (softcap > 0) score = softcap * std::tanh(score / softcap);
      scores.push_back(score);
      top = std::max(top, score);
      size = std::max(size, terms);
    }
    double total = 0;
    for (double& s : scores) total += s = std::exp(s - top);
    for (int d = 0; d < dims; ++d) {
      double exact = 0, values = 0;
      for (std::size_t i = 0; i < scores.size(); ++i) {
        const double v = cache.value(queries.begin[r] + static_cast<int>(i), d);
        exact += scores[i] / total * v;
        values += scores[i] / total * std::fabs(v);
      }
      // A score's error: its chain of `dims` roundings. It is a weight's relative error, and
      // enters twice (weight and total); then the chain over positions.
      const double chain = std::sqrt(static_cast<double>(dims)) * size;
      const double error = 2 * chain + std::sqrt(static_cast<double>(scores.size())) + 12;
      const float found = out[r * static_cast<std::size_t>(dims) + static_cast<std::size_t>(d)];
      ASSERT_LE(std::fabs(found - exact), error * kEps * values)
          << "row " << r << ", dim " << d << ": expected " << exact << ", found " << found;
    }
  }
}

TEST(Attend, MatchesSoftmaxAttentionForEveryTypeAndHeadDim) {
  for (KvType type : kTypes) {
    for (int dims : kHeadDims) {
      const Cache cache(type, dims, 150, static_cast<std::uint64_t>(dims));
      Queries queries(dims, 20, 2, 2);
      for (std::size_t r = 0; r < queries.rows(); ++r) {
        // Causal ends, three rows to a position as in grouped heads, then windows that begin late.
        queries.end[r] = 150 - static_cast<std::int32_t>((queries.rows() - 1 - r) / 3);
        queries.begin[r] = r < 12 ? 0 : static_cast<std::int32_t>(r * 5);
      }
      FOR_EACH_ISA(table) {
        SCOPED_TRACE(testing::Message() << "type " << int(type) << ", head_dim " << dims);
        for (float softcap : {0.0f, 1.5f}) {
          auto out = run(table, cache, queries, softcap, 0, queries.rows());
          expect_attention(out, cache, queries, softcap);
          EXPECT_TRUE(same_bits(out, run(table, cache, queries, softcap, 0, queries.rows(), true)));
        }
      }
    }
  }
}

TEST(Attend, MatchesForContextsAroundPages) {
  for (int positions : {1, 2, 5, 15, 16, 17, 63, 64, 65, 127, 128, 129, 200}) {
    const Cache cache(KvType::f16, 32, positions, 1);
    Queries queries(32, 3, 8);
    for (auto& end : queries.end) end = positions;
    FOR_EACH_ISA(table) {
      SCOPED_TRACE(positions);
      expect_attention(run(table, cache, queries, 0, 0, 3), cache, queries, 0);
    }
  }
}

/// Rows with all sorts of windows: bits must not depend on which rows share a call. Slots beyond a
/// row's end hold NaNs or other rows' positions, and neither may leak in.
TEST(Attend, RowsAreIndependent) {
  for (KvType type : kTypes) {
    for (int dims : {24, 64}) {
      const int positions = 190;
      const Cache cache(type, dims, positions, 4);
      Queries queries(dims, 65, 5);
      Random random(6);
      for (std::size_t r = 0; r < queries.rows(); ++r) {
        if (r < 40) {  // causal
          queries.end[r] = positions - 40 + static_cast<std::int32_t>(r);
        } else {  // anything
          auto a = static_cast<std::int32_t>((random.uniform() + 1) * positions / 2);
          auto b = static_cast<std::int32_t>((random.uniform() + 1) * positions / 2);
          queries.begin[r] = std::min(a, b);
          queries.end[r] = std::max(a, b) + 1;
        }
      }
      FOR_EACH_ISA(table) {
        auto all = run(table, cache, queries, 0, 0, queries.rows());
        expect_attention(all, cache, queries, 0);
        for (std::size_t count : {1, 2, 3, 4, 5, 6, 7, 13, 50}) {
          for (std::size_t first = 0; first + count <= queries.rows(); first += count) {
            auto some = run(table, cache, queries, 0, first, count);
            auto start = all.begin() + static_cast<std::ptrdiff_t>(first) * dims;
            ASSERT_TRUE(same_bits(some, {start, start + static_cast<std::ptrdiff_t>(count) * dims}))
                << count << " rows from " << first;
          }
        }
      }
    }
  }
}

/// What was never meant for a row must not reach it, however poisonous: row 0 ends before a
/// position whose value is infinite, row 1 sees it.
TEST(Attend, LaterPositionsCannotPoisonEarlierRows) {
  const int dims = 32;
  Cache cache(KvType::f32, dims, 10, 4);
  std::vector<float> key(dims, 0.1f), value(dims, INFINITY);
  reference_kernels().kv_append(KvType::f32, dims, key.data(), value.data(),
                                cache.memory[0]->data(), cache.memory[1]->data(), 9);
  Queries queries(dims, 2, 5);
  queries.end = {9, 10};
  FOR_EACH_ISA(table) {
    auto out = run(table, cache, queries, 0, 0, 2);
    for (int d = 0; d < dims; ++d) {
      EXPECT_TRUE(std::isfinite(out[static_cast<std::size_t>(d)]));
      EXPECT_FALSE(std::isfinite(out[static_cast<std::size_t>(d + dims)]));
    }
  }
}

/// Scores far apart, and of minus infinity, in any page order.
TEST(Attend, SurvivesExtremeScores) {
  const int dims = 16, positions = 130;
  FOR_EACH_ISA(table) {
    for (int loudest : {0, 70, 129}) {
      Cache cache(KvType::f32, dims, positions, 3);
      std::vector<float> silent(dims, -INFINITY), loud(dims, 1000.0f), value(dims, 0.5f);
      auto put = [&](int p, const std::vector<float>& k, const std::vector<float>& v) {
        auto page = static_cast<std::size_t>(p / 64 * 2);
        table.kv_append(KvType::f32, dims, k.data(), v.data(), cache.memory[page]->data(),
                        cache.memory[page + 1]->data(), p % 64);
      };
      for (int p = 0; p < 64; ++p) put(p, silent, std::vector<float>(dims, 7.0f));
      put(loudest, loud, value);
      Queries queries(dims, 1, 5);
      std::fill(queries.values.begin(), queries.values.end(), 1.0f);
      queries.end = {positions};
      auto out = run(table, cache, queries, 0, 0, 1);
      for (float x : out) EXPECT_EQ(x, 0.5f) << "loudest at " << loudest;
    }
  }
}

TEST(KvAppend, WritesItsSlotInTheDocumentedLayoutAndNothingElse) {
  for (KvType type : kTypes) {
    for (int dims : kHeadDims) {
      const auto size = static_cast<std::size_t>(dims);
      auto k = Random(1).values(size), v = Random(2).values(size, 20);
      for (std::size_t d = 0; d < size && d < 32; ++d) v[d] = 0;  // a group without a scale
      const std::size_t bytes = kv_half_page_bytes(type, dims);
      FOR_EACH_ISA(table) {
        SCOPED_TRACE(testing::Message() << "type " << int(type) << ", head_dim " << dims);
        for (int slot : {0, 1, 37, 63}) {
          Aligned k_page(bytes, 0xab), v_page(bytes, 0xab), k_ref(bytes, 0xab), v_ref(bytes, 0xab);
          table.kv_append(type, dims, k.data(), v.data(), k_page.data(), v_page.data(), slot);
          for (int d = 0; d < dims; ++d) {
            for (bool is_key : {true, false}) {
              const float x = (is_key ? k : v)[static_cast<std::size_t>(d)];
              const double found =
                  stored(is_key ? k_page.data() : v_page.data(), type, is_key, dims, slot, d);
              double error = 0;
              if (type == KvType::f16) error = std::fabs(x) * 0x1p-11;
              if (type == KvType::q8_0) {  // half a step of the group's scale, itself rounded
                double top = 0;
                for (int i = d / 32 * 32; i < std::min(dims, d / 32 * 32 + 32); ++i)
                  top = std::max<double>(top,
                                         std::fabs((is_key ? k : v)[static_cast<std::size_t>(i)]));
                error = top / 127 * 0.5 * 1.001 + top * 0x1p-11;
              }
              ASSERT_LE(std::fabs(found - x), error) << "dim " << d;
            }
          }
          // All bits are defined: rounding to nearest even everywhere.
          reference_kernels().kv_append(type, dims, k.data(), v.data(), k_ref.data(), v_ref.data(),
                                        slot);
          EXPECT_EQ(std::memcmp(k_page.data(), k_ref.data(), bytes), 0);
          EXPECT_EQ(std::memcmp(v_page.data(), v_ref.data(), bytes), 0);
        }
      }
    }
  }
}

TEST(KvAppend, Q8SaturatesInsteadOfOverflowing) {
  const int dims = 32;
  FOR_EACH_ISA(table) {
    for (float size : {1e-9f, 1e-6f, 1e-3f, 1e7f, 1e30f}) {
      std::vector<float> x(dims, size);
      const std::size_t bytes = kv_half_page_bytes(KvType::q8_0, dims);
      Aligned k_page(bytes), v_page(bytes);
      table.kv_append(KvType::q8_0, dims, x.data(), x.data(), k_page.data(), v_page.data(), 5);
      const double found = stored(v_page.data(), KvType::q8_0, false, dims, 5, 3);
      EXPECT_TRUE(std::isfinite(found));
      EXPECT_LE(std::fabs(found), size * 1.01);
    }
  }
}

}  // namespace
}  // namespace hearth::kernels::test
