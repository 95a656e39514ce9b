// Methods of texts that change or describe letters: Python's str.
#include <algorithm>

#include "media/jinja_builtins.h"
#include "media/unicode.h"

namespace hearth::jinja {
namespace {

constexpr char32_t kSigma = 0x3A3, kFinalSigma = 0x3C2;

/// Maps every character by `map(code, out)`; what a marked character becomes is marked.
template <class Map>
Result<Value> map_chars(Runtime& run, const Text& text, Map map) {
  HEARTH_TRY_STATUS(run.spend_chars(text.bytes.size()));
  TextBuilder out = run.builder();
  std::string mapped;
  for (std::size_t at = 0; at < text.bytes.size() && !out.overflowed();) {
    auto c = unicode::decode(text.bytes, at);
    mapped.clear();
    if (c.valid)
      map(c.code, at, mapped);
    else
      mapped = text.bytes[at];
    out.add(mapped, !text.marks.empty() && is_marked(text, at, at + c.length));
    at += c.length;
  }
  HEARTH_TRY(const Text* made, run.finish(std::move(out), text.safe));
  return Value(made);
}

bool cased_at(std::string_view text, std::size_t at) {
  return at < text.size() && is_cased(unicode::decode(text, at).code);
}
bool cased_before(std::string_view text, std::size_t at) {
  return at > 0 && is_cased(unicode::decode_before(text, at).code);
}

/// Σ at the end of a word becomes ς.
void append_lower(std::string_view text, char32_t c, std::size_t at, std::string& out) {
  if (c == kSigma && cased_before(text, at) && !cased_at(text, at + 2))
    unicode::append_utf8(out, kFinalSigma);
  else
    append_case(out, c, Case::lower);
}

}  // namespace

Result<Value> change_case(Runtime& run, const Text& text, Case which) {
  return map_chars(run, text, [&](char32_t c, std::size_t at, std::string& out) {
    if (which == Case::lower)
      append_lower(text.view(), c, at, out);
    else
      append_case(out, c, which);
  });
}

Result<Value> capitalize_text(Runtime& run, const Text& text) {
  return map_chars(run, text, [&](char32_t c, std::size_t at, std::string& out) {
    if (at == 0)
      append_case(out, c, Case::title);
    else
      append_lower(text.view(), c, at, out);
  });
}

Result<Value> pad_text(Runtime& run, const Text& text, std::size_t width, char align,
                       const Text* fill) {
  HEARTH_TRY_STATUS(run.spend_bytes(text.bytes.size()));
  if (fill) HEARTH_TRY_STATUS(run.spend_bytes(fill->bytes.size()));
  if (fill && count_chars(fill->view()) != 1)
    return bad_input("the fill must be exactly one character");
  std::size_t size = count_chars(text.view());
  std::size_t margin = width > size ? width - size : 0;
  // Python's str.center puts the odd blank on the left when the width is odd.
  std::size_t left = align == '<' ? 0 : align == '>' ? margin : margin / 2 + (margin & width & 1);
  Text blank{" ", {}};
  TextBuilder out = run.builder();
  out.fill(fill ? *fill : blank, left);
  out.add(text);
  out.fill(fill ? *fill : blank, margin - left);
  HEARTH_TRY(const Text* made, run.finish(std::move(out), text.safe));
  return Value(made);
}

Result<Value> strip_text(Runtime& run, const Text& text, const Text* chars, bool left, bool right) {
  HEARTH_TRY_STATUS(run.spend_bytes(text.bytes.size()));
  if (chars) HEARTH_TRY_STATUS(run.spend_chars(chars->bytes.size()));
  std::u32string set;
  if (chars)
    for (std::size_t at = 0; at < chars->bytes.size();) {
      auto c = unicode::decode(chars->bytes, at);
      set += c.code;
      at += c.length;
    }
  std::sort(set.begin(), set.end());
  auto goes = [&](char32_t c) {
    return chars ? std::binary_search(set.begin(), set.end(), c) : is_space(c);
  };
  std::size_t begin = 0, end = text.bytes.size();
  while (left && begin < end) {
    auto c = unicode::decode(text.bytes, begin);
    if (!goes(c.code)) break;
    begin += c.length;
  }
  while (right && end > begin) {
    auto c = unicode::decode_before(text.bytes, end);
    if (!goes(c.code)) break;
    end -= c.length;
  }
  return run.slice(text, begin, end);
}

namespace {

template <Case which>
Result<Value> to_case(Runtime& run, const Value& self, const Arguments&) {
  return change_case(run, *self.text, which);
}

Result<Value> capitalize(Runtime& run, const Value& self, const Arguments&) {
  return capitalize_text(run, *self.text);
}

Result<Value> title(Runtime& run, const Value& self, const Arguments&) {
  bool inside = false;
  return map_chars(run, *self.text, [&](char32_t c, std::size_t at, std::string& out) {
    if (inside)
      append_lower(self.text->view(), c, at, out);
    else
      append_case(out, c, Case::title);
    inside = is_cased(c);
  });
}

Result<Value> swapcase(Runtime& run, const Value& self, const Arguments&) {
  return map_chars(run, *self.text, [&](char32_t c, std::size_t at, std::string& out) {
    if (is_upper(c))
      append_lower(self.text->view(), c, at, out);
    else if (is_lower(c))
      append_case(out, c, Case::upper);
    else
      unicode::append_utf8(out, c);
  });
}

Result<Value> casefold(Runtime& run, const Value& self, const Arguments&) {
  return map_chars(run, *self.text, [&](char32_t c, std::size_t, std::string& out) {
    if (c == 0xDF || c == 0x1E9E)
      out += "ss";
    else if (c == kFinalSigma)
      out += "σ";
    else
      append_case(out, c, Case::lower);
  });
}

template <bool left, bool right>
Result<Value> strip(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"chars"};
  HEARTH_TRY(auto bound, take_arguments("strip", arguments, kNames));
  if (bound[0] && bound[0]->is(Kind::none)) bound[0] = nullptr;
  HEARTH_TRY(const Text* chars, text_or(bound[0], nullptr, "the characters to strip"));
  return strip_text(run, *self.text, chars, left, right);
}

template <char align>
Result<Value> justify(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"width", "fillchar"};
  HEARTH_TRY(auto bound, take_arguments("a justifying method", arguments, kNames, 1));
  HEARTH_TRY(std::size_t width, count_or(bound[0], 0, "a width"));
  HEARTH_TRY(const Text* fill, text_or(bound[1], nullptr, "a fill"));
  return pad_text(run, *self.text, width, align, fill);
}

Result<Value> zfill(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"width"};
  HEARTH_TRY(auto bound, take_arguments("zfill", arguments, kNames, 1));
  HEARTH_TRY(std::size_t width, count_or(bound[0], 0, "a width"));
  HEARTH_TRY_STATUS(run.spend_bytes(self.text->bytes.size()));
  const Text& text = *self.text;
  std::size_t size = count_chars(text.view());
  bool sign = !text.bytes.empty() && (text.bytes[0] == '-' || text.bytes[0] == '+');
  TextBuilder out = run.builder();
  out.add(text, 0, sign);
  out.fill("0", width > size ? width - size : 0);
  out.add(text, sign, text.bytes.size());
  HEARTH_TRY(const Text* made, run.finish(std::move(out), text.safe));
  return Value(made);
}

Result<Value> expandtabs(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"tabsize"};
  HEARTH_TRY(auto bound, take_arguments("expandtabs", arguments, kNames));
  HEARTH_TRY(std::size_t size, count_or(bound[0], 8, "a tab size"));
  const Text& text = *self.text;
  HEARTH_TRY_STATUS(run.spend_bytes(text.bytes.size()));
  const Text blank{" ", {}}, users_blank{" ", {{0, 1}}};
  TextBuilder out = run.builder();
  std::size_t column = 0;
  for (std::size_t at = 0; at < text.bytes.size() && !out.overflowed();) {
    std::size_t next = at + unicode::decode(text.bytes, at).length;
    if (text.bytes[at] == '\t') {
      std::size_t blanks = size == 0 ? 0 : size - column % size;
      out.fill(is_marked(text, at, next) ? users_blank : blank, blanks);
      column += blanks;
    } else {
      out.add(text, at, next);
      bool line_end = text.bytes[at] == '\n' || text.bytes[at] == '\r';
      column = line_end ? 0 : column + 1;
    }
    at = next;
  }
  HEARTH_TRY(const Text* made, run.finish(std::move(out), text.safe));
  return Value(made);
}

/// isalpha, isdigit …: at least one character and all of the class.
template <bool (*holds)(char32_t), bool if_empty = false>
Result<Value> all_chars(Runtime& run, const Value& self, const Arguments&) {
  const std::string& bytes = self.text->bytes;
  HEARTH_TRY_STATUS(run.spend_bytes(bytes.size()));
  if (bytes.empty()) return Value::of_bool(if_empty);
  for (std::size_t at = 0; at < bytes.size();) {
    auto c = unicode::decode(bytes, at);
    if (!holds(c.code)) return Value::of_bool(false);
    at += c.length;
  }
  return Value::of_bool(true);
}

bool is_ascii(char32_t c) { return c < 0x80; }
bool is_identifier_part(char32_t c) { return is_word(c); }

Result<Value> isidentifier(Runtime& run, const Value& self, const Arguments& arguments) {
  const std::string& bytes = self.text->bytes;
  if (!bytes.empty() && is_numeric(unicode::decode(bytes, 0).code)) return Value::of_bool(false);
  return all_chars<is_identifier_part>(run, self, arguments);
}

Result<Value> istitle(Runtime& run, const Value& self, const Arguments&) {
  const std::string& bytes = self.text->bytes;
  HEARTH_TRY_STATUS(run.spend_bytes(bytes.size()));
  bool inside = false, any = false;
  for (std::size_t at = 0; at < bytes.size();) {
    auto c = unicode::decode(bytes, at);
    bool capital = is_upper(c.code) || is_title(c.code);
    if (is_cased(c.code) && capital == inside) return Value::of_bool(false);
    inside = is_cased(c.code);
    any |= inside;
    at += c.length;
  }
  return Value::of_bool(any);
}

template <const char* const* test>
Result<Value> by_test(Runtime& run, const Value& self, const Arguments& arguments) {
  return find_test(*test)(run, self, arguments);
}
constexpr const char* kLowerTest = "lower";
constexpr const char* kUpperTest = "upper";

constexpr NamedBuiltin kMethods[] = {
    {"upper", to_case<Case::upper>},
    {"lower", to_case<Case::lower>},
    {"capitalize", capitalize},
    {"title", title},
    {"swapcase", swapcase},
    {"casefold", casefold},
    {"strip", strip<true, true>},
    {"lstrip", strip<true, false>},
    {"rstrip", strip<false, true>},
    {"center", justify<'^'>},
    {"ljust", justify<'<'>},
    {"rjust", justify<'>'>},
    {"zfill", zfill},
    {"expandtabs", expandtabs},
    {"isalpha", all_chars<is_alpha>},
    {"isalnum", all_chars<is_alnum>},
    {"isdigit", all_chars<is_digit>},
    {"isdecimal", all_chars<is_decimal>},
    {"isnumeric", all_chars<is_numeric>},
    {"isspace", all_chars<is_space>},
    {"isprintable", all_chars<is_printable, true>},
    {"isascii", all_chars<is_ascii, true>},
    {"isidentifier", isidentifier},
    {"istitle", istitle},
    {"islower", by_test<&kLowerTest>},
    {"isupper", by_test<&kUpperTest>},
};

}  // namespace

Builtin find_text_method(std::string_view name) { return find_in(kMethods, name); }

}  // namespace hearth::jinja
