// The hand-written scanners against the published regular expressions, run by PCRE2 on generated
// texts. PCRE2 is only ever used here: it backtracks.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "media/pretokenizer.h"

#include <gtest/gtest.h>
#include <pcre2.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "media/unicode.h"

namespace hearth {
namespace {

using Words = std::vector<std::string>;

/// A compiled pattern with Unicode properties, as Oniguruma and Rust's regex have them.
class Regex {
 public:
  explicit Regex(const std::string& pattern) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
    EXPECT_TRUE(code_) << pattern << " at " << offset;
    data_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  }

  /// Cuts `text` at its matches; what lies between two matches is one word.
  Words isolate(const std::string& text) const {
    Words words;
    std::size_t done = 0;
    auto add = [&](std::size_t end) {
      if (end > done) words.push_back(text.substr(done, end - done));
      done = end;
    };
    while (done < text.size()) {
      int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                              done, 0, data_.get(), nullptr);
      if (found < 0) break;
      const PCRE2_SIZE* span = pcre2_get_ovector_pointer(data_.get());
      EXPECT_LT(span[0], span[1]) << "a pattern must not match nothing";
      add(span[0]);
      add(span[1]);
    }
    add(text.size());
    return words;
  }

  bool matches(const std::string& text) const {
    return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0,
                       data_.get(), nullptr) >= 0;
  }

 private:
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  };
  std::unique_ptr<pcre2_code, Free> code_;
  std::unique_ptr<pcre2_match_data, Free> data_;
};

Words cut(Pretokenizer kind, const std::string& text) {
  std::vector<std::uint32_t> ends;
  pretokenize(kind, text, ends);
  Words words;
  std::uint32_t begin = 0;
  for (std::uint32_t end : ends) {
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

std::string utf8(char32_t code) {
  std::string text;
  unicode::append_utf8(text, code);
  return text;
}

// ---- the published patterns ----

const std::string kGpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
const std::string kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// DeepSeek's classes hold U+3000, which the reference ids treat as a space and nothing else: hence
// the (?!\s). $ is the very end, as inside one part.
const std::string kCjk = R"((?:(?!\s)[一-龥ࠀ-一가-퟿])+)";
const std::string kDeepseekLetters =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";

struct Published {
  Pretokenizer kind;
  std::vector<std::string> passes;
};
const Published kPublished[] = {
    {Pretokenizer::gpt2, {kGpt2}},
    {Pretokenizer::smollm, {R"(\p{N})", kGpt2}},
    {Pretokenizer::llama3, {kLlama3}},
    {Pretokenizer::qwen2, {kQwen2}},
    {Pretokenizer::gpt4o, {kGpt4o}},
    {Pretokenizer::tekken, {kTekken}},
    {Pretokenizer::deepseek_llm,
     {"[\r\n]", kDeepseekLetters, R"(\s?(?:(?!\s)[!-/:-~！-／：-～‘-‟　-。])+)", R"(\s+\z)", kCjk,
      R"(\p{N}+)"}},
    {Pretokenizer::deepseek_coder, {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kCjk, R"(\p{N})"}},
    {Pretokenizer::falcon, {R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2, "[0-9][0-9][0-9]"}},
    {Pretokenizer::plain, {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
};

/// What tokenizers trip over, beside arbitrary characters.
const std::string kPieces[] = {"a",
                               "b",
                               "Z",
                               "s",
                               "S",
                               "t",
                               "T",
                               "re",
                               "Re",
                               "VE",
                               "ll",
                               "LL",
                               "lL",
                               "m",
                               "D",
                               "'",
                               "'s",
                               "'S",
                               "'t",
                               "'rE",
                               "'Ve",
                               "'m",
                               "'lL",
                               "'LL",
                               "'D",
                               "\u2019s",
                               "'\u017F",
                               "\u017F",
                               "\u212A",
                               " ",
                               " ",
                               "  ",
                               "   ",
                               "\t",
                               "\n",
                               "\r",
                               "\r\n",
                               "\n\n",
                               "\v",
                               "\f",
                               "\u0085",
                               "\u00A0",
                               "\u2003",
                               "\u2028",
                               "\u3000",
                               "\uFEFF",
                               "\u200B",
                               "\u200D",
                               "0",
                               "1",
                               "12",
                               "123",
                               "1234567",
                               "\u0663",
                               "\u00BD",
                               "\u2167",
                               ".",
                               ",",
                               "!",
                               "?",
                               "-",
                               "_",
                               "/",
                               "//",
                               "\\",
                               "(",
                               ")",
                               "<",
                               "|",
                               ">",
                               "$",
                               "+",
                               "=",
                               "^",
                               "~",
                               "`",
                               "\"",
                               "#",
                               "Ab",
                               "aB",
                               "ABC",
                               "iPhone",
                               "É",
                               "é",
                               "e\u0301",
                               "\u0301",
                               "\u0323",
                               "\u0903",
                               "\u20DD",
                               "\u01C5",
                               "\u02B0",
                               "\u00AA",
                               "ß",
                               "Σ",
                               "я",
                               "Я",
                               "日",
                               "本",
                               "あ",
                               "ア",
                               "한",
                               "ไ",
                               "ท",
                               "ა",
                               "ʔ",
                               "\u10D0",
                               "\U0001F600",
                               "\U0001F1E9",
                               "\U0001D518",
                               "\U00010400",
                               "\uE000",
                               "\uFFFD",
                               std::string(1, '\0'),
                               "\x7F",
                               "。",
                               "　",
                               "！",
                               "Ａ",
                               "１"};

/// Code points that PCRE2 (Unicode 14) knows; utf8proc (15) knows them all.
const std::vector<char32_t>& assigned() {
  static const std::vector<char32_t> codes = [] {
    Regex unassigned(R"(\p{Cn})");
    std::vector<char32_t> known;
    for (char32_t c = 1; c <= 0x10FFFF; ++c)
      if (!(c >= 0xD800 && c < 0xE000) && c != 0x180E && !unassigned.matches(utf8(c)))
        known.push_back(c);
    return known;
  }();
  return codes;
}

std::string random_text(std::mt19937& random) {
  auto below = [&](std::size_t n) { return random() % n; };
  std::string text;
  const std::size_t pieces = 1 + below(16);
  for (std::size_t i = 0; i < pieces; ++i) {
    std::string piece = kPieces[below(std::size(kPieces))];
    if (below(8) == 0) piece = utf8(assigned()[below(assigned().size())]);
    if (below(8) == 0) piece = utf8(assigned()[below(0x3000)]);
    const std::size_t times = below(6) == 0 ? 1 + below(5) : 1;
    for (std::size_t k = 0; k < times; ++k) text += piece;
  }
  return text;
}

TEST(Pretokenizer, CutsAsThePublishedPatternsDo) {
  for (const Published& published : kPublished) {
    std::vector<Regex> passes(published.passes.begin(), published.passes.end());
    std::mt19937 random(7);
    for (int i = 0; i < 8000; ++i) {
      const std::string text = random_text(random);
      Words expected{text};
      for (const Regex& pass : passes) {
        Words finer;
        for (const std::string& part : expected)
          for (std::string& word : pass.isolate(part)) finer.push_back(std::move(word));
        expected = std::move(finer);
      }
      ASSERT_EQ(cut(published.kind, text), expected) << name_of(published.kind) << ": " << text;
    }
  }
}

TEST(Pretokenizer, KnowsThePublishedSplitPatterns) {
  EXPECT_EQ(find_split_pattern(kGpt2), Pretokenizer::gpt2);
  EXPECT_EQ(find_split_pattern(kLlama3), Pretokenizer::llama3);
  EXPECT_EQ(find_split_pattern(kQwen2), Pretokenizer::qwen2);
  EXPECT_EQ(find_split_pattern(kGpt4o), Pretokenizer::gpt4o);
  EXPECT_EQ(find_split_pattern(kTekken), Pretokenizer::tekken);
  EXPECT_EQ(find_split_pattern(kTekken + "x"), std::nullopt);
  EXPECT_EQ(find_split_pattern(""), std::nullopt);
}

TEST(Pretokenizer, CutsTheTextbookCases) {
  EXPECT_EQ(cut(Pretokenizer::gpt2, "I'm  here'S 123!\n\n"),
            (Words{"I", "'m", " ", " here", "'", "S", " 123", "!", "\n\n"}));
  EXPECT_EQ(cut(Pretokenizer::smollm, " a 42"), (Words{" a", " ", "4", "2"}));
  EXPECT_EQ(cut(Pretokenizer::llama3, "WE'LL pay 12345\r\n\r\n  now"),
            (Words{"WE", "'LL", " pay", " ", "123", "45", "\r\n\r\n", " ", " now"}));
  EXPECT_EQ(cut(Pretokenizer::qwen2, "\t\tx 42;\n"), (Words{"\t", "\tx", " ", "4", "2", ";\n"}));
  EXPECT_EQ(cut(Pretokenizer::gpt4o, "HelloWORLD's a/b //\n/x"),
            (Words{"Hello", "WORLD's", " a", "/b", " //\n/", "x"}));
  EXPECT_EQ(cut(Pretokenizer::tekken, "it's 42"), (Words{"it", "'s", " ", "4", "2"}));
  EXPECT_EQ(cut(Pretokenizer::none, "a b"), (Words{"a b"}));
  EXPECT_EQ(cut(Pretokenizer::gpt2, ""), Words{});
}

TEST(Unicode, ClassesAgreeWithPcreOnEveryAssignedCodePoint) {
  using namespace unicode;
  const struct {
    Classes classes;
    Regex regex;
  } rows[] = {
      {kLetter, Regex(R"(\p{L})")},
      {kNumber, Regex(R"(\p{N})")},
      {kSpace, Regex(R"(\s)")},  // U+180E is one for PCRE2 only, and is left out of assigned()
      {kPunctuation, Regex(R"(\p{P})")},
      {kSymbol, Regex(R"(\p{S})")},
      {kMark, Regex(R"(\p{M})")},
      {kUpperOrCaseless, Regex(R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])")},
      {kLowerOrCaseless, Regex(R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])")},
      {kNewline, Regex(R"([\r\n])")},
      {kConnector, Regex(R"(\p{Pc})")},
  };
  for (char32_t code : assigned()) {
    const std::string text = utf8(code);
    for (const auto& row : rows)
      ASSERT_EQ((classes_of(code) & row.classes) != 0, row.regex.matches(text))
          << std::hex << static_cast<unsigned>(code) << " class " << row.classes;
  }
}

/// Long runs of one character: every pattern must stay linear.
TEST(Pretokenizer, TakesLongRunsInStride) {
  const std::string runs[] = {"a",  "A",   " ",   "\n", "1",  ".",     "\u0301",
                              "あ", "あA", " \n", "'s", "aA", "\u3000"};
  std::vector<std::uint32_t> ends;
  for (const Published& published : kPublished)
    for (const std::string& run : runs) {
      std::string text;
      while (text.size() < 300'000) text += run;
      for (const char* tail : {"", "x", "1", "日", "!", "'"}) {
        pretokenize(published.kind, text + tail, ends);
        ASSERT_EQ(ends.back(), text.size() + std::string(tail).size());
      }
    }
}

}  // namespace
}  // namespace hearth
