// Filters on texts.
#include <algorithm>

#include "media/jinja_builtins.h"
#include "media/unicode.h"

namespace hearth::jinja {
namespace {

/// A copy with another idea of whether it is safe.
Result<const Text*> copy_as(Runtime& run, const Text& text, bool safe) {
  TextBuilder out = run.builder();
  out.add(text);
  return run.finish(std::move(out), safe);
}

template <Case which>
Result<Value> case_filter(Runtime& run, const Value& self, const Arguments&) {
  HEARTH_TRY(const Text* text, run.str(self));
  return change_case(run, *text, which);
}

Result<Value> capitalize(Runtime& run, const Value& self, const Arguments&) {
  HEARTH_TRY(const Text* text, run.str(self));
  return capitalize_text(run, *text);
}

/// Jinja's own idea of words: a capital after white space, '-' or an opening bracket.
Result<Value> title(Runtime& run, const Value& self, const Arguments&) {
  HEARTH_TRY(const Text* text, run.str(self));
  HEARTH_TRY_STATUS(run.spend_chars(text->bytes.size()));
  TextBuilder out = run.builder();
  bool word_begins = true;
  for (std::size_t at = 0; at < text->bytes.size();) {
    auto c = unicode::decode(text->bytes, at);
    std::string mapped;
    append_case(mapped, c.code, word_begins ? Case::upper : Case::lower);
    out.add(mapped, is_marked(*text, at, at + c.length));
    word_begins = is_space(c.code) ||
                  (c.code < 0x80 && std::string_view("-({[<").find(static_cast<char>(c.code)) !=
                                        std::string_view::npos);
    at += c.length;
  }
  HEARTH_TRY(const Text* made, run.finish(std::move(out)));
  return Value(made);
}

Result<Value> trim(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"chars"};
  HEARTH_TRY(auto bound, take_arguments("trim", arguments, kNames));
  HEARTH_TRY(const Text* text, run.str(self));
  if (bound[0] && bound[0]->is(Kind::none)) bound[0] = nullptr;
  HEARTH_TRY(const Text* chars, text_or(bound[0], nullptr, "the characters to trim"));
  return strip_text(run, *text, chars, true, true);
}

Result<Value> replace(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"old", "new", "count"};
  HEARTH_TRY(auto bound, take_arguments("replace", arguments, kNames, 2));
  HEARTH_TRY(const Text* text, run.str(self));
  HEARTH_TRY(const Text* old, run.str(*bound[0]));
  HEARTH_TRY(const Text* with, run.str(*bound[1]));
  if (bound[2] && bound[2]->is(Kind::none)) bound[2] = nullptr;
  HEARTH_TRY(std::int64_t count, int_or(bound[2], -1, "a count"));
  if (text->safe) {
    HEARTH_TRY(text, copy_as(run, *text, false));
  }
  return replace_text(run, *text, *old, *with, count);
}

Result<Value> string(Runtime& run, const Value& self, const Arguments&) {
  HEARTH_TRY(const Text* text, run.str(self));
  return Value(text);
}

Result<Value> escape(Runtime& run, const Value& self, const Arguments&) {
  HEARTH_TRY(const Text* text, run.str(self));
  HEARTH_TRY(const Text* made, run.escaped(*text));
  return Value(made);
}

Result<Value> forceescape(Runtime& run, const Value& self, const Arguments& arguments) {
  HEARTH_TRY(const Text* text, run.str(self));
  HEARTH_TRY(const Text* plain, copy_as(run, *text, false));
  return escape(run, plain, arguments);
}

Result<Value> safe(Runtime& run, const Value& self, const Arguments&) {
  HEARTH_TRY(const Text* text, run.str(self));
  HEARTH_TRY(const Text* made, copy_as(run, *text, true));
  return Value(made);
}

Result<Value> format(Runtime& run, const Value& self, const Arguments& arguments) {
  HEARTH_TRY(const Text* text, run.str(self));
  if (!arguments.named.empty()) {
    if (!arguments.positional.empty())
      return bad_input("'format' takes positional or named arguments, not both");
    Dict named;
    for (const auto& [name, value] : arguments.named) named.set(name, value);
    return percent_format(run, *text, run.dict(std::move(named)));
  }
  HEARTH_TRY(Value values, run.list(arguments.positional, List::Type::tuple));
  return percent_format(run, *text, values);
}

/// Runs of word characters.
Result<Value> wordcount(Runtime& run, const Value& self, const Arguments&) {
  HEARTH_TRY(const Text* text, run.str(self));
  HEARTH_TRY_STATUS(run.spend_bytes(text->bytes.size()));
  std::int64_t count = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text->bytes.size();) {
    auto c = unicode::decode(text->bytes, at);
    bool word = is_word(c.code);
    count += word && !inside;
    inside = word;
    at += c.length;
  }
  return Value::of_int(count);
}

constexpr NamedBuiltin kFilters[] = {
    {"upper", case_filter<Case::upper>},
    {"lower", case_filter<Case::lower>},
    {"capitalize", capitalize},
    {"title", title},
    {"trim", trim},
    {"replace", replace},
    {"string", string},
    {"safe", safe},
    {"escape", escape},
    {"e", escape},
    {"forceescape", forceescape},
    {"format", format},
    {"wordcount", wordcount},
};

// ---- layout ----

Result<Value> indent(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"width", "first", "blank"};
  HEARTH_TRY(auto bound, take_arguments("indent", arguments, kNames));
  HEARTH_TRY(const Text* text, text_or(&self, nullptr, "indented"));
  TextBuilder prefix = run.builder();
  if (bound[0] && bound[0]->is(Kind::text)) {
    prefix.add(*bound[0]->text);
  } else {
    HEARTH_TRY(std::size_t width, count_or(bound[0], 4, "a width"));
    prefix.fill(" ", width);
  }
  HEARTH_TRY(const Text* indention, run.finish(std::move(prefix)));
  bool first = bool_or(bound[1], false), blank = bool_or(bound[2], false);

  HEARTH_TRY_STATUS(run.spend_bytes(text->bytes.size()));
  TextBuilder out = run.builder();
  if (first) out.add(*indention);
  auto lines = line_ranges(text->view(), false);
  // An end of line at the very end leaves one more, empty line.
  std::string_view all = text->view();
  if (all.empty() || (lines.back().end < all.size() && all.back() != '\r'))
    lines.push_back({all.size(), all.size()});
  for (std::size_t i = 0; i < lines.size() && !out.overflowed(); ++i) {
    const ByteRange line = lines[i];
    if (i > 0) {
      out.add("\n", is_marked(*text, lines[i - 1].end, line.begin));
      if (blank || line.begin < line.end) out.add(*indention);
    }
    out.add(*text, line.begin, line.end);
  }
  HEARTH_TRY(const Text* made, run.finish(std::move(out), text->safe));
  return Value(made);
}

Result<Value> center(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"width"};
  HEARTH_TRY(auto bound, take_arguments("center", arguments, kNames));
  HEARTH_TRY(const Text* text, run.str(self));
  HEARTH_TRY(std::size_t width, count_or(bound[0], 80, "a width"));
  return pad_text(run, *text, width, '^', nullptr);
}

Result<Value> truncate(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"length", "killwords", "end", "leeway"};
  HEARTH_TRY(auto bound, take_arguments("truncate", arguments, kNames));
  HEARTH_TRY(const Text* text, run.str(self));
  HEARTH_TRY(std::size_t length, count_or(bound[0], 255, "a length"));
  HEARTH_TRY(const Text* end, text_or(bound[2], run.keep("...", false), "an ending"));
  if (bound[3] && bound[3]->is(Kind::none)) bound[3] = nullptr;
  HEARTH_TRY(std::size_t leeway, count_or(bound[3], 5, "a leeway"));
  HEARTH_TRY_STATUS(run.spend_bytes(text->bytes.size() + end->bytes.size()));
  auto offsets = char_offsets(text->view());
  std::size_t tail = count_chars(end->view());
  if (length < tail) return bad_input("'truncate' needs a length of at least the ending's");
  if (offsets.size() - 1 <= length + leeway) return Value(text);
  std::size_t cut = offsets[std::min(length - tail, offsets.size() - 1)];
  if (!bool_or(bound[1], false)) {
    std::size_t space = text->view().substr(0, cut).rfind(' ');
    if (space != std::string_view::npos) cut = space;
  }
  TextBuilder out = run.builder();
  out.add(*text, 0, cut);
  out.add(*end);
  HEARTH_TRY(const Text* made, run.finish(std::move(out)));
  return Value(made);
}

Result<Value> tojson(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"ensure_ascii", "indent", "separators", "sort_keys"};
  HEARTH_TRY(auto bound, take_arguments("tojson", arguments, kNames));
  auto given = [](const Value* v) { return v && !v->is(Kind::none); };
  JsonStyle style;
  style.ascii = bool_or(bound[0], false);
  style.sort_keys = bool_or(bound[3], false);
  if (given(bound[1])) {
    style.item_separator.bytes = ",";
    if (bound[1]->is(Kind::text)) {
      HEARTH_TRY_STATUS(run.spend_bytes(bound[1]->text->bytes.size()));
      style.indent = *bound[1]->text;
    } else {
      HEARTH_TRY(std::size_t width, count_or(bound[1], 0, "an indent"));
      if (width > run.budget().output_bytes) return bad_input("the indent of 'tojson' is too wide");
      HEARTH_TRY_STATUS(run.spend_bytes(width));
      style.indent.emplace().bytes.assign(width, ' ');
    }
  }
  if (given(bound[2])) {
    HEARTH_TRY(auto separators, run.iterate(*bound[2]));
    if (separators.size() != 2 || !separators[0].is(Kind::text) || !separators[1].is(Kind::text))
      return bad_input("'tojson' needs two texts as separators");
    for (const Value& separator : separators)
      HEARTH_TRY_STATUS(run.spend_bytes(separator.text->bytes.size()));
    style.item_separator = *separators[0].text;
    style.key_separator = *separators[1].text;
  }
  TextBuilder out = run.builder();
  HEARTH_TRY_STATUS(print_json(run, self, style, out));
  HEARTH_TRY(const Text* made, run.finish(std::move(out)));
  return Value(made);
}

constexpr NamedBuiltin kLayoutFilters[] = {
    {"indent", indent}, {"center", center}, {"truncate", truncate}, {"tojson", tojson}};

}  // namespace

Builtin find_text_filter(std::string_view name) { return find_in(kFilters, name); }
Builtin find_text_layout_filter(std::string_view name) { return find_in(kLayoutFilters, name); }

}  // namespace hearth::jinja
