// What a test is said to cost, against the published shape of SmolLM2-135M.
#include "hearth/bench.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Bench, WorkIsThatOfThePublishedShape) {
  auto engine = Engine::create();
  ASSERT_TRUE(engine) << engine.error().message;
  LoadOptions options;
  options.path = "synthetic:smollm2-135m:q4_0";
  options.context = 64;
  auto model = Model::load(*engine, options);
  ASSERT_TRUE(model) << model.error().message;
  auto results = bench(*model, {.prompts = {8}, .decode = 0, .repeats = 1});
  ASSERT_TRUE(results) << results.error().message;

  constexpr double kLayers = 30, kHidden = 576, kKv = 192, kMlp = 1536, kVocab = 49152, kTokens = 8;
  const double layer = 2 * kHidden * kHidden + 2 * kHidden * kKv + 3 * kHidden * kMlp;
  const BenchWork& work = results->front().work;
  EXPECT_EQ(results->front().test, "prompt");
  EXPECT_EQ(work.int8_ops, 2 * (kTokens * kLayers * layer + kVocab * kHidden));
  EXPECT_EQ(work.float_ops, 4 * kHidden * kLayers * (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8));
  // 4.5 bits a weight in the file; the packed form may add a little.
  const double file = 4.5 / 8 * (kLayers * layer + kVocab * kHidden);
  EXPECT_GE(work.bytes, file);
  EXPECT_LE(work.bytes, 1.1 * file);
}

TEST(Bench, DecodingAtADepthReadsThatMuchCache) {
  auto engine = Engine::create();
  ASSERT_TRUE(engine) << engine.error().message;
  LoadOptions options;
  options.path = "synthetic:smollm2-135m:q4_0";
  options.context = 64;
  auto model = Model::load(*engine, options);
  ASSERT_TRUE(model) << model.error().message;
  auto results =
      bench(*model, {.prompts = {}, .decode = 3, .depths = {0, 40}, .tiles = 0, .repeats = 2});
  ASSERT_TRUE(results) << results.error().message;
  ASSERT_EQ(results->size(), 3u);
  constexpr double kLayers = 30, kHidden = 576;
  for (int i = 0; i < 2; ++i) {
    const BenchResult& result = (*results)[i];
    EXPECT_EQ(result.test, "decode");
    EXPECT_EQ(result.depth, 40 * i);
    EXPECT_EQ(result.ms.size(), 2u);
    // Four rows see depth + 1 … depth + 4 positions; a quarter of that is not timed.
    const double seen = 4.0 * result.depth + 1 + 2 + 3 + 4;
    EXPECT_DOUBLE_EQ(result.work.float_ops, 4 * kHidden * kLayers * seen * 3 / 4);
  }
  EXPECT_FALSE(bench(*model, {.prompts = {65}}));
  EXPECT_FALSE(bench(*model, {.prompts = {8}, .decode = 8, .depths = {56}}));
  EXPECT_FALSE(bench(*model, {.prompts = {-1}}));
}

TEST(Bench, EveryRepeatHasItsShareOfTheRoof) {
  auto engine = Engine::create();
  ASSERT_TRUE(engine) << engine.error().message;
  LoadOptions options;
  options.path = "synthetic:smollm2-135m:q4_0";
  options.context = 64;
  auto model = Model::load(*engine, options);
  ASSERT_TRUE(model) << model.error().message;
  auto results =
      bench(*model, {.prompts = {8}, .decode = 0, .tiles = 0, .repeats = 2, .roof = true});
  ASSERT_TRUE(results) << results.error().message;
  for (const BenchResult& result : *results) {
    if (result.work.roof_ms(result.roof) == 0) GTEST_SKIP() << "the roof is not known";
    ASSERT_EQ(result.shares.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
      // No probe beat the best of all.
      EXPECT_GT(result.shares[i], 0);
      EXPECT_GE(result.shares[i], result.work.roof_ms(result.roof) / result.ms[i] * 0.999);
    }
  }
}

TEST(Bench, TheMixedRoofAddsUpProductsAndMemoryIsAFloor) {
  const Roof roof{.int8_gops = 1000, .bf16_gflops = 200, .f32_gflops = 100, .read_gbs = 10};
  EXPECT_DOUBLE_EQ((BenchWork{0, 1e9, 1e9, 1e6}).roof_ms(roof), 5 + 10);
  EXPECT_DOUBLE_EQ((BenchWork{2e9, 0, 1e9, 1e6}).roof_ms(roof), 2 + 10);
  EXPECT_DOUBLE_EQ((BenchWork{2e9, 0, 1e9, 1e9}).roof_ms(roof), 100);
  EXPECT_EQ((BenchWork{2e9, 0, 1e9, 1e9}).roof_ms({}), 0);
}

}  // namespace
}  // namespace hearth
