// Finding added tokens: against a naive search, at the edges of users' words, and in bad texts.
#include "media/tokenizer_added.h"

#include <gtest/gtest.h>

#include <random>

namespace hearth {
namespace {

using Match = AddedTokens::Match;

AddedTokens make(std::vector<AddedToken> tokens) {
  AddedTokens added;
  added.build(std::move(tokens));
  return added;
}

std::string text_of(const std::vector<Match>& matches) {
  std::string text;
  for (const Match& m : matches)
    text +=
        std::to_string(m.id) + "@" + std::to_string(m.begin) + "-" + std::to_string(m.end) + " ";
  return text;
}

/// The rule, word for word: at every place the longest token that may stand there.
std::string naive(const std::vector<AddedToken>& tokens, const std::string& text, bool control,
                  const std::vector<ByteRange>& literal) {
  std::vector<Match> matches;
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* best = nullptr;
    for (const AddedToken& token : tokens) {
      if (text.compare(at, token.text.size(), token.text) != 0) continue;
      bool touches = false;
      for (const ByteRange& range : literal)
        touches |= range.begin < at + token.text.size() && at < range.end;
      if (token.control && (!control || touches)) continue;
      if (!best || token.text.size() > best->text.size()) best = &token;
    }
    if (best) matches.push_back({at, at + best->text.size(), best->id});
    at += best ? best->text.size() : 1;
  }
  return text_of(matches);
}

TEST(AddedTokens, LeftmostLongestAsTheNaiveSearch) {
  std::mt19937 random(3);
  auto word = [&](int longest, const char* letters) {
    std::string text;
    for (int n = 1 + random() % longest; n > 0; --n) text += letters[random() % 2];
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    std::vector<AddedToken> tokens;
    for (int n = random() % 7; n > 0; --n) {
      AddedToken token{.id = n, .text = word(5, "ab"), .control = random() % 2 == 0};
      bool known = false;
      for (const AddedToken& other : tokens) known |= other.text == token.text;
      if (!known) tokens.push_back(token);
    }
    const std::string text = word(40, "ab");
    std::vector<ByteRange> literal;
    for (std::size_t at = random() % 6; at < text.size(); at += 1 + random() % 9) {
      std::size_t end = std::min(text.size(), at + 1 + random() % 4);
      literal.push_back({at, end});
      at = end;
    }
    const bool control = random() % 3 != 0;
    EXPECT_EQ(text_of(make(tokens).find_all(text, control, literal)),
              naive(tokens, text, control, literal))
        << text;
  }
}

TEST(AddedTokens, NoControlTokenTouchesALiteralRange) {
  auto added = make({{.id = 1, .text = "<end>", .control = true},
                     {.id = 2, .text = "<en", .control = false},
                     {.id = 3, .text = "<tool>", .control = false}});
  const std::string text = "<end><tool><end>";
  auto find = [&](std::vector<ByteRange> literal) {
    return text_of(added.find_all(text, true, literal));
  };
  EXPECT_EQ(find({}), "1@0-5 3@5-11 1@11-16 ");
  EXPECT_EQ(find({{0, 16}}), "2@0-3 3@5-11 2@11-14 ");
  EXPECT_EQ(find({{4, 5}}), "2@0-3 3@5-11 1@11-16 ") << "its last byte is the user's";
  EXPECT_EQ(find({{5, 11}}), "1@0-5 3@5-11 1@11-16 ") << "beside is not inside";
  EXPECT_EQ(find({{15, 16}}), "1@0-5 3@5-11 2@11-14 ");
}

TEST(AddedTokens, StripsStopAtTheTokenBefore) {
  auto added = make({{.id = 1, .text = "<l>", .strip_left = true},
                     {.id = 2, .text = "<r>", .strip_right = true}});
  EXPECT_EQ(text_of(added.find_all("a \u00A0<l> b<r>\n<l>", false, {})), "1@1-7 2@9-13 1@13-16 ");
  EXPECT_EQ(text_of(added.find_all("\xFF <l>\xFF<r>\xFF", false, {})), "1@1-5 2@6-9 ");
}

TEST(AddedTokens, SingleWordsStandAlone) {
  auto added = make({{.id = 1, .text = "cat", .single_word = true}});
  EXPECT_EQ(text_of(added.find_all("cat cats _cat (cat) écat cat", false, {})),
            "1@0-3 1@15-18 1@26-29 ");
}

TEST(AddedTokens, FindsByText) {
  auto added =
      make({{.id = 1, .text = "<a>"}, {.id = 2, .text = "<ab>"}, {.id = 3, .text = "<a>"}});
  EXPECT_EQ(added.find("<a>")->id, 3) << "of equal texts the last counts";
  EXPECT_EQ(added.find("<ab>")->id, 2);
  EXPECT_EQ(added.find("a>"), nullptr);
  EXPECT_EQ(added.find(""), nullptr);
  EXPECT_EQ(AddedTokens().find("x"), nullptr);
  EXPECT_TRUE(AddedTokens().find_all("x", true, {}).empty());
}

/// Long tokens that almost match everywhere: a search that starts anew at each place is quadratic.
TEST(AddedTokens, StaysLinear) {
  const std::string run(200'000, 'a');
  auto added = make({{.id = 1, .text = run + "b", .control = true},
                     {.id = 2, .text = "b" + run},
                     {.id = 3, .text = "aaa"}});
  EXPECT_EQ(added.find_all(run + run, true, {}).size(), 2 * run.size() / 3);
  EXPECT_EQ(added.find_all(run + "b", true, {}).size(), 1u);
}

}  // namespace
}  // namespace hearth
