// Logits and greedy text against programs that nobody here wrote (goldens/README.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/files.h"
#include "formats/json.h"
#include "formats/npy.h"
#include "support/data.h"
#include "support/model.h"

namespace hearth {
namespace {

using test::TextRig;

Json load_json(const std::filesystem::path& path) {
  return *parse_json(*read_file(path), path.string());
}

struct TextCase {
  std::string file;
  std::size_t entry;
};

std::vector<TextCase> text_cases() {
  std::vector<TextCase> cases;
  auto path = test::golden("text/cases.json");
  if (path.empty()) return cases;
  Json all = load_json(path);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const Json& file : all[i]["files"]) cases.push_back({file["file"], i});
  return cases;
}

std::vector<TokenId> greedy(TextRig& rig, const std::vector<TokenId>& prompt, int count) {
  rig.cache->truncate(0);
  std::vector<TokenId> out;
  std::vector<TokenId> next = prompt;
  for (int i = 0; i < count; ++i) {
    auto logits = rig.run(next, {static_cast<std::int32_t>(next.size()) - 1});
    auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    next = {static_cast<TokenId>(best)};
    out.push_back(next[0]);
  }
  return out;
}

class TextParity : public testing::TestWithParam<TextCase> {
 protected:
  void compare(CpuOptions options, double tolerance, bool demand_greedy) {
    HEARTH_GOLDEN(file, "text/" + GetParam().file);
    Json entry = load_json(test::golden("text/cases.json"))[GetParam().entry];
    auto files = open_model_files(file.string());
    ASSERT_TRUE(files) << files.error().message;
    TextRig rig(*std::move(files), options);
    for (const Json& prompt : entry["prompts"]) {
      auto ids = prompt["ids"].get<std::vector<TokenId>>();
      std::vector<std::int32_t> rows;
      if (prompt["rows"].is_array()) rows = prompt["rows"].get<std::vector<std::int32_t>>();
      auto target = read_npy(test::golden("text/" + prompt["logits"].get<std::string>()));
      ASSERT_TRUE(target) << target.error().message;
      rig.cache->truncate(0);
      double error = test::nmse(rig.run(ids, rows), target->data);
      RecordProperty("nmse_" + std::to_string(ids.size()), std::to_string(error));
      std::printf("%-20s %3zu tokens  NMSE %.2e\n", GetParam().file.c_str(), ids.size(), error);
      EXPECT_LE(error, tolerance) << GetParam().file << ", " << ids.size() << " tokens";
      if (demand_greedy) {
        EXPECT_EQ(greedy(rig, ids, 24), prompt["greedy24"].get<std::vector<TokenId>>());
      }
    }
  }
};

TEST_P(TextParity, InF32) {
  CpuOptions f32;
  f32.quantised_activations = false;
  compare(f32, 1e-8, true);
}
TEST_P(TextParity, AsShipped) {
  bool quantised = GetParam().file.starts_with("b-");
  compare({}, quantised ? 2e-3 : 1e-8, !quantised);
}
TEST_P(TextParity, InBf16) {
  if (GetParam().file.starts_with("b-")) return;  // nothing in it is multiplied in bfloat16
  CpuOptions bf16;
  bf16.bf16 = true;  // by the reference where the processor has no such product
  compare(bf16, 5e-4, false);
}

INSTANTIATE_TEST_SUITE_P(Goldens, TextParity, testing::ValuesIn(text_cases()),
                         [](const auto& info) {
                           std::string name = info.param.file;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return !std::isalnum(c); },
                               '_');
                           return name;
                         });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(TextParity);

// ---- vision ----

std::vector<float> encode_tiles(const std::filesystem::path& mmproj, const NpyArray& tiles,
                                CpuOptions options) {
  auto file = gguf::File::open(mmproj);
  auto shared = std::make_shared<gguf::File>(*std::move(file));
  auto checkpoint = checkpoint_from_gguf(shared, true);
  ThreadPool pool(2);
  CpuOps ops(test::kernel_table(), pool, options);
  Loader loader(ops, *checkpoint);
  auto model = load_vision_model(loader, 96);
  if (!model) throw std::runtime_error(model.error().message);
  std::vector<float> features;
  std::size_t each = tiles.data.size() / tiles.shape[0];
  for (std::size_t i = 0; i < tiles.shape[0]; ++i) {
    auto rows = (*model)->encode(ops, std::span(tiles.data).subspan(i * each, each));
    features.insert(features.end(), rows->begin(), rows->end());
  }
  return features;
}

TEST(VisionParity, FeaturesInF32) {
  HEARTH_GOLDEN(cases_path, "vision/cases.json");
  Json cases = load_json(cases_path);
  for (const Json& entry : cases["vision"]) {
    auto tiles = read_npy(test::golden("vision/" + entry["tiles"].get<std::string>()));
    auto target = read_npy(test::golden("vision/" + entry["features"].get<std::string>()));
    ASSERT_TRUE(tiles && target);
    for (const Json& file : entry["files"]) {
      std::string name = file["file"];
      auto features = encode_tiles(test::golden("vision/" + name), *tiles, {});
      double error = test::nmse(features, target->data);
      std::printf("%-28s features NMSE %.2e\n", name.c_str(), error);
      EXPECT_LE(error, 1e-9) << name;
    }
  }
}

TEST(VisionParity, FeaturesInBf16) {
  HEARTH_GOLDEN(cases_path, "vision/cases.json");
  CpuOptions bf16;
  bf16.bf16 = true;
  const Json cases = load_json(cases_path);
  for (const Json& entry : cases["vision"]) {
    auto tiles = read_npy(test::golden("vision/" + entry["tiles"].get<std::string>()));
    auto target = read_npy(test::golden("vision/" + entry["features"].get<std::string>()));
    ASSERT_TRUE(tiles && target);
    const std::string name = entry["files"][0]["file"];
    const double error =
        test::nmse(encode_tiles(test::golden("vision/" + name), *tiles, bf16), target->data);
    std::printf("%-28s features NMSE %.2e in bfloat16\n", name.c_str(), error);
    EXPECT_LE(error, 1e-4) << name;
  }
}

TEST(VisionParity, LogitsWithPictureRows) {
  HEARTH_GOLDEN(cases_path, "vision/cases.json");
  Json cases = load_json(cases_path);
  for (const Json& entry : cases["vlm"]) {
    auto text = open_model_files(test::golden("text/a-f16.gguf").string());
    ASSERT_TRUE(text);
    TextRig rig(*std::move(text), {});
    auto all =
        read_npy(test::golden("vision/" + entry["mmproj"].get<std::string>() + ".features.npy"));
    auto target = read_npy(test::golden("vision/" + entry["logits"].get<std::string>()));
    ASSERT_TRUE(all && target);
    std::vector<float> features;
    std::size_t each = all->data.size() / all->shape[0];
    for (std::size_t tile : entry["tiles"].get<std::vector<std::size_t>>())
      features.insert(features.end(), all->data.begin() + static_cast<std::ptrdiff_t>(tile * each),
                      all->data.begin() + static_cast<std::ptrdiff_t>((tile + 1) * each));
    auto ids = entry["ids"].get<std::vector<TokenId>>();
    auto positions = entry["image_positions"].get<std::vector<std::int32_t>>();
    auto logits = rig.run(ids, {}, positions, features);
    double error = test::nmse(logits, target->data);
    std::printf("%-20s NMSE %.2e\n", entry["name"].get<std::string>().c_str(), error);
    EXPECT_LE(error, 1e-8) << entry["name"];
  }
}

TEST(HuggingFaceParity, DirectoryEqualsGgufBitForBit) {
  HEARTH_GOLDEN(dir, "hf/smolvlm-tiny-bf16/config.json");
  HEARTH_GOLDEN(gguf_path, "text/a-bf16.gguf");
  auto from_dir = open_model_files(dir.parent_path().string());
  auto from_gguf = open_model_files(gguf_path.string());
  ASSERT_TRUE(from_dir) << from_dir.error().message;
  ASSERT_TRUE(from_gguf);
  EXPECT_TRUE(from_dir->vision.has_value());
  TextRig a(*std::move(from_dir), {}), b(*std::move(from_gguf), {});
  std::vector<TokenId> ids = {1, 47, 380, 333, 291, 165, 495, 318, 24, 29, 109, 323};
  EXPECT_EQ(a.run(ids), b.run(ids));
}

// ---- invariants ----

/// A file, and whether its float weights are multiplied in bfloat16.
class Invariants : public testing::TestWithParam<std::pair<std::string, bool>> {};

TEST_P(Invariants, ARowDependsOnItselfOnly) {
  HEARTH_GOLDEN(file, "text/" + GetParam().first);
  std::vector<TokenId> ids;
  for (int i = 0; i < 200; ++i) ids.push_back((i * 37 + 11) % 480);
  auto rig = [&](int threads) {
    CpuOptions options;
    options.bf16 = GetParam().second;
    return std::make_unique<TextRig>(*open_model_files(file.string()), options, threads,
                                     KvType::f16);
  };
  auto whole = rig(2)->run(ids);
  EXPECT_EQ(rig(1)->run(ids), whole) << "one thread";
  EXPECT_EQ(rig(3)->run(ids), whole) << "three threads";
  for (std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{64}}) {
    auto pieces = rig(2);
    std::vector<float> joined;
    for (std::size_t i = 0; i < ids.size(); i += chunk) {
      std::vector<TokenId> part(
          ids.begin() + static_cast<std::ptrdiff_t>(i),
          ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), i + chunk)));
      auto logits = pieces->run(part);
      joined.insert(joined.end(), logits.begin(), logits.end());
    }
    EXPECT_EQ(joined, whole) << "chunks of " << chunk;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, Invariants,
    testing::Values(std::pair("a-f16.gguf", false), std::pair("a-f16.gguf", true),
                    std::pair("b-q4_0.gguf", false), std::pair("b-q8_0.gguf", false),
                    std::pair("b-q4_k.gguf", false), std::pair("b-q6_k.gguf", false),
                    std::pair("f-gemma3-f16.gguf", false), std::pair("e-qwen3-f16.gguf", false)),
    [](const auto& info) {
      std::string name = info.param.first + (info.param.second ? "_bf16" : "");
      std::replace_if(
          name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
      return name;
    });

}  // namespace
}  // namespace hearth
