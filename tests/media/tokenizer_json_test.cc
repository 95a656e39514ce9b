// Every kind of tokenizer.json that we read, against what Hugging Face's library makes of it
// (tests/vocabularies/make_cases.mjs), and every part that we refuse.
#include <gtest/gtest.h>

#include "media/tokenizer_support.h"
#include "media/unicode.h"

namespace hearth {
namespace {

using test::from_json;
using test::Ids;
using test::PlainJson;
using test::small_tokenizer_json;

TEST(TokenizerJson, EveryKindAsHuggingFaceHasIt) {
  const PlainJson cases =
      test::read_json(std::filesystem::path(HEARTH_TEST_DATA) / "media" / "tokenizer_cases.json");
  for (const PlainJson& one : cases) {
    const std::string name = one["name"];
    auto tokenizer = from_json(one["tokenizer"]);
    ASSERT_TRUE(tokenizer) << name << ": " << tokenizer.error().message;
    for (const PlainJson& row : one["rows"]) {
      const std::string text = row["text"];
      SCOPED_TRACE(name + ": " + row["text"].dump());
      EXPECT_EQ(tokenizer->encode(text, {}), row["ids"].get<Ids>());
      EXPECT_EQ(tokenizer->encode(text, {.add_special = true}), row["special"].get<Ids>());
      EXPECT_EQ(unicode::repair(tokenizer->decode(row["ids"].get<Ids>())),
                row["decoded"].get<std::string>());
      EXPECT_EQ(unicode::repair(tokenizer->decode(row["special"].get<Ids>(), true)),
                row["skipped"].get<std::string>());
    }
  }
}

/// Whether loading `json` fails with `bad_input` and a message that holds every one of `words`.
void expect_refused(const PlainJson& json, std::vector<std::string> words,
                    const std::string& config = "") {
  auto tokenizer = from_json(json, config);
  ASSERT_FALSE(tokenizer) << json.dump();
  EXPECT_EQ(tokenizer.error().kind, ErrorKind::bad_input);
  words.push_back("t.json");
  for (const std::string& word : words)
    EXPECT_NE(tokenizer.error().message.find(word), std::string::npos)
        << "expected " << word << " in: " << tokenizer.error().message;
}

TEST(TokenizerJson, RefusesWhatItDoesNotKnowByName) {
  auto with = [](const char* part, const char* json) {
    PlainJson changed = small_tokenizer_json();
    changed[part] = PlainJson::parse(json);
    return changed;
  };
  auto with_model = [](const char* key, PlainJson value) {
    PlainJson changed = small_tokenizer_json();
    changed["model"][key] = std::move(value);
    return changed;
  };
  ASSERT_TRUE(from_json(small_tokenizer_json()));
  expect_refused(with_model("type", "WordPiece"), {"WordPiece", "BPE"});
  expect_refused(with_model("type", "Unigram"), {"Unigram"});
  expect_refused(with_model("dropout", 0.1), {"dropout"});
  expect_refused(with_model("end_of_word_suffix", "</w>"), {"end_of_word_suffix", "</w>"});
  expect_refused(with("normalizer", R"({"type": "Lowercase"})"), {"normalizer", "Lowercase"});
  expect_refused(with("normalizer", R"({"type": "Sequence", "normalizers": [{"type": "NFKC"}]})"),
                 {"NFKC"});
  expect_refused(with("pre_tokenizer", R"({"type": "Whitespace"})"), {"Whitespace"});
  expect_refused(with("pre_tokenizer", R"({"type": "Sequence", "pretokenizers": [
                   {"type": "Split", "pattern": {"Regex": "[a-z]+x"}, "behavior": "Isolated"},
                   {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})"),
                 {"[a-z]+x", "unknown", "Llama 3"});
  expect_refused(with("pre_tokenizer", R"({"type": "Sequence", "pretokenizers": [
                   {"type": "Punctuation"}, {"type": "Digits"},
                   {"type": "ByteLevel", "add_prefix_space": false}]})"),
                 {"Punctuation", "Digits"});
  expect_refused(with("decoder", R"({"type": "WordPiece"})"), {"decoder", "WordPiece"});
  expect_refused(with("post_processor", R"({"type": "RobertaProcessing"})"),
                 {"post_processor", "RobertaProcessing"});
}

TEST(TokenizerJson, RefusesBrokenFiles) {
  auto change = [](auto&& edit) {
    PlainJson json = small_tokenizer_json();
    edit(json);
    return json;
  };
  expect_refused(change([](auto& j) { j.erase("model"); }), {"model"});
  expect_refused(change([](auto& j) { j["model"].erase("vocab"); }), {"vocab"});
  expect_refused(change([](auto& j) { j["model"].erase("merges"); }), {"merges", "missing"});
  expect_refused(change([](auto& j) { j["model"]["vocab"] = 3; }), {"vocab"});
  expect_refused(change([](auto& j) { j["model"]["vocab"]["x"] = -1; }), {"\"x\""});
  expect_refused(change([](auto& j) { j["model"]["vocab"]["x"] = 1.5; }), {"\"x\""});
  expect_refused(change([](auto& j) { j["model"]["vocab"]["x"] = 999999999; }), {"999999999"});
  expect_refused(change([](auto& j) { j["model"]["vocab"]["x"] = 18446744073709551615u; }),
                 {"18446744073709551615"});
  expect_refused(change([](auto& j) { j["added_tokens"][0]["id"] = 4294967296; }), {"4294967296"});
  expect_refused(change([](auto& j) { j["added_tokens"][0].erase("content"); }), {"content"});
  expect_refused(change([](auto& j) { j["added_tokens"][0]["special"] = "yes"; }), {"special"});
  expect_refused(change([](auto& j) { j["model"]["merges"] = {"ab"}; }), {"merge 0"});
  expect_refused(change([](auto& j) {
                   j["model"]["merges"] = {"a b", "a zz"};
                 }),
                 {"merge 1", "zz"});
  expect_refused(change([](auto& j) { j["model"]["merges"] = {"a c"}; }), {"merge 0"});
  expect_refused(change([](auto& j) { j["model"]["merges"] = {{"a", "b", "c"}}; }), {"merge 0"});
  expect_refused(change([](auto& j) { j["model"]["unk_token"] = "<unk>"; }), {"<unk>"});
  expect_refused(change([](auto& j) {
                   j["post_processor"] = PlainJson::parse(R"({"type": "TemplateProcessing",
                     "single": [{"SpecialToken": {"id": "<end>"}}, {"Sequence": {"id": "A"}}],
                     "special_tokens": {"<end>": {"ids": [8]}}})");
                 }),
                 {"post_processor", "8"});
  expect_refused(small_tokenizer_json(), {"tokenizer_config.json"}, "[]");
  expect_refused(small_tokenizer_json(), {"tokenizer_config.json", "eos_token"},
                 R"({"eos_token": 7})");
  for (std::string text : {std::string(), std::string("{"), std::string("[1]"),
                           std::string("{\"model\": \xFF}"), std::string(100'000, '[')})
    EXPECT_FALSE(Tokenizer::from_tokenizer_json(text, "", "t.json")) << text.substr(0, 20);
  const std::string deep =
      "{\"model\": " + std::string(10'000, '[') + std::string(10'000, ']') + "}";
  EXPECT_FALSE(Tokenizer::from_tokenizer_json(deep, "", "t.json"));
}

TEST(TokenizerJson, AcceptsOddButLegalFiles) {
  PlainJson json = small_tokenizer_json();
  json["added_tokens"].push_back({{"id", 20}, {"content", "<far>"}, {"special", true}});
  json["added_tokens"].push_back({{"id", 21}, {"content", ""}, {"special", true}});  // ignored
  json["model"]["vocab"]["d"] = 2;  // two texts, one id
  json["model"].erase("type");
  auto tokenizer = from_json(json);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->vocab_size(), 21u);
  EXPECT_EQ(tokenizer->piece(15), "");  // a hole
  EXPECT_EQ(tokenizer->piece(-1), "");
  EXPECT_EQ(tokenizer->piece(1 << 30), "");
  EXPECT_EQ(tokenizer->encode("ab<far>", {}), (Ids{4, 20}));
  EXPECT_FALSE(tokenizer->is_control(15));
  EXPECT_FALSE(tokenizer->is_control(-5));
}

TEST(TokenizerJson, ConfigNamesTheSpecialTokens) {
  PlainJson json = small_tokenizer_json();
  json["added_tokens"].push_back({{"id", 8}, {"content", "<|im_end|>"}, {"special", true}});
  auto tokenizer = from_json(json, R"({"bos_token": {"content": "a"}, "eos_token": "<end>",
      "pad_token": null, "unk_token": "nowhere",
      "model_max_length": 1000000000000000019884624838656})");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->bos(), 0);
  EXPECT_EQ(tokenizer->eos(), 7);
  EXPECT_EQ(tokenizer->pad(), std::nullopt);
  EXPECT_EQ(tokenizer->unk(), std::nullopt);
  EXPECT_EQ(tokenizer->end_of_generation(), (Ids{7, 8}));
  EXPECT_EQ(tokenizer->find("Ġab"), 5);
  EXPECT_EQ(tokenizer->find("<end>"), 7);
  EXPECT_EQ(tokenizer->find("<none>"), std::nullopt);
}

/// A vocabulary may list a control token among its merges; words must not reach it.
TEST(TokenizerJson, MergesNeverMakeControlTokens) {
  PlainJson json = small_tokenizer_json();
  json["added_tokens"].push_back(
      {{"id", 4}, {"content", "ab"}, {"special", true}, {"normalized", false}});
  auto tokenizer = from_json(json);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("ab", {}), (Ids{4}));
  EXPECT_EQ(tokenizer->encode("ab", {.parse_special = false}), (Ids{0, 1}));
  json["model"]["ignore_merges"] = true;
  tokenizer = from_json(json);
  EXPECT_EQ(tokenizer->encode("ab", {.parse_special = false}), (Ids{0, 1}));
}

}  // namespace
}  // namespace hearth
