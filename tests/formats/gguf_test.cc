// GGUF files that are right: values as the published goldens describe them, and odd but legal
// files.
#include "formats/gguf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "formats/bytes.h"
#include "support/data.h"

namespace hearth::gguf {
namespace {

using namespace hearth::test;

Result<File> parse(const std::string& bytes) { return File::parse(as_bytes(bytes), "test.gguf"); }

TEST(Gguf, ReadsAGoldenModel) {
  HEARTH_GOLDEN(path, "text/a-f16.gguf");
  auto file = File::open(path);
  ASSERT_TRUE(loads(file));
  EXPECT_EQ(file->version(), 3u);
  EXPECT_EQ(file->get_string("general.architecture")->value(), "llama");
  EXPECT_EQ(file->get_int("llama.embedding_length", 1, 1 << 20)->value(), 96);
  EXPECT_EQ(file->get_int("llama.block_count", 1, 1000)->value(), 3);
  EXPECT_EQ(file->get_int("llama.attention.head_count", 1, 1000)->value(), 3);
  EXPECT_EQ(file->get_float("llama.rope.freq_base")->value(), 1e5);
  const Array* tokens = *file->get_strings("tokenizer.ggml.tokens");
  ASSERT_NE(tokens, nullptr);
  EXPECT_EQ(tokens->strings.size(), 496u);
  const Array* types = *file->get_ints("tokenizer.ggml.token_type");
  ASSERT_NE(types, nullptr);
  EXPECT_EQ(types->count, 496u);

  const TensorInfo* embedding = file->find_tensor("token_embd.weight");
  ASSERT_NE(embedding, nullptr);
  EXPECT_EQ(embedding->type, DType::f16);
  EXPECT_EQ(embedding->n_dims, 2);
  EXPECT_EQ(embedding->dims[0], 96u);
  EXPECT_EQ(embedding->dims[1], 496u);
  EXPECT_EQ(embedding->data.size(), 96u * 496 * 2);
  EXPECT_EQ(file->find_tensor("token_embd"), nullptr);
  EXPECT_EQ(file->find("llama.embedding"), nullptr);
}

TEST(Gguf, TensorsOfEveryTypeTileTheirFile) {
  for (const char* type : {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k",
                           "q6_k", "iq4_nl", "iq4_xs"}) {
    HEARTH_GOLDEN(path, std::string("text/b-") + type + ".gguf");
    auto file = File::open(path);
    ASSERT_TRUE(loads(file));
    std::uint64_t bytes = 0;
    int quantised = 0;
    for (const TensorInfo& t : file->tensors()) {
      bytes += (t.data.size() + 31) / 32 * 32;
      quantised += t.type == dtype_from_name(type);
    }
    EXPECT_GT(quantised, 0) << type;
    // The data ends the file, so the sizes of this type's rows are right.
    auto begin = file->tensors().front().data.data() - file->bytes().data();
    EXPECT_EQ(static_cast<std::uint64_t>(begin) + bytes, file->bytes().size()) << type;
  }
}

TEST(Gguf, OpensEveryPublishedVocabulary) {
  for (const char* name :
       {"baichuan", "bert-bge", "deepseek-coder", "deepseek-llm", "falcon", "gpt-2", "gpt-neox",
        "llama-spm", "mpt", "phi-3", "refact", "smollm", "starcoder"}) {
    HEARTH_GOLDEN(path, std::string("vocabs/ggml-vocab-") + name + ".gguf");
    auto file = File::open(path);
    ASSERT_TRUE(loads(file));
    EXPECT_TRUE(file->tensors().empty()) << name;
    const Array* tokens = *file->get_strings("tokenizer.ggml.tokens");
    ASSERT_NE(tokens, nullptr) << name;
    EXPECT_GT(tokens->count, 30000u) << name;
  }
}

TEST(Gguf, KeepsEveryValueType) {
  auto bytes = GgufBytes()
                   .key("u8", 0, u8(200))
                   .key("i8", 1, raw(std::int8_t{-7}))
                   .key("u16", 2, raw(std::uint16_t{60000}))
                   .key("i16", 3, raw(std::int16_t{-600}))
                   .key("u32", 4, u32(4000000000))
                   .key("i32", 5, raw(std::int32_t{-5}))
                   .key("f32", 6, f32(0.5f))
                   .key("yes", 7, u8(1))
                   .key("no", 7, u8(0))
                   .key("text", 8, str("hello"))
                   .key("u64", 10, u64(~0ull))
                   .key("i64", 11, raw(std::int64_t{-1} << 40))
                   .key("f64", 12, raw(1e300))
                   .key("list", 9, u32(3) + u64(2) + raw(std::int16_t{-1}) + raw(std::int16_t{9}))
                   .key("reals", 9, u32(6) + u64(2) + f32(0.25f) + f32(NAN))
                   .key("words", 9, u32(8) + u64(3) + str("a") + str("") + str("a"))
                   .bytes();
  auto file = parse(bytes);
  ASSERT_TRUE(loads(file));
  constexpr auto kMin = INT64_MIN, kMax = INT64_MAX;
  EXPECT_EQ(file->get_int("u8", kMin, kMax)->value(), 200);
  EXPECT_EQ(file->get_int("i8", kMin, kMax)->value(), -7);
  EXPECT_EQ(file->get_int("u16", kMin, kMax)->value(), 60000);
  EXPECT_EQ(file->get_int("i16", kMin, kMax)->value(), -600);
  EXPECT_EQ(file->get_int("u32", kMin, kMax)->value(), 4000000000);
  EXPECT_EQ(file->get_int("i32", kMin, kMax)->value(), -5);
  EXPECT_EQ(file->get_int("i64", kMin, kMax)->value(), std::int64_t{-1} << 40);
  EXPECT_EQ(file->get_float("f32")->value(), 0.5);
  EXPECT_EQ(file->get_float("f64")->value(), 1e300);
  EXPECT_EQ(file->get_float("i8")->value(), -7);
  EXPECT_TRUE(file->get_bool("yes")->value());
  EXPECT_FALSE(file->get_bool("no")->value());
  EXPECT_EQ(file->get_string("text")->value(), "hello");
  const Array* list = *file->get_ints("list");
  EXPECT_EQ(list->integer(0), -1);
  EXPECT_EQ(list->number(1), 9);
  const Array* reals = *file->get_floats("reals");
  EXPECT_EQ(reals->number(0), 0.25);
  EXPECT_EQ(reals->integer(1), 0);  // NaN has no integer
  const Array* words = *file->get_strings("words");
  EXPECT_EQ(words->strings, (std::vector<std::string_view>{"a", "", "a"}));
  EXPECT_EQ(words->number(0), 0);

  EXPECT_FALSE(file->get_int("absent", kMin, kMax)->has_value());
  EXPECT_FALSE(file->get_string("absent")->has_value());
  EXPECT_EQ(*file->get_ints("absent"), nullptr);
}

TEST(Gguf, GettersNameKeyAndWhatWasExpected) {
  auto bytes = GgufBytes()
                   .key("n", 4, u32(0))
                   .key("big", 10, u64(~0ull))
                   .key("nan", 6, f32(NAN))
                   .key("text", 8, str("x"))
                   .key("words", 9, u32(8) + u64(1) + str("a"))
                   .key("ints", 9, u32(5) + u64(1) + u32(1))
                   .bytes();
  auto file = parse(bytes);
  ASSERT_TRUE(loads(file));
  EXPECT_TRUE(refuses(file->get_int("n", 1, 100), {"test.gguf", "\"n\"", "1 to 100", "found 0"}));
  EXPECT_TRUE(refuses(file->get_int("big", 0, INT64_MAX), {"18446744073709551615"}));
  EXPECT_TRUE(refuses(file->get_int("text", 0, 9), {"an integer", "type string"}));
  EXPECT_TRUE(refuses(file->get_int("ints", 0, 9), {"an array of i32"}));
  EXPECT_TRUE(refuses(file->get_float("nan"), {"finite", "nan"}));
  EXPECT_TRUE(refuses(file->get_float("text"), {"a number", "type string"}));
  EXPECT_TRUE(refuses(file->get_bool("n"), {"type bool", "type u32"}));
  EXPECT_TRUE(refuses(file->get_string("n"), {"type string", "type u32"}));
  EXPECT_TRUE(refuses(file->get_ints("words"), {"array of integers", "an array of string"}));
  EXPECT_TRUE(refuses(file->get_floats("ints"), {"array of floats", "an array of i32"}));
  EXPECT_TRUE(refuses(file->get_strings("n"), {"array of strings", "type u32"}));
}

// ---- odd but legal ----

TEST(GgufOdd, NothingAtAllIsAFile) {
  EXPECT_TRUE(loads(parse(GgufBytes().bytes())));
  EXPECT_EQ(GgufBytes().bytes().size(), 24u);
}

TEST(GgufOdd, Version2) {
  GgufBytes builder;
  builder.version = 2;
  auto bytes = builder.tensor("w", {2}).data(f32(1) + f32(2)).bytes();
  auto file = parse(bytes);
  ASSERT_TRUE(loads(file));
  EXPECT_EQ(file->version(), 2u);
  float values[2];
  std::memcpy(values, file->tensors()[0].data.data(), 8);
  EXPECT_EQ(values[1], 2);
}

TEST(GgufOdd, VocabularyWithoutTensorsMayEndAnywhere) {
  // No padding after the metadata: there is no data to align.
  auto bytes = GgufBytes().key("tokenizer.ggml.model", 8, str("gpt2")).bytes();
  EXPECT_NE(bytes.size() % 32, 0u);
  EXPECT_TRUE(loads(parse(bytes)));
  EXPECT_TRUE(loads(parse(bytes + std::string(5, '\0'))));
}

TEST(GgufOdd, DuplicateTokenTextsAndStrangeKeys) {
  auto bytes = GgufBytes()
                   .key("tokenizer.ggml.tokens", 9, u32(8) + u64(2) + str("<pad>") + str("<pad>"))
                   .key("someone.elses.key", 8, str("\xff not UTF-8"))
                   .key("Key With Spaces", 12, raw(3.5))
                   .bytes();
  EXPECT_TRUE(loads(parse(bytes)));
}

TEST(GgufOdd, EmptyAndNestedArrays) {
  auto inner = u32(4) + u64(2) + u32(1) + u32(2);
  auto bytes = GgufBytes()
                   .key("merges", 9, u32(8) + u64(0))
                   .key("scores", 9, u32(6) + u64(0))
                   .key("empty.of.another.type", 9, u32(0) + u64(0))
                   .key("nested", 9, u32(9) + u64(2) + inner + inner)
                   .bytes();
  auto file = parse(bytes);
  ASSERT_TRUE(loads(file));
  EXPECT_EQ((*file->get_strings("merges"))->count, 0u);
  EXPECT_TRUE((*file->get_strings("empty.of.another.type"))->strings.empty());
  EXPECT_TRUE(refuses(file->get_ints("nested"), {"an array of array"}));
}

TEST(GgufOdd, AnyPowerOfTwoAligns) {
  for (std::uint32_t alignment : {1u, 4u, 8u, 16u, 64u, 128u, 4096u, 65536u}) {
    GgufBytes builder;
    builder.alignment = alignment;
    auto bytes = builder.key("general.alignment", 4, u32(alignment))
                     .tensor("a", {1}, 0, 0)
                     .tensor("b", {1}, 0, std::max(4u, alignment))
                     .data(f32(1) + std::string(std::max(4u, alignment) - 4, '\0') + f32(2))
                     .bytes();
    auto file = parse(bytes);
    ASSERT_TRUE(loads(file)) << alignment;
    float b;
    std::memcpy(&b, file->find_tensor("b")->data.data(), 4);
    EXPECT_EQ(b, 2) << alignment;
  }
}

TEST(GgufOdd, TensorsInAnyOrderWithHolesAndATail) {
  auto bytes = GgufBytes()
                   .tensor("last", {4}, 0, 96)
                   .tensor("first", {4}, 0, 0)
                   .data(std::string(112, 'x') + "a signature somebody appended")
                   .bytes();
  EXPECT_TRUE(loads(parse(bytes)));
}

TEST(GgufOdd, LongNames) {
  std::string name(65535, 'n');
  auto bytes = GgufBytes().key(name, 0, u8(1)).tensor(name, {1}).data(f32(0)).bytes();
  EXPECT_TRUE(loads(parse(bytes)));
}

TEST(GgufOdd, AFileMayBeMoved) {
  HEARTH_GOLDEN(path, "text/a-f16.gguf");
  auto opened = File::open(path);
  ASSERT_TRUE(loads(opened));
  File file = *std::move(opened);
  std::uint32_t sum = 0;
  for (const TensorInfo& t : file.tensors())
    for (std::byte b : t.data) sum += std::to_integer<std::uint32_t>(b);
  EXPECT_GT(sum, 0u);
  EXPECT_EQ(file.find_tensor("token_embd.weight")->name, "token_embd.weight");
}

}  // namespace
}  // namespace hearth::gguf
