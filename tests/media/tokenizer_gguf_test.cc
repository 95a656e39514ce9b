// Tokenizers of GGUF files: defaults, odd but legal files, and those that must be refused.
#include <gtest/gtest.h>
#include <unistd.h>

#include "formats/gguf_writer.h"
#include "media/tokenizer_support.h"

namespace hearth {
namespace {

using test::Ids;

constexpr int kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kByte = 6;

/// A GGUF file of a tokenizer, every part of it open to change.
struct Spec {
  std::optional<std::string> model = "gpt2", pre = "gpt-2";
  std::vector<std::string> tokens = {"a", "b", "c", "Ġ", "ab", "Ġab", "<end>", "<tool>"};
  std::vector<int> types = {1, 1, 1, 1, 1, 1, kControl, kUserDefined};
  std::optional<std::vector<std::string>> merges = {{"a b", "Ġ ab"}};
  std::optional<std::vector<float>> scores;
  std::vector<std::pair<std::string, std::uint32_t>> ids;
  std::vector<std::pair<std::string, bool>> flags;
  std::string architecture = "llama";
};

Spec sentence_piece() {
  Spec spec;
  spec.model = "llama";
  spec.pre.reset();
  spec.merges.reset();
  spec.tokens = {"<unk>", "<s>", "</s>", "<0x41>", "<0x0a>", "▁", "a", "b", "ab", "▁ab", "<tool>"};
  spec.types = {kUnknown, kControl, kControl, kByte,   kByte,       kNormal,
                kNormal,  kNormal,  kNormal,  kNormal, kUserDefined};
  spec.scores = {{0, 0, 0, 0, 0, -9, -8, -7, -1, -2, 0}};
  return spec;
}

Result<Tokenizer> load(const Spec& spec) {
  gguf::Writer out;
  out.string("general.architecture", spec.architecture);
  if (spec.model) out.string("tokenizer.ggml.model", *spec.model);
  if (spec.pre) out.string("tokenizer.ggml.pre", *spec.pre);
  out.strings("tokenizer.ggml.tokens", spec.tokens);
  if (!spec.types.empty())
    out.i32s("tokenizer.ggml.token_type",
             std::vector<std::int32_t>(spec.types.begin(), spec.types.end()));
  if (spec.merges) out.strings("tokenizer.ggml.merges", *spec.merges);
  if (spec.scores) out.f32s("tokenizer.ggml.scores", *spec.scores);
  for (const auto& [key, id] : spec.ids) out.u32("tokenizer.ggml." + key, id);
  for (const auto& [key, flag] : spec.flags) out.boolean("tokenizer.ggml." + key, flag);
  const auto path =
      std::filesystem::path(testing::TempDir()) / ("hearth_" + std::to_string(getpid()) + ".gguf");
  HEARTH_TRY_STATUS(out.write(path));
  HEARTH_TRY(gguf::File file, gguf::File::open(path));
  auto tokenizer = Tokenizer::from_gguf(file);
  std::filesystem::remove(path);
  return tokenizer;
}

void expect_refused(const Spec& spec, const std::vector<std::string>& words) {
  auto tokenizer = load(spec);
  ASSERT_FALSE(tokenizer) << "expected a complaint about " << words[0];
  EXPECT_EQ(tokenizer.error().kind, ErrorKind::bad_input);
  for (const std::string& word : words)
    EXPECT_NE(tokenizer.error().message.find(word), std::string::npos)
        << "expected " << word << " in: " << tokenizer.error().message;
}

template <class Edit>
Spec changed(Spec spec, Edit&& edit) {
  edit(spec);
  return spec;
}

TEST(TokenizerGguf, ByteLevel) {
  auto tokenizer = load(Spec{});
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->describe(), "bpe/gpt-2");
  EXPECT_EQ(tokenizer->encode("ab ab<end>", {}), (Ids{4, 5, 6}));
  EXPECT_EQ(tokenizer->encode("ab<end>c<tool>", {.parse_special = false}), (Ids{4, 2, 7}))
      << "bytes without a token vanish; user-defined tokens are always found";
  EXPECT_EQ(tokenizer->decode(Ids{5, 6, 7, 4}), " ab<end><tool>ab");
  EXPECT_EQ(tokenizer->decode(Ids{5, 6, 7, 4}, true), " ab<tool>ab");
  EXPECT_EQ(tokenizer->bos(), std::nullopt);
  EXPECT_EQ(tokenizer->encode("a", {.add_special = true}), (Ids{0}));
}

TEST(TokenizerGguf, SentencePiece) {
  auto tokenizer = load(sentence_piece());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->describe(), "spm");
  EXPECT_EQ(tokenizer->encode("ab ab", {.add_special = true}), (Ids{1, 9, 9}));
  EXPECT_EQ(tokenizer->encode("<tool>ab", {}), (Ids{10, 9})) << "a space again after a token";
  EXPECT_EQ(tokenizer->encode("A\nz", {}), (Ids{5, 3, 4, 0})) << "bytes, and no byte for z";
  EXPECT_EQ(tokenizer->encode("<0x41>", {.parse_special = false}).size(), 7u) << "only text";
  EXPECT_EQ(tokenizer->decode(Ids{1, 9, 3, 4, 9}), "<s> abA\n ab");
  EXPECT_EQ(tokenizer->decode(Ids{1, 9, 3, 4, 9}, true), "abA\n ab");
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->end_of_generation(), (Ids{2}));

  tokenizer = load(changed(sentence_piece(), [](Spec& s) {
    s.flags = {{"add_space_prefix", false}, {"add_bos_token", false}, {"add_eos_token", true}};
  }));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("ab ab", {.add_special = true}), (Ids{8, 9, 2}));
  EXPECT_EQ(tokenizer->decode(Ids{9}), " ab");
}

/// Where every merge has its own score, SentencePiece's rule (best score first) is BPE's (first
/// merge first): then the ids are those of Hugging Face's library for the same vocabulary.
TEST(TokenizerGguf, SentencePieceAsTheSameMerges) {
  const auto cases =
      test::read_json(std::filesystem::path(HEARTH_TEST_DATA) / "media" / "tokenizer_cases.json");
  auto llama2 = std::find_if(cases.begin(), cases.end(),
                             [](const auto& one) { return one["name"] == "llama 2"; });
  ASSERT_NE(llama2, cases.end());
  const auto& model = (*llama2)["tokenizer"]["model"];
  Spec spec = sentence_piece();
  const std::size_t n = model["vocab"].size();
  spec.tokens.assign(n, "");
  spec.types.assign(n, kNormal);
  spec.scores->assign(n, -1000);
  for (const auto& [text, id] : model["vocab"].items()) {
    spec.tokens[id] = text;
    if (id <= 2) spec.types[id] = id == 0 ? kUnknown : kControl;
    if (text.starts_with("<0x")) spec.types[id] = kByte;
  }
  float score = 0;
  for (const auto& merge : model["merges"]) {
    const std::string joined = merge[0].get<std::string>() + merge[1].get<std::string>();
    (*spec.scores)[model["vocab"][joined].get<int>()] = --score;
  }
  auto tokenizer = load(spec);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  for (const auto& row : (*llama2)["rows"]) {
    const std::string text = row["text"];
    EXPECT_EQ(tokenizer->encode(text, {}), row["ids"].get<Ids>()) << text;
    EXPECT_EQ(tokenizer->encode(text, {.add_special = true}), row["special"].get<Ids>()) << text;
    EXPECT_EQ(tokenizer->decode(row["ids"].get<Ids>()), row["decoded"].get<std::string>());
  }
}

TEST(TokenizerGguf, PretokenizersBringTheirHabits) {
  auto with = [](const char* pre) {
    return load(changed(Spec{}, [&](Spec& s) {
      s.pre = pre;
      s.tokens.push_back("Ġabc");  // no merge makes it
      s.types.push_back(kNormal);
      s.ids = {{"bos_token_id", 6}};
    }));
  };
  auto llama3 = with("llama-bpe"), qwen2 = with("qwen2");
  ASSERT_TRUE(llama3 && qwen2);
  EXPECT_EQ(llama3->encode(" abc", {.add_special = true}), (Ids{6, 8}));
  EXPECT_EQ(qwen2->encode(" abc", {.add_special = true}), (Ids{5, 2}));
}

TEST(TokenizerGguf, AnswersEndWhereTheFileOrTheNamesSay) {
  auto tokenizer = load(changed(Spec{}, [](Spec& s) {
    for (const char* text :
         {"<|im_end|>", "<|eot_id|>", "<|end|>", "<|return|>", "<|call|>", "</s>"})
      s.tokens.push_back(text), s.types.push_back(kControl);
    s.types.back() = kNormal;  // </s> is a word here
    s.ids = {{"eos_token_id", 2}, {"eot_token_id", 6}};
  }));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->end_of_generation(), (Ids{2, 6, 8, 9, 11, 12}))
      << "<|end|> does not end an answer beside <|return|> and <|call|>";
}

TEST(TokenizerGguf, RefusesWhatItDoesNotKnow) {
  expect_refused(changed(Spec{}, [](Spec& s) { s.model = "bert"; }), {"bert", "gpt2, llama"});
  expect_refused(changed(Spec{}, [](Spec& s) { s.model.reset(); }), {"tokenizer.ggml.model"});
  expect_refused(changed(Spec{}, [](Spec& s) { s.pre = "my-bpe"; }), {"my-bpe", "qwen2, "});
  expect_refused(changed(Spec{}, [](Spec& s) { s.pre = "a\nb"; }), {"a\\x0ab"});
}

TEST(TokenizerGguf, RefusesBrokenFiles) {
  expect_refused(changed(Spec{}, [](Spec& s) { s.merges.reset(); }),
                 {"tokenizer.ggml.merges", "missing"});
  expect_refused(changed(Spec{}, [](Spec& s) { s.merges = {{"ab"}}; }), {"merge 0", "two tokens"});
  expect_refused(changed(Spec{}, [](Spec& s) { s.tokens.clear(), s.types.clear(); }),
                 {"tokenizer.ggml.tokens", "empty"});
  expect_refused(changed(Spec{}, [](Spec& s) { s.types.pop_back(); }), {"token_type", "7", "8"});
  expect_refused(changed(Spec{}, [](Spec& s) { s.types[3] = 77; }), {"token_type", "3", "77"});
  expect_refused(changed(Spec{},
                         [](Spec& s) {
                           s.ids = {{"bos_token_id", 8}};
                         }),
                 {"bos_token_id", "8"});
  expect_refused(changed(Spec{},
                         [](Spec& s) {
                           s.ids = {{"eos_token_id", 0xFFFFFFFF}};
                         }),
                 {"eos_token_id", "4294967295"});
  expect_refused(changed(Spec{},
                         [](Spec& s) {
                           s.flags = {{"add_bos_token", true}};
                         }),
                 {"bos_token_id"});
  expect_refused(changed(Spec{},
                         [](Spec& s) {
                           s.flags = {{"add_eos_token", true}};
                         }),
                 {"eos_token_id"});

  expect_refused(changed(sentence_piece(), [](Spec& s) { s.scores.reset(); }), {"scores"});
  expect_refused(changed(sentence_piece(), [](Spec& s) { s.scores->pop_back(); }),
                 {"scores", "10", "11"});
  expect_refused(changed(sentence_piece(), [](Spec& s) { (*s.scores)[5] = NAN; }), {"score", "5"});
  for (const char* text :
       {"<0x-1>", "<0xG0>", "<0x1>", "<0x123>", "<0X12>", "<0x+1>", "<0x 1>", ""})
    expect_refused(changed(sentence_piece(), [&](Spec& s) { s.tokens[3] = text; }),
                   {"token 3", "<0x00>"});
}

TEST(TokenizerGguf, AcceptsOddButLegalFiles) {
  auto tokenizer = load(changed(Spec{}, [](Spec& s) {
    s.tokens = {"a", "b", "", "ab", "ab", "\xFF\xFE", "<end>", "<end>"};
    s.types = {};                            // all normal
    s.merges = {{"a b", "a zz", "a b"}};     // a token that is not there; a twin
    s.pre.reset();                           // "default"
    s.ids = {{"padding_token_id", 128002}};  // junk of another model
  }));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->describe(), "bpe/default");
  EXPECT_EQ(tokenizer->pad(), std::nullopt);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("abab", {})), "abab");
  EXPECT_EQ(tokenizer->piece(5), "\xFF\xFE");
  EXPECT_EQ(tokenizer->piece(2), "");

  // SentencePiece's usual ids 0, 1, 2 need not exist.
  tokenizer = load(changed(sentence_piece(), [](Spec& s) {
    s.tokens = {"a"}, s.types = {kNormal}, s.scores = {{0}};
    s.flags = {{"add_bos_token", false}};
  }));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("a", {}), (Ids{0, 0})) << "the space is unknown";
  EXPECT_EQ(tokenizer->bos(), std::nullopt);
}

/// Phi-3's files do not say that its control tokens take the spaces behind them along; its own
/// tokenizer.json does.
TEST(TokenizerGguf, Phi3StripsBehindControlTokens) {
  auto small = load(changed(sentence_piece(), [](Spec& s) { s.architecture = "phi3"; }));
  ASSERT_TRUE(small) << small.error().message;
  EXPECT_EQ(small->encode("</s> \n ab<s> ab", {}), (Ids{2, 9, 1, 5, 9}));
}

TEST(TokenizerGguf, Phi3StripsBehindControlTokensOfTheRealVocabulary) {
  HEARTH_GOLDEN(path, "vocabs/ggml-vocab-phi-3.gguf");
  auto tokenizer = test::load_tokenizer(path);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("<|user|>\nHello<|end|>\n<|assistant|>\n", {}),
            (Ids{32010, 15043, 32007, 32001}));
  EXPECT_EQ(tokenizer->encode("<|endoftext|>\n", {}), (Ids{32000, 29871, 13}));
}

}  // namespace
}  // namespace hearth
