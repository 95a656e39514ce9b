#include "tasks/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace hearth {
namespace {

const std::vector<float> kLogits = {1.0f, 3.0f, 2.0f, 3.0f, -1.0f};

TEST(Sampler, GreedyTakesTheLikeliestAndTheSmallestIdOfATie) {
  EXPECT_EQ(Sampler({}).sample(kLogits, {}, 0), 1);
}

std::map<TokenId, double> frequencies(SamplerConfig config, int draws = 40000) {
  Sampler sampler(config);
  std::map<TokenId, double> counts;
  for (int i = 0; i < draws; ++i)
    counts[sampler.sample(kLogits, {}, static_cast<std::uint64_t>(i))] += 1.0 / draws;
  return counts;
}

TEST(Sampler, TemperatureDrawsFromTheSoftmax) {
  for (double temperature : {0.5, 1.0, 2.0}) {
    SamplerConfig config;
    config.temperature = temperature;
    config.seed = 7;
    auto counts = frequencies(config);
    double sum = 0;
    for (float l : kLogits) sum += std::exp(l / temperature);
    for (std::size_t i = 0; i < kLogits.size(); ++i)
      EXPECT_NEAR(counts[static_cast<TokenId>(i)], std::exp(kLogits[i] / temperature) / sum, 0.012);
  }
}

TEST(Sampler, TopKTopPAndMinPCutTheTail) {
  SamplerConfig config;
  config.temperature = 1;
  config.top_k = 3;
  auto counts = frequencies(config);
  EXPECT_EQ(counts.size(), 3u);
  EXPECT_TRUE(counts.contains(1) && counts.contains(3) && counts.contains(2));

  config.top_k = 0;
  config.top_p = 0.8;  // e³ + e³ of e³ + e³ + e² + e + e⁻¹ is 0.79: a third token is needed
  EXPECT_EQ(frequencies(config).size(), 3u);
  config.top_p = 0.5;
  EXPECT_EQ(frequencies(config).size(), 2u);
  config.top_p = 1e-9;
  EXPECT_EQ(frequencies(config).size(), 1u);

  config.top_p = 1;
  config.min_p = 0.3;  // e² / e³ = 0.37 stays, e / e³ = 0.14 goes
  EXPECT_EQ(frequencies(config).size(), 3u);
}

TEST(Sampler, RepeatPenaltyPushesSeenTokensDownWhateverTheirSign) {
  SamplerConfig config;
  config.repeat_penalty = 4;
  std::vector<TokenId> seen = {1, 3};
  EXPECT_EQ(Sampler(config).sample(kLogits, seen, 2), 2);
  std::vector<float> negative = {-1.0f, -0.9f};
  std::vector<TokenId> second = {1};
  EXPECT_EQ(Sampler(config).sample(negative, second, 1), 0);
  // Only the last 64 tokens count.
  std::vector<TokenId> old(65, 4);
  old[0] = 1;
  EXPECT_EQ(Sampler(config).sample(kLogits, old, 65), 1);
}

TEST(Sampler, UniformDependsOnItsArgumentsOnlyAndFillsTheInterval) {
  EXPECT_EQ(uniform(1, 2, 3), uniform(1, 2, 3));
  EXPECT_NE(uniform(1, 2, 3), uniform(1, 2, 4));
  EXPECT_NE(uniform(1, 2, 3), uniform(1, 3, 3));
  EXPECT_NE(uniform(1, 2, 3), uniform(2, 2, 3));
  double sum = 0, squares = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    double u = uniform(42, 0, static_cast<std::uint64_t>(i));
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 0.005);
}

}  // namespace
}  // namespace hearth
