// Every kind of tokenizer.json that we read, against what Hugging Face's library makes of it
// (tests/vocabularies/make_cases.mjs), and every part that we refuse.
#include <gtest/gtest.h>

#include "media/unicode.h"
#include "tests/media/tokenizer_support.h"

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
      EXPECT_EQ(unicode::repair(tokenizer->decode(row["ids"].get<Ids>())), row["decoded"]);
      EXPECT_EQ(unicode::repair(tokenizer->decode(row["special"].get<Ids>(), true)), row["skipped"]);
    }
  }
}

}  // namespace
}  // namespace hearth
