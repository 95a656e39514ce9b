// JSON of strangers: right values, duplicate keys, and documents made to exhaust stack or time.
#include "formats/json.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/files.h"
#include "formats/bytes.h"
#include "support/data.h"

namespace hearth {
namespace {

using test::loads;
using test::refuses;

Result<Json> parse(std::string_view text) { return parse_json(text, "x.json"); }

TEST(Json, BuildsTheSameDocumentAsTheLibrary) {
  const char* documents[] = {
      "null",
      " true ",
      "-7",
      "18446744073709551615",
      "1.5e3",
      "\"\"",
      "\"a\\u00e9\\n\\ud83d\\ude00\"",
      "[]",
      "{}",
      "[[],[[]],{}]",
      R"({"b":1,"a":[1,{"":{}},null],"c":{"d":"e","b":2}})",
  };
  for (const char* text : documents) EXPECT_EQ(*parse(text), Json::parse(text)) << text;
  HEARTH_GOLDEN(path, "hf/smolvlm-tiny-bf16/tokenizer.json");
  auto text = *read_file(path);
  EXPECT_EQ(*parse(text), Json::parse(text));
}

TEST(Json, KeepsTheOrderOfMembers) {
  EXPECT_EQ(parse(R"({"z":1,"a":2,"m":3})")->dump(), R"({"z":1,"a":2,"m":3})");
}

TEST(Json, SaysWhereItIsMalformed) {
  EXPECT_TRUE(refuses(parse("[1,2,\n3 4]"), {"x.json", "line 2, column 3"}));
  EXPECT_TRUE(refuses(parse(""), {"unexpected end"}));
  EXPECT_TRUE(refuses(parse("{\"a\":1} x"), {"line 1", "expected end of input"}));
  EXPECT_TRUE(refuses(parse("{\"a\":}"), {"line 1, column 6"}));
  EXPECT_TRUE(refuses(parse("[1e999]"), {"number overflow"}));
  EXPECT_TRUE(refuses(parse("\"\xff\""), {"UTF-8"}));
  EXPECT_TRUE(refuses(parse("\"\xed\xa0\x80\""), {"UTF-8"}));
  EXPECT_TRUE(refuses(parse("\"\\ud800\""), {"surrogate"}));
  EXPECT_TRUE(refuses(parse("\"" + std::string(100000, 'x')), {"line 1"}));
}

TEST(Json, DepthIsLimited) {
  auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(loads(parse(nested(128))));
  EXPECT_TRUE(refuses(parse(nested(129)), {"nested deeper than 128"}));
  EXPECT_TRUE(refuses(parse(nested(1000000)), {"nested deeper than 128"}));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_TRUE(refuses(parse(objects), {"nested deeper than 128"}));
  EXPECT_TRUE(refuses(parse_json("[[1]]", "x.json", 1), {"nested deeper than 1"}));
}

TEST(Json, LastDuplicateWinsUnlessRefused) {
  const char* text = R"({"a":1,"b":2,"a":3,"c":{"x":0,"x":[1]},"a":4})";
  EXPECT_EQ(parse(text)->dump(), R"({"b":2,"c":{"x":[1]},"a":4})");
  EXPECT_EQ(parse(text)->size(), 3u);
  EXPECT_TRUE(refuses(parse_json(text, "x.json", 128, Duplicates::refuse), {"\"x\"", "twice"}));
}

TEST(Json, ManyMembersTakeNoQuadraticTime) {
  std::string text = "{";
  for (int i = 0; i < 300000; ++i) text += "\"" + std::to_string(i) + "\":0,";
  text.back() = '}';
  auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(parse(text)->size(), 300000u);
  // The library's own builder takes minutes.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(Json, TooManyValuesAreRefusedBeforeMemoryIsGone) {
  std::string text = "[";
  for (int i = 0; i < 17 << 20; ++i) text += "0,";
  EXPECT_TRUE(refuses(parse(text), {"more than 16777216 values"}));
}

}  // namespace
}  // namespace hearth
