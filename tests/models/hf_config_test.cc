// config.json of strangers: every wrong type is named, absent and null are the same.
#include "models/hf_config.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

using testing::Test;

struct Read : Test {
  const Json json = Json::parse(R"({"layers": 3, "none": null, "word": "3", "list": [1, 2.5],
                                    "mixed": [1, "2"], "half": 0.5, "yes": true,
                                    "huge": 18446744073709551615, "inside": {"layers": 4}})");
  const HfConfig config{json, "config.json"};
};

TEST_F(Read, ValuesOfTheRightType) {
  EXPECT_EQ(**config.integer("layers"), 3);
  EXPECT_EQ(**config.number("layers"), 3);
  EXPECT_EQ(**config.number("half"), 0.5);
  EXPECT_EQ(*config.text("word"), "3");
  EXPECT_TRUE(*config.flag("yes", false));
  EXPECT_EQ(*config.numbers("list"), (std::vector<double>{1, 2.5}));
  EXPECT_EQ(**config.section("inside")->integer("layers"), 4);
}

TEST_F(Read, AbsentAndNullGiveTheFallback) {
  for (const char* key : {"none", "nowhere"}) {
    EXPECT_FALSE(config.integer(key)->has_value());
    EXPECT_FALSE(config.number(key)->has_value());
    EXPECT_EQ(*config.text(key, "fallback"), "fallback");
    EXPECT_TRUE(*config.flag(key, true));
    EXPECT_TRUE(config.numbers(key)->empty());
    EXPECT_FALSE(config.section(key)->find("layers"));
    EXPECT_TRUE(config.agrees(key, 7));
  }
}

TEST_F(Read, AWrongTypeIsAnErrorThatNamesTheKey) {
  EXPECT_EQ(config.integer("word").error().message,
            "config.json: word: expected an integer, found string");
  EXPECT_FALSE(config.integer("half"));
  EXPECT_FALSE(config.number("yes"));
  EXPECT_FALSE(config.text("layers"));
  EXPECT_FALSE(config.flag("layers", false));
  EXPECT_FALSE(config.numbers("mixed"));
  EXPECT_FALSE(config.numbers("half"));
  EXPECT_FALSE(config.section("list"));
}

TEST_F(Read, AnIntegerBeyondSigned64BitsStaysOutOfEveryRange) {
  EXPECT_EQ(**config.integer("huge"), INT64_MAX);
}

TEST_F(Read, ASizeMustBeTheOneTheWeightsHave) {
  EXPECT_TRUE(config.agrees("layers", 3));
  EXPECT_EQ(config.agrees("layers", 4).error().message,
            "config.json: layers is 3, the weights have 4");
}

}  // namespace
}  // namespace hearth
