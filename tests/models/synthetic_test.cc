#include "models/synthetic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

#include "base/blocks.h"
#include "models/random_blocks.h"
#include "models/validate.h"

namespace hearth {
namespace {

std::string type_of(const Checkpoint& c, const std::string& tensor) {
  const StoredTensor* found = c.find(tensor);
  return found ? name_of(found->type) : "absent";
}

// 9L+3 tensors; totals of spec §1.4. The tied text models lack the second matrix of the vocabulary.
TEST(Synthetic, HasTheTrueShapes) {
  struct Expected {
    const char* name;
    std::uint64_t text, vision;
  };
  for (const Expected& e :
       {Expected{"smollm2-135m", 134'515'008, 0}, Expected{"smollm2-360m", 361'821'120, 0},
        Expected{"smolvlm2-256m", 162'974'016, 93'510'912},
        Expected{"smolvlm2-500m", 409'252'800, 98'229'504}}) {
    auto files = synthetic_model(std::string(e.name) + ":q4_0");
    ASSERT_TRUE(files) << files.error().message;
    EXPECT_EQ(files->text.parameters(), e.text) << e.name;
    EXPECT_EQ(files->vision ? files->vision->parameters() : 0, e.vision) << e.name;
    Status status = validate(*files);
    EXPECT_TRUE(status) << (status ? "" : status.error().message);
  }
}

TEST(Synthetic, EveryTypeLoads) {
  for (const std::string& type : synthetic_types()) {
    auto files = synthetic_model("smollm2-135m:" + type);
    ASSERT_TRUE(files) << files.error().message;
    Status status = validate(*files);
    EXPECT_TRUE(status) << type << (status ? "" : status.error().message);
  }
}

TEST(Synthetic, NarrowWidthsFallBackAsPublishedFilesDo) {
  // 576 does not divide by 256, 1536 does (spec §4.5).
  const struct {
    const char *asked, *narrow;
  } rows[] = {{"q4_k", "q5_0"},   {"q5_k", "q5_1"},     {"q6_k", "q8_0"},
              {"q2_k", "iq4_nl"}, {"q3_k", "iq4_nl"},   {"iq4_xs", "iq4_nl"},
              {"q4_0", "q4_0"},   {"iq4_nl", "iq4_nl"}, {"bf16", "bf16"}};
  for (const auto& row : rows) {
    auto files = synthetic_model(std::string("smollm2-135m:") + row.asked);
    ASSERT_TRUE(files) << files.error().message;
    EXPECT_EQ(type_of(files->text, "blk.3.ffn_up.weight"), row.narrow) << row.asked;
    EXPECT_EQ(type_of(files->text, "blk.3.ffn_down.weight"), row.asked);
    EXPECT_EQ(type_of(files->text, "blk.3.attn_norm.weight"), "f32");
  }
}

// The published Q4_K_M of the 2.2B is 1,112,602,656 bytes with its metadata of some 1.7 MB.
TEST(Synthetic, TheMixIsAsLargeAsThePublishedFile) {
  auto files = synthetic_model("smolvlm2-2.2b:q4_k_m");
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_NEAR(static_cast<double>(files->text.file_bytes), 1'112'602'656 - 1.7e6, 0.4e6);
  EXPECT_EQ(type_of(files->text, "output.weight"), "q6_k");
  EXPECT_EQ(type_of(files->text, "token_embd.weight"), "q4_k");
  EXPECT_EQ(type_of(files->text, "blk.0.ffn_down.weight"), "q6_k");
  EXPECT_EQ(type_of(files->text, "blk.3.ffn_down.weight"), "q4_k");
  EXPECT_EQ(type_of(files->text, "blk.5.attn_v.weight"), "q6_k");
  EXPECT_EQ(type_of(files->text, "blk.5.attn_q.weight"), "q4_k");
  // Its tower is Q8_0 but for the rows of 4304 values; the published one has 592,523,200 bytes.
  EXPECT_EQ(type_of(*files->vision, "v.blk.7.ffn_down.weight"), "f16");
  EXPECT_NEAR(static_cast<double>(files->vision->file_bytes), 592'523'200, 0.1e6);
}

TEST(Synthetic, IsMadeInTwoSecondsAndNoTensorSharesMemory) {
  const auto began = std::chrono::steady_clock::now();
  auto files = synthetic_model("smollm2-1.7b:q4_0");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  ASSERT_TRUE(files) << files.error().message;
#ifdef __OPTIMIZE__
  EXPECT_LT(took.count(), 4.0);  // half of it is for a busy machine
#endif
  std::uint64_t bytes = 0;
  std::set<std::pair<const std::byte*, const std::byte*>> places;
  for (const auto& [name, tensor] : files->text.tensors) {
    places.insert({tensor.data.data(), tensor.data.data() + tensor.data.size()});
    bytes += tensor.data.size();
    EXPECT_FALSE(tensor.mapped);
  }
  const std::byte* end = nullptr;
  for (auto [first, last] : places) {
    EXPECT_GE(first, end);
    end = last;
  }
  EXPECT_EQ(bytes, files->text.file_bytes);
  const auto& tensors = files->text.tensors;
  EXPECT_FALSE(std::ranges::equal(tensors.at("blk.1.attn_q.weight").data,
                                  tensors.at("blk.2.attn_q.weight").data));
}

TEST(Synthetic, ItsTokenizerKnowsBytesAndPictureMarkers) {
  auto files = synthetic_model("smolvlm2-256m:q4_0");
  ASSERT_TRUE(files);
  auto tokenizer = files->tokenizer();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->vocab_size(), 49280u);
  const std::string text = "<row_1_col_2><image>Zwölf \"Äpfel\"\\\n<end_of_utterance>";
  auto ids = tokenizer->encode(text, {});
  EXPECT_EQ(tokenizer->decode(ids), text);
  // Spec §1.5.
  EXPECT_EQ(ids[0], 49154);
  EXPECT_EQ(ids[1], 49190);
  EXPECT_EQ(ids.back(), 49279);
  EXPECT_EQ(tokenizer->end_of_generation()[0], 49279);
}

TEST(Synthetic, ErrorsListWhatThereIs) {
  auto unknown = synthetic_model("smollm3-3b:q4_0");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::bad_input);
  EXPECT_NE(unknown.error().message.find("smollm3-3b"), std::string::npos);
  EXPECT_NE(unknown.error().message.find("smolvlm2-2.2b"), std::string::npos);
  for (const char* name : {"smollm2-135m:q9", "smollm2-135m", "smollm2-135m:"}) {
    auto wrong = synthetic_model(name);
    ASSERT_FALSE(wrong) << name;
    EXPECT_NE(wrong.error().message.find("iq4_nl, iq4_xs"), std::string::npos)
        << wrong.error().message;
  }
}

TEST(RandomBlocks, HaveTheDeviationAskedFor) {
  for (const DTypeInfo& info : kDTypes) {
    std::vector<std::byte> bytes(row_bytes(info.type, 256 * 400));
    fill_random(info.type, 0.02f, 7, bytes);
    std::vector<float> values(256 * 400);
    dequantise_row(info.type, bytes.data(), values.data(), values.size());
    double sum = 0, squares = 0;
    for (float v : values) {
      ASSERT_TRUE(std::isfinite(v)) << info.name;
      sum += v;
      squares += static_cast<double>(v) * v;
    }
    const double n = static_cast<double>(values.size());
    // Floats have a random mantissa under one exponent: within √2. Codes have steps of half width.
    EXPECT_NEAR(std::log2(std::sqrt(squares / n) / 0.02), 0, 0.55) << info.name;
    EXPECT_LT(std::fabs(sum / n), 0.02 * 0.25) << info.name;
  }
}

}  // namespace
}  // namespace hearth
