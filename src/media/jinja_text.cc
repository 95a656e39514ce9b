#include "media/jinja_text.h"

#include <utf8proc.h>

#include <algorithm>

#include "media/unicode.h"

namespace hearth::jinja {
namespace {

int category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

/// Letters whose upper case is more than one letter; utf8proc maps one to one.
struct LongUpper {
  char32_t code;
  const char* upper;
  const char* title;
};
constexpr LongUpper kLongUppers[] = {
    {0xDF, "SS", "Ss"},     {0x149, "ʼN", "ʼN"},  {0x1F0, "J̌", "J̌"},    {0x587, "ԵՒ", "Եւ"},
    {0x1E96, "H̱", "H̱"},     {0x1E97, "T̈", "T̈"},   {0x1E98, "W̊", "W̊"},   {0x1E99, "Y̊", "Y̊"},
    {0xFB00, "FF", "Ff"},   {0xFB01, "FI", "Fi"}, {0xFB02, "FL", "Fl"}, {0xFB03, "FFI", "Ffi"},
    {0xFB04, "FFL", "Ffl"}, {0xFB05, "ST", "St"}, {0xFB06, "ST", "St"},
};

/// Longer patterns can cost std::string::find their length at every place of the text.
constexpr std::size_t kShortPattern = 8;

/// Knuth, Morris and Pratt on a text read forwards or backwards: characters passed before the
/// first match is complete, or npos.
template <class At>
std::size_t match_end(At text, std::size_t size, At what, std::size_t what_size) {
  std::vector<std::size_t> border(what_size + 1);  // of every prefix of `what`
  for (std::size_t i = 1, k = 0; i < what_size; border[++i] = k) {
    while (k > 0 && what(i) != what(k)) k = border[k];
    if (what(i) == what(k)) ++k;
  }
  for (std::size_t i = 0, k = 0; i < size; ++i) {
    while (k > 0 && text(i) != what(k)) k = border[k];
    if (text(i) == what(k)) ++k;
    if (k == what_size) return i + 1;
  }
  return std::string_view::npos;
}

struct Forwards {
  std::string_view text;
  char operator()(std::size_t i) const { return text[i]; }
};
struct Backwards {
  std::string_view text;
  char operator()(std::size_t i) const { return text[text.size() - 1 - i]; }
};

}  // namespace

std::size_t find(std::string_view text, std::string_view what, std::size_t from) {
  if (what.size() <= kShortPattern) return text.find(what, from);
  if (from > text.size() || what.size() > text.size() - from) return text.npos;
  text.remove_prefix(from);
  std::size_t end = match_end(Forwards{text}, text.size(), Forwards{what}, what.size());
  return end == text.npos ? end : from + end - what.size();
}

std::size_t find_last(std::string_view text, std::string_view what) {
  if (what.size() <= kShortPattern) return text.rfind(what);
  if (what.size() > text.size()) return text.npos;
  std::size_t end = match_end(Backwards{text}, text.size(), Backwards{what}, what.size());
  return end == text.npos ? end : text.size() - end;
}

bool TextBuilder::fits(std::size_t bytes) {
  if (overflowed_ || bytes > limit_ - text_.bytes.size()) overflowed_ = true;
  return !overflowed_;
}

void TextBuilder::mark(std::size_t begin, std::size_t end) {
  if (begin == end) return;
  if (!text_.marks.empty() && text_.marks.back().end == begin)
    text_.marks.back().end = end;
  else
    text_.marks.push_back({begin, end});
}

void TextBuilder::add(std::string_view bytes, bool marked) {
  if (!fits(bytes.size())) return;
  std::size_t begin = size();
  text_.bytes += bytes;
  if (marked) mark(begin, size());
}

void TextBuilder::add(const Text& text, std::size_t begin, std::size_t end) {
  if (!fits(end - begin)) return;
  std::size_t base = size();
  text_.bytes.append(text.bytes, begin, end - begin);
  auto range = std::partition_point(text.marks.begin(), text.marks.end(),
                                    [&](const ByteRange& r) { return r.end <= begin; });
  for (; range != text.marks.end() && range->begin < end; ++range)
    mark(base + std::max(range->begin, begin) - begin, base + std::min(range->end, end) - begin);
}

void TextBuilder::fill(std::string_view unit, std::size_t times) {
  if (unit.empty() || times == 0) return;
  if (times > limit_ / unit.size() || !fits(times * unit.size())) {
    overflowed_ = true;
    return;
  }
  if (unit.size() == 1) {
    text_.bytes.append(times, unit[0]);
    return;
  }
  for (std::size_t i = 0; i < times; ++i) text_.bytes += unit;
}

void TextBuilder::fill(const Text& unit, std::size_t times) {
  if (unit.marks.empty()) return fill(unit.view(), times);
  for (std::size_t i = 0; i < times && !overflowed_; ++i) add(unit);
}

bool is_marked(const Text& text, std::size_t begin, std::size_t end) {
  auto range = std::partition_point(text.marks.begin(), text.marks.end(),
                                    [&](const ByteRange& r) { return r.end <= begin; });
  return range != text.marks.end() && range->begin < end;
}

std::size_t count_chars(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) at += unicode::decode(text, at).length;
  return count;
}

std::vector<std::size_t> char_offsets(std::string_view text) {
  std::vector<std::size_t> offsets;
  offsets.reserve(text.size() + 1);
  for (std::size_t at = 0; at < text.size(); at += unicode::decode(text, at).length)
    offsets.push_back(at);
  offsets.push_back(text.size());
  return offsets;
}

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
  if (c == 0x85) return true;
  int which = category(c);
  return which == UTF8PROC_CATEGORY_ZS || which == UTF8PROC_CATEGORY_ZL ||
         which == UTF8PROC_CATEGORY_ZP;
}

bool is_alpha(char32_t c) { return unicode::classes_of(c) & unicode::kLetter; }
bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }

bool is_digit(char32_t c) {
  // Superscripts, circled digits …: the ranges of Numeric_Type=Digit that people meet.
  if (c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070) return true;
  if ((c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089)) return true;
  if ((c >= 0x2460 && c <= 0x2468) || (c >= 0x2474 && c <= 0x247C)) return true;
  return is_decimal(c);
}

bool is_numeric(char32_t c) { return unicode::classes_of(c) & unicode::kNumber; }

bool is_upper(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LU || (c >= 0x2160 && c <= 0x216F) ||
         (c >= 0x24B6 && c <= 0x24CF);
}
bool is_lower(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LL || c == 0xAA || c == 0xBA ||
         (c >= 0x2170 && c <= 0x217F) || (c >= 0x24D0 && c <= 0x24E9);
}
bool is_title(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return true;
  }
}

void append_case(std::string& out, char32_t c, Case which) {
  if (c < 0x80) {
    char letter = static_cast<char>(c);
    bool lower = letter >= 'a' && letter <= 'z', upper = letter >= 'A' && letter <= 'Z';
    if (which == Case::lower ? upper : lower) letter ^= 0x20;
    out += letter;
    return;
  }
  if (which == Case::lower) {
    if (c == 0x130)
      out += "i̇";  // İ: the one letter whose lower case is two
    else
      unicode::append_utf8(
          out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
    return;
  }
  for (const LongUpper& row : kLongUppers)
    if (row.code == c) {
      out += which == Case::upper ? row.upper : row.title;
      return;
    }
  auto code = static_cast<utf8proc_int32_t>(c);
  code = which == Case::upper ? utf8proc_toupper(code) : utf8proc_totitle(code);
  unicode::append_utf8(out, static_cast<char32_t>(code));
}

ByteRange trimmed(std::string_view text) {
  ByteRange range{0, text.size()};
  while (range.begin < range.end) {
    auto c = unicode::decode(text, range.begin);
    if (!is_space(c.code)) break;
    range.begin += c.length;
  }
  while (range.end > range.begin) {
    auto c = unicode::decode_before(text, range.end);
    if (!is_space(c.code)) break;
    range.end -= c.length;
  }
  return range;
}

}  // namespace hearth::jinja
