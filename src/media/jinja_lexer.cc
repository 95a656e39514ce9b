#include "media/jinja_lexer.h"

#include <algorithm>

#include "media/jinja_text.h"
#include "media/unicode.h"

namespace hearth::jinja {
namespace {

bool is_sign(char c) { return c == '-' || c == '+'; }
bool is_digit_char(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Token>> run() {
    while (at_ < source_.size()) HEARTH_TRY_STATUS(outside());
    push(TokenType::end, at_, at_);
    return std::move(tokens_);
  }

 private:
  bool starts(std::string_view what, std::size_t at) const {
    return source_.substr(at, what.size()) == what;
  }
  char peek(std::size_t at) const { return at < source_.size() ? source_[at] : '\0'; }
  std::size_t skip_space(std::size_t at) const {
    while (at < source_.size()) {
      auto c = unicode::decode(source_, at);
      if (!is_space(c.code)) break;
      at += c.length;
    }
    return at;
  }
  void push(TokenType type, std::size_t begin, std::size_t end) {
    tokens_.push_back(
        {type, source_.substr(begin, end - begin), static_cast<std::uint32_t>(begin)});
  }
  Error fail(std::size_t at, std::string_view message) const {
    return error_at(source_, at, message);
  }
  /// Where scanning goes on, and whether what was just read ended a line.
  void move_to(std::size_t at) {
    at_ = at;
    line_starting_ = at > 0 && source_[at - 1] == '\n';
  }

  /// The text before a tag that begins at `tag`, as far as white-space control leaves it.
  void data(std::size_t tag, char sign, bool lstrip) {
    std::string_view text = source_.substr(at_, tag - at_);
    std::size_t end = text.size();
    if (sign == '-') {
      while (end > 0) {
        auto c = unicode::decode_before(text, end);
        if (!is_space(c.code)) break;
        end -= c.length;
      }
    } else if (sign != '+' && lstrip) {
      std::size_t line = text.rfind('\n') + 1;  // npos + 1 is 0
      ByteRange rest = trimmed(text.substr(line));
      if ((line > 0 || line_starting_) && rest.begin == rest.end) end = line;
    }
    if (end > 0) push(TokenType::data, at_, at_ + end);
  }

  /// After the end of a tag or comment: `-` swallows white space, plain ends one newline.
  std::size_t after_tag(std::size_t end, char sign) const {
    if (sign == '-') return skip_space(end);
    return sign != '+' && peek(end) == '\n' ? end + 1 : end;
  }

  /// `[-+]?%}` at `at`: where the tag's end is over, or npos.
  std::size_t tag_end(std::size_t at, bool plus, bool newline) const {
    char sign = peek(at);
    if (sign != '-' && !(plus && sign == '+')) sign = 0;
    std::size_t close = at + (sign ? 1 : 0);
    if (!starts("%}", close)) return std::string_view::npos;
    if (!newline && sign != '-') return close + 2;
    return after_tag(close + 2, sign);
  }

  /// `{%[-+]? word` at `at`: just behind the word and white space, or npos.
  std::size_t tag_word(std::size_t at, std::string_view word) const {
    std::size_t i = at + 2;
    if (is_sign(peek(i))) ++i;
    i = skip_space(i);
    return starts(word, i) ? skip_space(i + word.size()) : std::string_view::npos;
  }

  Status outside() {
    std::size_t tag = source_.find('{', at_);
    while (tag != source_.npos && peek(tag + 1) != '{' && peek(tag + 1) != '%' &&
           peek(tag + 1) != '#')
      tag = source_.find('{', tag + 1);
    if (tag == source_.npos) {
      push(TokenType::data, at_, source_.size());
      at_ = source_.size();
      return {};
    }
    char kind = source_[tag + 1], sign = is_sign(peek(tag + 2)) ? source_[tag + 2] : '\0';
    data(tag, sign, kind != '{');
    std::size_t inner = tag + 2 + (sign ? 1 : 0);
    if (kind == '#') return comment(tag, inner);
    if (kind == '%') {
      std::size_t word = tag_word(tag, "raw");
      std::size_t end = word == source_.npos ? word : tag_end(word, false, false);
      if (end != source_.npos) return raw(tag, end);
    }
    bool print = kind == '{';
    push(print ? TokenType::print_begin : TokenType::tag_begin, tag, inner);
    move_to(inner);
    return inside(print);
  }

  Status comment(std::size_t tag, std::size_t inner) {
    std::size_t close = source_.find("#}", inner);
    if (close == source_.npos) return fail(tag, "this comment has no end");
    char sign = close > inner && is_sign(source_[close - 1]) ? source_[close - 1] : '\0';
    move_to(after_tag(close + 2, sign));
    return {};
  }

  Status raw(std::size_t tag, std::size_t begin) {
    move_to(begin);
    for (std::size_t end = source_.find("{%", begin); end != source_.npos;
         end = source_.find("{%", end + 1)) {
      std::size_t word = tag_word(end, "endraw");
      std::size_t after = word == source_.npos ? word : tag_end(word, true, true);
      if (after == source_.npos) continue;
      data(end, is_sign(source_[end + 2]) ? source_[end + 2] : '\0', true);
      move_to(after);
      return {};
    }
    return fail(tag, "{% raw %} has no {% endraw %}");
  }

  /// Tokens up to the end of a tag; a `}}` inside brackets is two brackets.
  Status inside(bool print) {
    std::vector<char> brackets;
    std::size_t begin = at_;
    while (at_ < source_.size()) {
      if (brackets.empty()) {
        std::size_t end = print ? print_end(at_) : tag_end(at_, true, true);
        if (end != source_.npos) {
          push(print ? TokenType::print_end : TokenType::tag_end, at_, end);
          move_to(end);
          return {};
        }
      }
      HEARTH_TRY_STATUS(token(brackets));
    }
    return fail(begin, print ? "this {{ has no }}" : "this {% has no %}");
  }

  std::size_t print_end(std::size_t at) const {
    if (starts("}}", at)) return at + 2;
    return starts("-}}", at) ? skip_space(at + 3) : source_.npos;
  }

  Status token(std::vector<char>& brackets) {
    auto c = unicode::decode(source_, at_);
    std::size_t begin = at_;
    if (is_space(c.code)) return move_to(at_ + c.length), Status();
    if (is_digit_char(source_[at_])) return number();
    if (source_[at_] == '\'' || source_[at_] == '"') return string();
    if (is_word(c.code)) {
      while (at_ < source_.size() && is_word((c = unicode::decode(source_, at_)).code))
        at_ += c.length;
      push(TokenType::name, begin, at_);
      return {};
    }
    return symbol(brackets);
  }

  void digits() {
    while (is_digit_char(peek(at_)) || (peek(at_) == '_' && is_digit_char(peek(at_ + 1)))) ++at_;
  }

  Status number() {
    std::size_t begin = at_;
    char base = static_cast<char>(peek(at_ + 1) | 0x20);
    if (source_[at_] == '0' && (base == 'x' || base == 'o' || base == 'b')) {
      at_ += 2;
      auto belongs = [&](char c) {
        if (base == 'b') return c == '0' || c == '1';
        if (base == 'o') return c >= '0' && c <= '7';
        return is_digit_char(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
      };
      while (belongs(peek(at_)) || (peek(at_) == '_' && belongs(peek(at_ + 1)))) ++at_;
      if (at_ == begin + 2) return fail(begin, "a number without digits");
      return push(TokenType::integer, begin, at_), Status();
    }
    digits();
    bool real = false;
    // After a dot ("a.1.2") a second dot is a subscript, not a fraction.
    bool after_dot = begin > 0 && source_[begin - 1] == '.';
    if (!after_dot && peek(at_) == '.' && is_digit_char(peek(at_ + 1)))
      real = true, ++at_, digits();
    if (!after_dot && (peek(at_) | 0x20) == 'e') {
      std::size_t i = at_ + 1;
      if (is_sign(peek(i))) ++i;
      if (is_digit_char(peek(i))) real = true, at_ = i, digits();
    }
    push(real ? TokenType::number : TokenType::integer, begin, at_);
    return {};
  }

  Status string() {
    std::size_t begin = at_;
    char quote = source_[at_++];
    while (at_ < source_.size() && source_[at_] != quote) at_ += source_[at_] == '\\' ? 2 : 1;
    if (at_ >= source_.size()) return fail(begin, "this string has no end");
    push(TokenType::string, begin, ++at_);
    return {};
  }

  Status symbol(std::vector<char>& brackets) {
    for (std::string_view two : {"//", "**", "==", "!=", ">=", "<="})
      if (starts(two, at_)) {
        push(TokenType::symbol, at_, at_ + 2);
        at_ += 2;
        return {};
      }
    char c = source_[at_];
    if (std::string_view("+-/*%~[](){}<>=.:|,;").find(c) == std::string_view::npos)
      return fail(at_, "unexpected character");
    if (c == '(' || c == '[' || c == '{') brackets.push_back(c);
    if (c == ')' || c == ']' || c == '}') {
      char open = c == ')' ? '(' : static_cast<char>(c - 2);  // '[' and '{' lie two before
      if (brackets.empty() || brackets.back() != open)
        return fail(at_, std::string("unexpected '") + c + "'");
      brackets.pop_back();
    }
    push(TokenType::symbol, at_, at_ + 1);
    ++at_;
    return {};
  }

  std::string_view source_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  bool line_starting_ = true;
};

}  // namespace

std::string normalise_source(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

Result<std::vector<Token>> tokenize(std::string_view source) { return Lexer(source).run(); }

Error error_at(std::string_view source, std::size_t offset, std::string_view message) {
  std::string_view before = source.substr(0, offset);
  auto line = 1 + std::count(before.begin(), before.end(), '\n');
  std::size_t column = 1 + count_chars(before.substr(before.rfind('\n') + 1));
  return bad_input("chat template, line " + std::to_string(line) + ", column " +
                   std::to_string(column) + ": " + std::string(message));
}

}  // namespace hearth::jinja
