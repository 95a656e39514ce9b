// Merging against the definition; and words as long as a stranger likes.
#include "media/bpe.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>

#include "media/tokenizer_support.h"
#include "media/unicode.h"

namespace hearth {
namespace {

using test::Ids;

/// Again and again the best pair, the leftmost of equals.
Ids naive(Ids ids, const std::map<std::pair<TokenId, TokenId>, bpe::Merge>& merges) {
  while (true) {
    std::size_t best = ids.size();
    int rank = INT32_MAX;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      auto found = merges.find({ids[i], ids[i + 1]});
      if (found != merges.end() && found->second.rank < rank) best = i, rank = found->second.rank;
    }
    if (best == ids.size()) return ids;
    ids[best] = merges.at({ids[best], ids[best + 1]}).id;
    ids.erase(ids.begin() + best + 1);
  }
}

TEST(Bpe, MergesAsDefined) {
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    std::map<std::pair<TokenId, TokenId>, bpe::Merge> merges;
    bpe::MergeTable table;
    table.reserve(20);
    TokenId tokens = 3;  // a, b, c, then what merges make: every merge makes a token of its own
    for (int rank = 0; rank < 20; ++rank) {
      std::pair<TokenId, TokenId> pair(random() % tokens, random() % tokens);
      if (merges.contains(pair)) continue;
      merges[pair] = {rank, tokens};
      table.insert(pair.first, pair.second, {rank, tokens++});
    }
    EXPECT_EQ(table.size(), merges.size());
    Ids ids;
    bpe::Merger merger;
    for (std::uint32_t i = 0; i < 1 + random() % 40; ++i) {
      ids.push_back(static_cast<TokenId>(random() % 3));
      merger.add(i, 1, ids.back());
    }
    merger.merge([&](const auto& a, const auto& b) { return table.find(a.id, b.id); });
    Ids merged;
    merger.for_each([&](const bpe::Symbol& symbol) { merged.push_back(symbol.id); });
    ASSERT_EQ(merged, naive(ids, merges));
  }
}

double seconds_to_encode(const Tokenizer& tokenizer, const std::string& text, std::size_t at_most) {
  auto begin = std::chrono::steady_clock::now();
  EXPECT_LE(tokenizer.encode(text, {}).size(), at_most);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// A quadratic step would take minutes for each of these.
TEST(Bpe, VeryLongWordsTakeNoTime) {
  for (const auto& path :
       {test::golden("text/a-f16.gguf"), test::golden("vocabs/ggml-vocab-smollm.gguf"),
        test::golden("vocabs/ggml-vocab-llama-spm.gguf"), test::npm_vocabulary("gemma3")}) {
    if (path.empty()) continue;
    auto tokenizer = test::load_tokenizer(path);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    for (std::string unit : {"a", " ", "=", "\n", "é", "日本", "<", "\xFF"}) {
      std::string text;
      while (text.size() < 400'000) text += unit;
      EXPECT_LT(seconds_to_encode(*tokenizer, text, 3 * text.size() + 3), 10) << path << unit;
    }
  }
}

TEST(Unicode, NfcOfLongRunsOfMarks) {
  std::string marks = "a";
  for (int i = 0; i < 200'000; ++i) marks += "\u0301\u0323";  // out of canonical order
  std::string expected = "\u1EA1";
  for (int i = 1; i < 200'000; ++i) expected += "\u0323";
  for (int i = 0; i < 200'000; ++i) expected += "\u0301";
  EXPECT_EQ(unicode::nfc(marks), expected);
}

TEST(Unicode, Nfc) {
  EXPECT_EQ(unicode::nfc("cafe\u0301"), "caf\u00E9");
  EXPECT_EQ(unicode::nfc("\u212B \u2126 \u212A"), "\u00C5 \u03A9 K");
  EXPECT_EQ(unicode::nfc("\u1100\u1161\u11A8"), "\uAC01");
  EXPECT_EQ(unicode::nfc("\u0958"), "\u0915\u093C") << "excluded from composition";
  EXPECT_EQ(unicode::nfc("\uFB01 \u2460"), "\uFB01 \u2460") << "compatibility forms stay";
  EXPECT_EQ(unicode::nfc("\u1E9B\u0323"), "\u1E9B\u0323");
  EXPECT_EQ(unicode::nfc("a\u0301\u0323"), "\u1EA1\u0301") << "marks in canonical order first";
  EXPECT_EQ(unicode::nfc(""), "");
}

TEST(Unicode, DecodesStrictly) {
  auto valid = [](std::string text) { return unicode::decode(text, 0).valid; };
  EXPECT_TRUE(valid("\u00E9"));
  EXPECT_TRUE(valid("\U0010FFFF"));
  for (const char* bad :
       {"\x80", "\xC0\xAF", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\xAF", "\xE2\x82", "\xED\xA0\x80",
        "\xF0\x80\x80\x80", "\xF0\x9F\x98", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xFF"}) {
    EXPECT_FALSE(valid(bad)) << bad;
    EXPECT_FALSE(unicode::is_valid_utf8(bad)) << bad;
  }
  EXPECT_EQ(unicode::repair("a\xE2\x82z"), "a\uFFFD\uFFFDz");
  for (char32_t code : {0x24u, 0x7FFu, 0x800u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    std::string text = "x";
    unicode::append_utf8(text, code);
    EXPECT_EQ(unicode::decode(text, 1).code, code);
    EXPECT_EQ(unicode::decode_before(text, text.size()).code, code);
  }
}

}  // namespace
}  // namespace hearth
