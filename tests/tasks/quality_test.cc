// Perplexity and divergence against PyTorch's logits, and against distributions worked out by hand.
#include "tasks/quality.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/files.h"
#include "formats/json.h"
#include "formats/npy.h"
#include "support/data.h"
#include "support/model.h"

namespace hearth {
namespace {

TEST(Quality, NatsAreThoseOfPyTorchsLogits) {
  HEARTH_GOLDEN(path, "text/cases.json");
  const Json cases = *parse_json(*read_file(path), path.string());
  int compared = 0;
  for (const Json& entry : cases) {
    const std::string file = entry["files"][0]["file"];
    for (const Json& prompt : entry["prompts"]) {
      if (prompt["rows"].is_array()) continue;  // all rows are needed
      const auto ids = prompt["ids"].get<std::vector<TokenId>>();
      if (ids.size() < 8) continue;
      auto opened = open_model_files(test::golden("text/" + file).string());
      ASSERT_TRUE(opened) << opened.error().message;
      test::TextRig rig(*std::move(opened), {false});
      const Predictor model{&rig.ops, rig.model.get(), KvType::f32};
      QualityRequest request;
      request.tokens = ids;
      request.window = static_cast<int>(ids.size());
      const auto scored = score(model, nullptr, request);
      ASSERT_TRUE(scored) << scored.error().message;

      const auto logits = read_npy(test::golden("text/" + prompt["logits"].get<std::string>()));
      ASSERT_TRUE(logits) << logits.error().message;
      const std::size_t vocab = logits->shape[1], half = ids.size() / 2;
      ASSERT_EQ(scored->nats.size(), ids.size() - 1 - half) << file;
      for (std::size_t row = half; row + 1 < ids.size(); ++row) {
        double sum = 0;
        for (std::size_t i = 0; i < vocab; ++i)
          sum += std::exp(static_cast<double>(logits->data[row * vocab + i]));
        const double next = logits->data[row * vocab + static_cast<std::size_t>(ids[row + 1])];
        EXPECT_NEAR(scored->nats[row - half], std::log(sum) - next, 1e-4) << file << " row " << row;
      }
      ++compared;
    }
  }
  EXPECT_GT(compared, 0);
}

/// Always the same logits.
class Constant final : public TextModel {
 public:
  explicit Constant(std::vector<float> logits) : logits_(std::move(logits)) {
    shape_.layers = shape_.heads = shape_.kv_heads = 1;
    shape_.hidden = shape_.head_dim = 32;
    shape_.vocab = static_cast<int>(logits_.size());
  }
  const TextShape& shape() const override { return shape_; }
  Result<Tensor> forward(Ops& ops, const Batch& batch, KvPool&) const override {
    std::vector<float> rows;
    for (std::size_t i = 0; i < batch.logit_rows.size(); ++i)
      rows.insert(rows.end(), logits_.begin(), logits_.end());
    return ops.upload(rows, static_cast<std::int64_t>(batch.logit_rows.size()),
                      static_cast<std::int64_t>(logits_.size()));
  }

 private:
  std::vector<float> logits_;
  TextShape shape_;
};

struct Pair {
  ThreadPool pool{1};
  CpuOps ops{test::kernel_table(), pool, {}};
  Constant even{{0, 0, 0, 0}};
  // Probabilities ½, ¼, ⅛, ⅛.
  Constant steep{{std::log(4.0f), std::log(2.0f), 0, 0}};
  Predictor of(const Constant& model) { return {&ops, &model, KvType::f32}; }
};

TEST(Quality, DivergenceOfKnownDistributions) {
  Pair pair;
  const Predictor model = pair.of(pair.even), reference = pair.of(pair.steep);
  const std::vector<TokenId> tokens = {0, 1, 2, 3, 0, 1, 2, 3, 0};
  QualityRequest request;
  request.tokens = tokens;
  request.window = 4;
  const auto scored = score(model, &reference, request);
  ASSERT_TRUE(scored) << scored.error().message;
  // Two windows of four, one prediction each (token 3 after 2); the ninth token is left out.
  ASSERT_EQ(scored->nats.size(), 2u);
  ASSERT_EQ(scored->kl.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_NEAR(scored->nats[i], std::log(4), 1e-7);
    EXPECT_NEAR(scored->reference_nats[i], std::log(8), 1e-6);
    // Σ p·log2(p·4) = ½·1 + ¼·0 − ⅛ − ⅛ bits.
    EXPECT_NEAR(scored->kl[i], 0.25 * std::log(2), 1e-6);
  }
  EXPECT_EQ(scored->same_top, 2u);  // a tie goes to the smallest id, which is the reference's
}

TEST(Quality, RefusesWhatCannotBeScored) {
  Pair pair;
  const Constant wider({0, 0, 0, 0, 0});
  const Predictor model = pair.of(pair.even), other = pair.of(wider);
  const std::vector<TokenId> tokens = {0, 1, 2, 3};
  const auto message = [&](std::span<const TokenId> text, int window, const Predictor* reference) {
    QualityRequest request;
    request.tokens = text;
    request.window = window;
    const auto scored = score(model, reference, request);
    return scored ? "" : scored.error().message;
  };
  EXPECT_EQ(message(tokens, 4, nullptr), "");
  EXPECT_NE(message(std::span(tokens).first(3), 4, nullptr).find("expected at least 4"),
            std::string::npos);
  EXPECT_NE(message(tokens, 3, nullptr).find("expected at least 4"), std::string::npos);
  EXPECT_NE(message(tokens, 4, &other).find("5 tokens, the model of 4"), std::string::npos);
  const std::vector<TokenId> outside = {0, 1, 2, 4};
  EXPECT_NE(message(outside, 4, nullptr).find("token 4 is outside"), std::string::npos);
}

}  // namespace
}  // namespace hearth
