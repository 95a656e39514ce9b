// Text of a template run: UTF-8 that remembers which of its bytes users wrote.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "media/tokenizer.h"

namespace hearth::jinja {

/// `marks`: sorted, disjoint, non-empty, not touching. Comparisons look at `bytes` only.
struct Text {
  std::string bytes = {};
  std::vector<ByteRange> marks = {};
  /// Markup: what is added to it is HTML-escaped (`|safe` and `|escape` make such texts).
  bool safe = false;

  std::string_view view() const { return bytes; }
};

/// Grows a Text up to a limit. Past it nothing is added any more and `overflowed()` says so:
/// callers build without looking and check once at the end.
class TextBuilder {
 public:
  explicit TextBuilder(std::size_t limit) : limit_(limit) {}

  void add(std::string_view plain) { add(plain, false); }
  void add(char plain) { add(std::string_view(&plain, 1), false); }
  void add(std::string_view bytes, bool marked);
  void add(const Text& text) { add(text, 0, text.bytes.size()); }
  /// Bytes [begin, end) of `text` with their marks.
  void add(const Text& text, std::size_t begin, std::size_t end);
  void fill(std::string_view unit, std::size_t times);
  void fill(const Text& unit, std::size_t times);

  std::size_t size() const { return text_.bytes.size(); }
  bool overflowed() const { return overflowed_; }
  Text take() && { return std::move(text_); }

 private:
  bool fits(std::size_t bytes);
  void mark(std::size_t begin, std::size_t end);

  Text text_;
  std::size_t limit_;
  bool overflowed_ = false;
};

/// Is any of bytes [begin, end) marked?
bool is_marked(const Text& text, std::size_t begin, std::size_t end);

/// Code points, as Python counts characters. A byte of no valid sequence counts as one.
std::size_t count_chars(std::string_view text);
/// Where each character begins, and the end of the text last.
std::vector<std::size_t> char_offsets(std::string_view text);

// Python's str predicates on one code point.
bool is_space(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);
bool is_printable(char32_t c);
inline bool is_alnum(char32_t c) { return is_alpha(c) || is_numeric(c); }
inline bool is_cased(char32_t c) { return is_upper(c) || is_lower(c) || is_title(c); }
/// Is `c` matched by \w of Python's `re`?
inline bool is_word(char32_t c) { return is_alnum(c) || c == '_'; }

enum class Case { lower, upper, title };
/// Appends the full case mapping of `c` (ß → SS).
void append_case(std::string& out, char32_t c, Case which);

/// Where `what` begins in `text`, first at or after `from` / last of all; npos where nowhere.
/// Linear in the worst case too, unlike std::string's.
std::size_t find(std::string_view text, std::string_view what, std::size_t from = 0);
std::size_t find_last(std::string_view text, std::string_view what);

/// [begin, end) of `text` without white space at its ends.
ByteRange trimmed(std::string_view text);

}  // namespace hearth::jinja
