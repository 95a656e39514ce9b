// Real models have a few channels whose activations are a hundred times the others'; random goldens
// have none. Here three channels of every norm are scaled by 100.
#include <gtest/gtest.h>

#include <cstring>

#include "base/blocks.h"
#include "support/data.h"
#include "support/model.h"

namespace hearth {
namespace {

using test::TextRig;

ModelFiles with_outliers(const std::filesystem::path& path) {
  ModelFiles files = *open_model_files(path.string());
  for (auto& [name, tensor] : files.text.tensors) {
    if (!name.ends_with("attn_norm.weight") && !name.ends_with("ffn_norm.weight")) continue;
    auto values = std::make_shared<std::vector<float>>(tensor.elements());
    dequantise_row(tensor.type, tensor.data.data(), values->data(), values->size());
    for (std::size_t channel : {3u, 40u, 77u}) (*values)[channel] *= 100;
    tensor = {DType::f32, tensor.shape, std::as_bytes(std::span(*values)), false};
    files.text.keep_alive.push_back(values);
  }
  return files;
}

class Outliers : public testing::TestWithParam<const char*> {};

TEST_P(Outliers, QuantisedActivationsStayClose) {
  HEARTH_GOLDEN(path, std::string("text/") + GetParam());
  TextRig exact(with_outliers(path), {.quantised_activations = false});
  TextRig quantised(with_outliers(path), {.quantised_activations = true});
  std::vector<TokenId> ids;
  for (int i = 0; i < 100; ++i) ids.push_back((i * 53 + 17) % 480);
  auto target = exact.run(ids);
  double error = test::nmse(quantised.run(ids), target);
  std::printf("%s with outlier channels: NMSE %.2e\n", GetParam(), error);
  EXPECT_LE(error, 2e-3);
  // The scaling did something: the plain model's logits are far away.
  TextRig plain(*open_model_files(path.string()), {.quantised_activations = false});
  EXPECT_GT(test::nmse(plain.run(ids), target), 0.1);
}

INSTANTIATE_TEST_SUITE_P(Files, Outliers,
                         testing::Values("b-q8_0.gguf", "b-q4_0.gguf", "b-q4_k.gguf"),
                         [](const auto& info) {
                           std::string name = info.param;
                           return name.substr(2, name.find('.') - 2);
                         });

}  // namespace
}  // namespace hearth
