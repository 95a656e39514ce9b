#include "media/pretokenizer.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "base/check.h"
#include "media/unicode.h"

namespace hearth {
namespace {

using namespace unicode;

/// A text as arrays, so that scanners can look ahead and back without decoding again.
struct Chars {
  std::vector<char32_t> code;
  std::vector<Classes> classes;
  std::vector<std::uint32_t> offset;  ///< in bytes; one more than there are characters

  explicit Chars(std::string_view text) {
    code.reserve(text.size());
    classes.reserve(text.size());
    offset.reserve(text.size() + 1);
    for (std::size_t at = 0; at < text.size();) {
      Decoded c = decode(text, at);
      code.push_back(c.code);
      classes.push_back(classes_of(c.code));
      offset.push_back(static_cast<std::uint32_t>(at));
      at += c.length;
    }
    offset.push_back(static_cast<std::uint32_t>(text.size()));
  }
};

/// A stretch of a text: scanners see nothing outside it (`$` and lookaheads stop at its ends).
struct Part {
  const Chars& chars;
  std::size_t begin, end;

  bool has(std::size_t at, Classes any) const { return at < end && (chars.classes[at] & any) != 0; }
  bool lacks(std::size_t at, Classes all) const {
    return at < end && (chars.classes[at] & all) == 0;
  }
  bool is(std::size_t at, char32_t code) const { return at < end && chars.code[at] == code; }
  std::size_t skip(std::size_t at, Classes any) const {
    while (has(at, any)) ++at;
    return at;
  }
  std::size_t skip_lacking(std::size_t at, Classes all) const {
    while (lacks(at, all)) ++at;
    return at;
  }
  /// Whether a letter stands at `at`, in either case, as (?i:) folds: U+017F is an s.
  bool is_folded(std::size_t at, char lower) const {
    if (at >= end) return false;
    char32_t c = chars.code[at];
    return c == static_cast<char32_t>(lower) || c == static_cast<char32_t>(lower - 'a' + 'A') ||
           (lower == 's' && c == 0x17F);
  }
};

/// Where the match that starts at `at` ends; `at` itself where there is none.
using Scanner = std::size_t (*)(const Part& part, std::size_t at);

// ---- pieces that several patterns share ----

constexpr Classes kSpaceLetterNumber = kSpace | kLetter | kNumber;

/// 's|'t|'re|'ve|'m|'ll|'d
std::size_t contraction(const Part& part, std::size_t at) {
  if (!part.is(at, '\'')) return at;
  for (char32_t one : {U's', U't', U'm', U'd'})
    if (part.is(at + 1, one)) return at + 2;
  for (auto two : {U"re", U"ve", U"ll"})
    if (part.is(at + 1, two[0]) && part.is(at + 2, two[1])) return at + 3;
  return at;
}

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)
std::size_t folded_contraction(const Part& part, std::size_t at) {
  if (!part.is(at, '\'')) return at;
  for (char one : {'s', 't', 'm', 'd'})
    if (part.is_folded(at + 1, one)) return at + 2;
  for (const char* two : {"re", "ve", "ll"})
    if (part.is_folded(at + 1, two[0]) && part.is_folded(at + 2, two[1])) return at + 3;
  return at;
}

/// ` ?[class]+`
std::size_t spaced(const Part& part, std::size_t at, Classes any) {
  std::size_t first = at + part.is(at, ' ');
  std::size_t last = part.skip(first, any);
  return last > first ? last : at;
}

/// ` ?[^\s\p{L}\p{N}]+`
std::size_t spaced_other(const Part& part, std::size_t at) {
  std::size_t first = at + part.is(at, ' ');
  std::size_t last = part.skip_lacking(first, kSpaceLetterNumber);
  return last > first ? last : at;
}

/// `\s+(?!\S)|\s+`: a run of spaces leaves its last one to the word behind it.
std::size_t spaces(const Part& part, std::size_t at) {
  std::size_t last = part.skip(at, kSpace);
  return last < part.end && last - at > 1 ? last - 1 : last;
}

/// `\s*[\r\n]+|\s+(?!\S)|\s+`: a run of spaces ends behind its last newline, if it has one.
std::size_t lines_or_spaces(const Part& part, std::size_t at) {
  std::size_t last = part.skip(at, kSpace);
  for (std::size_t i = last; i > at; --i)
    if (part.has(i - 1, kNewline)) return i;
  return spaces(part, at);
}

/// \p{N}{1,most}
std::size_t digits(const Part& part, std::size_t at, std::size_t most) {
  std::size_t last = at;
  while (last - at < most && part.has(last, kNumber)) ++last;
  return last;
}

/// A character of [^\r\n\p{L}\p{N}]: the one that may lead a word.
bool leads_word(const Part& part, std::size_t at) {
  return part.lacks(at, kNewline | kLetter | kNumber);
}

// ---- whole patterns ----

/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t scan_gpt2(const Part& part, std::size_t at) {
  if (std::size_t last = contraction(part, at); last > at) return last;
  if (std::size_t last = spaced(part, at, kLetter); last > at) return last;
  if (std::size_t last = spaced(part, at, kNumber); last > at) return last;
  if (std::size_t last = spaced_other(part, at); last > at) return last;
  return spaces(part, at);
}

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,N}| ?[^\s\p{L}\p{N}]+[\r\n]*|
/// \s*[\r\n]+|\s+(?!\S)|\s+
template <std::size_t N>
std::size_t scan_llama3(const Part& part, std::size_t at) {
  if (std::size_t last = folded_contraction(part, at); last > at) return last;
  std::size_t word = at + leads_word(part, at);
  if (std::size_t last = part.skip(word, kLetter); last > word) return last;
  if (std::size_t last = digits(part, at, N); last > at) return last;
  if (std::size_t last = spaced_other(part, at); last > at) return part.skip(last, kNewline);
  return lines_or_spaces(part, at);
}

/// U*W+ with U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], W = [\p{Ll}\p{Lm}\p{Lo}\p{M}]. Both are greedy
/// and overlap: where no W stands behind the Us, the last of them that is also a W is given back.
std::size_t capitals_then_small(const Part& part, std::size_t at) {
  std::size_t behind = part.skip(at, kUpperOrCaseless);
  if (std::size_t last = part.skip(behind, kLowerOrCaseless); last > behind) return last;
  for (std::size_t i = behind; i > at; --i)
    if (part.has(i - 1, kLowerOrCaseless)) return i;
  return at;
}

/// U+W*
std::size_t capitals_maybe_small(const Part& part, std::size_t at) {
  std::size_t behind = part.skip(at, kUpperOrCaseless);
  return behind > at ? part.skip(behind, kLowerOrCaseless) : at;
}

/// [^\r\n\p{L}\p{N}]?U*W+|[^\r\n\p{L}\p{N}]?U+W*: the lead is tried first, then none (a mark may be
/// either the lead or part of the word).
std::size_t cased_word(const Part& part, std::size_t at) {
  for (auto word : {capitals_then_small, capitals_maybe_small}) {
    if (leads_word(part, at))
      if (std::size_t last = word(part, at + 1); last > at + 1) return last;
    if (std::size_t last = word(part, at); last > at) return last;
  }
  return at;
}

/// | ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
std::size_t other_with_slashes(const Part& part, std::size_t at) {
  if (std::size_t last = spaced_other(part, at); last > at) {
    while (part.has(last, kNewline) || part.is(last, '/')) ++last;
    return last;
  }
  return lines_or_spaces(part, at);
}

std::size_t scan_gpt4o(const Part& part, std::size_t at) {
  if (std::size_t last = cased_word(part, at); last > at) return folded_contraction(part, last);
  if (std::size_t last = digits(part, at, 3); last > at) return last;
  return other_with_slashes(part, at);
}

std::size_t scan_tekken(const Part& part, std::size_t at) {
  if (std::size_t last = cased_word(part, at); last > at) return last;
  if (std::size_t last = digits(part, at, 1); last > at) return last;
  return other_with_slashes(part, at);
}

// ---- patterns of one pass among several ----

/// \p{N}
std::size_t scan_digit(const Part& part, std::size_t at) { return digits(part, at, 1); }
/// \p{N}+
std::size_t scan_digits(const Part& part, std::size_t at) { return part.skip(at, kNumber); }

/// [0-9][0-9][0-9]
std::size_t scan_three_digits(const Part& part, std::size_t at) {
  for (std::size_t i = at; i < at + 3; ++i)
    if (i >= part.end || part.chars.code[i] < '0' || part.chars.code[i] > '9') return at;
  return at + 3;
}

/// [\p{P}$+<=>^~|`]+ and, without the grave accent, [\p{P}$+<=>^~|]+
template <bool WithGrave>
std::size_t scan_punctuation(const Part& part, std::size_t at) {
  auto matches = [&](std::size_t i) {
    if (part.has(i, kPunctuation)) return true;
    if (i >= part.end) return false;
    char32_t c = part.chars.code[i];
    return std::u32string_view(U"$+<=>^~|").find(c) != std::u32string_view::npos ||
           (WithGrave && c == '`');
  };
  while (matches(at)) ++at;
  return at;
}

/// [\r\n]
std::size_t scan_newline(const Part& part, std::size_t at) { return at + part.has(at, kNewline); }

/// `\s?\p{L}+` and `\s?\p{P}+`
template <Classes Any>
std::size_t scan_after_space(const Part& part, std::size_t at) {
  std::size_t first = at + part.has(at, kSpace);
  std::size_t last = part.skip(first, Any);
  return last > first ? last : at;
}

/// `\s+$`
std::size_t scan_trailing_spaces(const Part& part, std::size_t at) {
  // Inside a run that did not reach the end from its start there is nothing to find either.
  if (at > part.begin && part.has(at - 1, kSpace)) return at;
  return part.skip(at, kSpace) == part.end ? part.end : at;
}

struct Range {
  char32_t first, last;
};

/// Sorted. A space never counts, though U+3000 lies inside two of the tables: so do the reference
/// ids (llama.cpp folds all spaces into one character before it matches).
bool in_ranges(const Part& part, std::size_t at, std::span<const Range> ranges) {
  if (!part.lacks(at, kSpace)) return false;
  char32_t c = part.chars.code[at];
  auto next = std::upper_bound(ranges.begin(), ranges.end(), c,
                               [](char32_t code, const Range& r) { return code < r.first; });
  return next != ranges.begin() && c <= std::prev(next)->last;
}

/// `[ranges]+`, or `\s?[ranges]+`
std::size_t scan_ranges(const Part& part, std::size_t at, std::span<const Range> ranges,
                        bool space_first) {
  std::size_t first = at + (space_first && part.has(at, kSpace));
  std::size_t last = first;
  while (in_ranges(part, last, ranges)) ++last;
  return last > first ? last : at;
}

// The cased letters that DeepSeek LLM's pattern lists.
constexpr Range kDeepseekLetters[] = {
    {0x0041, 0x005A},   {0x0061, 0x007A},   {0x00B5, 0x00B5},   {0x00C0, 0x00D6},
    {0x00D8, 0x00F6},   {0x00F8, 0x01BA},   {0x01BC, 0x01BF},   {0x01C4, 0x0293},
    {0x0295, 0x02AF},   {0x0370, 0x0373},   {0x0376, 0x0377},   {0x037B, 0x037D},
    {0x037F, 0x037F},   {0x0386, 0x0386},   {0x0388, 0x038A},   {0x038C, 0x038C},
    {0x038E, 0x03A1},   {0x03A3, 0x03F5},   {0x03F7, 0x0481},   {0x048A, 0x052F},
    {0x0531, 0x0556},   {0x10A0, 0x10C5},   {0x13A0, 0x13F5},   {0x13F8, 0x13FD},
    {0x1C90, 0x1CBA},   {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},
    {0x1D79, 0x1D9A},   {0x1E00, 0x1F15},   {0x1F18, 0x1F1D},   {0x1F20, 0x1F45},
    {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},   {0x1F59, 0x1F59},   {0x1F5B, 0x1F5B},
    {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},   {0x1FB6, 0x1FBC},
    {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},   {0x1FD0, 0x1FD3},
    {0x1FD6, 0x1FDB},   {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},   {0x1FF6, 0x1FFC},
    {0x2102, 0x2102},   {0x2107, 0x2107},   {0x210A, 0x2113},   {0x2115, 0x2115},
    {0x2119, 0x211D},   {0x2124, 0x2124},   {0x2126, 0x2126},   {0x2128, 0x2128},
    {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},   {0x213C, 0x213F},
    {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2184},   {0x2C00, 0x2C7B},
    {0x2C7E, 0x2CE4},   {0x2CEB, 0x2CEE},   {0x2CF2, 0x2CF3},   {0xA640, 0xA66D},
    {0xA680, 0xA69B},   {0xA722, 0xA76F},   {0xA771, 0xA787},   {0xA78B, 0xA78E},
    {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},   {0xFF21, 0xFF3A},
    {0xFF41, 0xFF5A},   {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB},
    {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2}, {0x118A0, 0x118DF}, {0x1E900, 0x1E943}};
constexpr Range kDeepseekPunctuation[] = {{U'!', U'/'},     {U':', U'~'},     {0x2018, 0x201F},
                                          {0x3000, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}};
constexpr Range kDeepseekCjk[] = {{0x0800, 0x9FA5}, {0xAC00, 0xD7FF}};

std::size_t scan_deepseek_letters(const Part& part, std::size_t at) {
  return scan_ranges(part, at, kDeepseekLetters, true);
}
std::size_t scan_deepseek_punctuation(const Part& part, std::size_t at) {
  return scan_ranges(part, at, kDeepseekPunctuation, true);
}
std::size_t scan_deepseek_cjk(const Part& part, std::size_t at) {
  return scan_ranges(part, at, kDeepseekCjk, false);
}

// ---- kinds ----

constexpr Scanner kGpt2[] = {scan_gpt2};
constexpr Scanner kSmollm[] = {scan_digit, scan_gpt2};
constexpr Scanner kLlama3[] = {scan_llama3<3>};
constexpr Scanner kQwen2[] = {scan_llama3<1>};
constexpr Scanner kGpt4o[] = {scan_gpt4o};
constexpr Scanner kTekken[] = {scan_tekken};
constexpr Scanner kDeepseekLlm[] = {
    scan_newline,         scan_deepseek_letters, scan_deepseek_punctuation,
    scan_trailing_spaces, scan_deepseek_cjk,     scan_digits};
constexpr Scanner kDeepseekCoder[] = {scan_newline, scan_after_space<kLetter>,
                                      scan_after_space<kPunctuation>, scan_deepseek_cjk,
                                      scan_digit};
constexpr Scanner kFalcon[] = {scan_punctuation<true>, scan_gpt2, scan_three_digits};
constexpr Scanner kPlain[] = {scan_punctuation<false>, scan_gpt2, scan_digits, scan_three_digits};

std::span<const Scanner> passes_of(Pretokenizer kind) {
  switch (kind) {
    case Pretokenizer::none:
      return {};
    case Pretokenizer::gpt2:
      return kGpt2;
    case Pretokenizer::smollm:
      return kSmollm;
    case Pretokenizer::llama3:
      return kLlama3;
    case Pretokenizer::qwen2:
      return kQwen2;
    case Pretokenizer::gpt4o:
      return kGpt4o;
    case Pretokenizer::tekken:
      return kTekken;
    case Pretokenizer::deepseek_llm:
      return kDeepseekLlm;
    case Pretokenizer::deepseek_coder:
      return kDeepseekCoder;
    case Pretokenizer::falcon:
      return kFalcon;
    case Pretokenizer::plain:
      return kPlain;
  }
  CHECK(false);
}

/// Splits every part at the matches in it; what lies between two matches stays one part.
void isolate(const Chars& chars, Scanner scan, const std::vector<std::uint32_t>& ends,
             std::vector<std::uint32_t>& finer) {
  finer.clear();
  std::size_t begin = 0;
  for (std::uint32_t end : ends) {
    Part part{chars, begin, end};
    std::size_t gap = begin;
    for (std::size_t at = begin; at < end;) {
      std::size_t last = scan(part, at);
      if (last == at) {
        ++at;
        continue;
      }
      if (gap < at) finer.push_back(static_cast<std::uint32_t>(at));
      finer.push_back(static_cast<std::uint32_t>(last));
      at = gap = last;
    }
    if (gap < end) finer.push_back(end);
    begin = end;
  }
}

constexpr GgufPretokenizer kGguf[] = {
    {"default", Pretokenizer::plain},
    {"gpt-2", Pretokenizer::gpt2},
    {"phi-2", Pretokenizer::gpt2},
    {"mpt", Pretokenizer::gpt2},
    {"olmo", Pretokenizer::gpt2},
    {"jais", Pretokenizer::gpt2},
    {"trillion", Pretokenizer::gpt2},
    {"granite-docling", Pretokenizer::gpt2},
    {"exaone4", Pretokenizer::gpt2},
    {"smollm", Pretokenizer::smollm},
    {"starcoder", Pretokenizer::smollm},
    {"refact", Pretokenizer::smollm},
    {"command-r", Pretokenizer::smollm},
    {"codeshell", Pretokenizer::smollm},
    {"exaone", Pretokenizer::smollm},
    {"minerva-7b", Pretokenizer::smollm},
    {"llama-bpe", Pretokenizer::llama3, true, true},
    {"llama3", Pretokenizer::llama3, true, true},
    {"llama-v3", Pretokenizer::llama3, true, true},
    {"falcon3", Pretokenizer::llama3, true, true},
    {"falcon-h1", Pretokenizer::llama3, true, true},
    {"pixtral", Pretokenizer::llama3, true, true},
    {"lfm2", Pretokenizer::llama3, true, true},
    {"dbrx", Pretokenizer::llama3},
    {"smaug-bpe", Pretokenizer::llama3},
    {"glm4", Pretokenizer::llama3},
    {"chatglm-bpe", Pretokenizer::llama3},
    {"qwen2", Pretokenizer::qwen2},
    {"deepseek-r1-qwen", Pretokenizer::qwen2},
    {"stablelm2", Pretokenizer::qwen2},
    {"hunyuan", Pretokenizer::qwen2},
    {"megrez", Pretokenizer::qwen2},
    {"gpt-4o", Pretokenizer::gpt4o},
    {"llama4", Pretokenizer::gpt4o},
    {"tekken", Pretokenizer::tekken, true, true},
    {"deepseek-llm", Pretokenizer::deepseek_llm},
    {"deepseek-coder", Pretokenizer::deepseek_coder},
    {"falcon", Pretokenizer::falcon},
};

struct SplitPattern {
  std::string_view regex;
  Pretokenizer kind;
};

#define CASED_START \
  R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
#define CASED_OTHER \
  R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
#define CONTRACTION R"((?i:'s|'t|'re|'ve|'m|'ll|'d))"
#define LINES_SPACES R"(|\s*[\r\n]+|\s+(?!\S)|\s+)"
constexpr SplitPattern kSplitPatterns[] = {
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
     Pretokenizer::gpt2},
    {CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)" LINES_SPACES,
     Pretokenizer::llama3},
    {CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)" LINES_SPACES,
     Pretokenizer::qwen2},
    {CASED_START CONTRACTION "?|" CASED_OTHER CONTRACTION
                             R"(?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" LINES_SPACES,
     Pretokenizer::gpt4o},
    {CASED_START "|" CASED_OTHER R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" LINES_SPACES,
     Pretokenizer::tekken},
};
#undef CASED_START
#undef CASED_OTHER
#undef CONTRACTION
#undef LINES_SPACES

}  // namespace

std::string_view name_of(Pretokenizer kind) {
  if (kind == Pretokenizer::none) return "none";
  for (const GgufPretokenizer& row : kGguf)
    if (row.kind == kind) return row.name;
  CHECK(false);
}

const GgufPretokenizer* find_gguf_pretokenizer(std::string_view name) {
  for (const GgufPretokenizer& row : kGguf)
    if (row.name == name) return &row;
  return nullptr;
}

std::string known_gguf_pretokenizers() {
  std::string list;
  for (const GgufPretokenizer& row : kGguf) {
    if (!list.empty()) list += ", ";
    list += row.name;
  }
  return list;
}

std::optional<Pretokenizer> find_split_pattern(std::string_view regex) {
  for (const SplitPattern& pattern : kSplitPatterns)
    if (pattern.regex == regex) return pattern.kind;
  return std::nullopt;
}

void pretokenize(Pretokenizer kind, std::string_view text, std::vector<std::uint32_t>& ends) {
  ends.clear();
  if (text.empty()) return;
  CHECK(text.size() < INT32_MAX);
  if (kind == Pretokenizer::none) {
    ends.push_back(static_cast<std::uint32_t>(text.size()));
    return;
  }
  Chars chars(text);
  ends.push_back(static_cast<std::uint32_t>(chars.code.size()));
  std::vector<std::uint32_t> finer;
  for (Scanner scan : passes_of(kind)) {
    isolate(chars, scan, ends, finer);
    ends.swap(finer);
  }
  for (std::uint32_t& end : ends) end = chars.offset[end];
}

}  // namespace hearth
