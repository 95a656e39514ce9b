// Methods of texts that search, cut and join: Python's str.
#include <algorithm>
#include <span>

#include "media/jinja_builtins.h"
#include "media/unicode.h"

namespace hearth::jinja {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

/// Pieces of a text as a list, in reading order also when they were cut from the right.
class Pieces {
 public:
  Pieces(Runtime& run, const Text& text) : run_(run), text_(text) {}
  Status add(std::size_t begin, std::size_t end) {
    HEARTH_TRY(Value piece, run_.slice(text_, begin, end));
    items_.push_back(piece);
    return {};
  }
  std::size_t size() const { return items_.size(); }
  Result<Value> take(bool reversed) && {
    if (reversed) std::reverse(items_.begin(), items_.end());
    return run_.list(std::move(items_));
  }

 private:
  Runtime& run_;
  const Text& text_;
  std::vector<Value> items_;
};

Result<Value> split_at(Runtime& run, const Text& text, std::string_view separator,
                       std::size_t limit) {
  Pieces pieces(run, text);
  std::size_t begin = 0;
  while (pieces.size() < limit) {
    std::size_t end = find(text.view(), separator, begin);
    if (end == kNowhere) break;
    HEARTH_TRY_STATUS(pieces.add(begin, end));
    begin = end + separator.size();
  }
  HEARTH_TRY_STATUS(pieces.add(begin, text.bytes.size()));
  return std::move(pieces).take(false);
}

Result<Value> split_at_from_right(Runtime& run, const Text& text, std::string_view separator,
                                  std::size_t limit) {
  Pieces pieces(run, text);
  std::size_t end = text.bytes.size();
  while (pieces.size() < limit) {
    std::size_t begin = find_last(text.view().substr(0, end), separator);
    if (begin == kNowhere) break;
    HEARTH_TRY_STATUS(pieces.add(begin + separator.size(), end));
    end = begin;
  }
  HEARTH_TRY_STATUS(pieces.add(0, end));
  return std::move(pieces).take(true);
}

/// At runs of white space; what is left when the limit is reached keeps its far end as it is.
Result<Value> split_at_space(Runtime& run, const Text& text, std::size_t limit) {
  Pieces pieces(run, text);
  std::size_t at = 0, size = text.bytes.size();
  auto skip = [&](bool space) {
    while (at < size) {
      auto c = unicode::decode(text.bytes, at);
      if (is_space(c.code) != space) break;
      at += c.length;
    }
  };
  for (skip(true); at < size; skip(true)) {
    std::size_t begin = at;
    if (pieces.size() == limit)
      at = size;
    else
      skip(false);
    HEARTH_TRY_STATUS(pieces.add(begin, at));
  }
  return std::move(pieces).take(false);
}

Result<Value> split_at_space_from_right(Runtime& run, const Text& text, std::size_t limit) {
  Pieces pieces(run, text);
  std::size_t at = text.bytes.size();
  auto skip = [&](bool space) {
    while (at > 0) {
      auto c = unicode::decode_before(text.bytes, at);
      if (is_space(c.code) != space) break;
      at -= c.length;
    }
  };
  for (skip(true); at > 0; skip(true)) {
    std::size_t end = at;
    if (pieces.size() == limit)
      at = 0;
    else
      skip(false);
    HEARTH_TRY_STATUS(pieces.add(at, end));
  }
  return std::move(pieces).take(true);
}

}  // namespace

Result<Value> split_text(Runtime& run, const Text& text, const Text* separator, std::int64_t limit,
                         bool from_right) {
  HEARTH_TRY_STATUS(run.spend_bytes(text.bytes.size()));
  std::size_t pieces = limit < 0 ? SIZE_MAX : static_cast<std::size_t>(limit);
  if (!separator)
    return from_right ? split_at_space_from_right(run, text, pieces)
                      : split_at_space(run, text, pieces);
  if (separator->bytes.empty()) return bad_input("a text cannot be split at an empty separator");
  return from_right ? split_at_from_right(run, text, separator->view(), pieces)
                    : split_at(run, text, separator->view(), pieces);
}

Result<Value> replace_text(Runtime& run, const Text& text, const Text& old, const Text& with,
                           std::int64_t count) {
  HEARTH_TRY_STATUS(run.spend_bytes(text.bytes.size()));
  TextBuilder out = run.builder();
  std::size_t done = 0;
  while (count != 0 && !out.overflowed()) {
    // An empty pattern stands before every character, and at the end.
    std::size_t at = done;
    if (!old.bytes.empty()) at = find(text.view(), old.view(), done);
    if (at == kNowhere) break;
    out.add(text, done, at);
    // What stands for a user's words is the user's: typing what a template replaces by a token
    // does not make one.
    if (is_marked(text, at, at + old.bytes.size()))
      out.add(with.view(), true);
    else
      out.add(with);
    done = at + old.bytes.size();
    if (count > 0) --count;
    if (!old.bytes.empty()) continue;
    if (done == text.bytes.size()) break;
    std::size_t next = done + unicode::decode(text.bytes, done).length;
    out.add(text, done, next);
    done = next;
  }
  out.add(text, done, text.bytes.size());
  HEARTH_TRY(const Text* made, run.finish(std::move(out), text.safe));
  return Value(made);
}

std::vector<ByteRange> line_ranges(std::string_view text, bool keep_ends) {
  std::vector<ByteRange> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    auto c = unicode::decode(text, at);
    std::size_t next = at + c.length;
    if (c.valid && is_line_end(c.code)) {
      if (c.code == '\r' && next < text.size() && text[next] == '\n') ++next;
      lines.push_back({begin, keep_ends ? next : at});
      begin = next;
    }
    at = next;
  }
  if (begin < text.size()) lines.push_back({begin, text.size()});
  return lines;
}

namespace {

template <bool from_right>
Result<Value> split(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"sep", "maxsplit"};
  HEARTH_TRY(auto bound, take_arguments("split", arguments, kNames));
  if (bound[0] && bound[0]->is(Kind::none)) bound[0] = nullptr;
  HEARTH_TRY(const Text* separator, text_or(bound[0], nullptr, "a separator"));
  HEARTH_TRY(std::int64_t limit, int_or(bound[1], -1, "a limit"));
  return split_text(run, *self.text, separator, limit, from_right);
}

Result<Value> splitlines(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"keepends"};
  HEARTH_TRY(auto bound, take_arguments("splitlines", arguments, kNames));
  HEARTH_TRY_STATUS(run.spend_bytes(self.text->bytes.size()));
  Pieces pieces(run, *self.text);
  for (ByteRange line : line_ranges(self.text->view(), bool_or(bound[0], false)))
    HEARTH_TRY_STATUS(pieces.add(line.begin, line.end));
  return std::move(pieces).take(false);
}

template <bool from_right>
Result<Value> partition(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"sep"};
  HEARTH_TRY(auto bound, take_arguments("partition", arguments, kNames, 1));
  HEARTH_TRY(const Text* separator, text_or(bound[0], nullptr, "a separator"));
  if (separator->bytes.empty()) return bad_input("a text cannot be split at an empty separator");
  const Text& text = *self.text;
  HEARTH_TRY_STATUS(run.spend_bytes(text.bytes.size()));
  std::size_t at =
      from_right ? find_last(text.view(), separator->view()) : find(text.view(), separator->view());
  std::size_t size = text.bytes.size(), length = separator->bytes.size();
  if (at == kNowhere) at = from_right ? 0 : size, length = 0;
  HEARTH_TRY(Value before, run.slice(text, 0, at));
  HEARTH_TRY(Value middle, run.slice(text, at, at + length));
  HEARTH_TRY(Value after, run.slice(text, at + length, size));
  return run.list({before, middle, after}, List::Type::tuple);
}

Result<Value> replace(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"old", "new", "count"};
  HEARTH_TRY(auto bound, take_arguments("replace", arguments, kNames, 2));
  HEARTH_TRY(const Text* old, text_or(bound[0], nullptr, "replaced"));
  HEARTH_TRY(const Text* with, text_or(bound[1], nullptr, "a replacement"));
  HEARTH_TRY(std::int64_t count, int_or(bound[2], -1, "a count"));
  if (self.text->safe) {
    HEARTH_TRY(old, run.escaped(*old));
    HEARTH_TRY(with, run.escaped(*with));
  }
  return replace_text(run, *self.text, *old, *with, count);
}

/// Bytes of the characters [start, end) that Python's optional arguments name. `inside` is false
/// where start lies behind the end: then not even the empty text is found.
struct Window {
  std::size_t begin, end;
  bool inside;
};
Result<Window> window(Runtime& run, const Text& text, const Value* start, const Value* end) {
  auto given = [](const Value* v) { return v && !v->is(Kind::none); };
  HEARTH_TRY_STATUS(run.spend_bytes(text.bytes.size()));
  if (!given(start) && !given(end)) return Window{0, text.bytes.size(), true};
  auto offsets = char_offsets(text.view());
  auto size = static_cast<std::int64_t>(offsets.size() - 1);
  HEARTH_TRY(std::int64_t from, int_or(given(start) ? start : nullptr, 0, "an index"));
  HEARTH_TRY(std::int64_t to, int_or(given(end) ? end : nullptr, size, "an index"));
  if (from < 0) from = std::max<std::int64_t>(from + size, 0);
  if (to < 0) to = std::max<std::int64_t>(to + size, 0);
  to = std::min(to, size);
  if (from > to) return Window{0, 0, false};
  return Window{offsets[static_cast<std::size_t>(from)], offsets[static_cast<std::size_t>(to)],
                true};
}

/// startswith, endswith: one text or a tuple of them.
template <bool at_end>
Result<Value> borders(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"prefix", "start", "end"};
  HEARTH_TRY(auto bound, take_arguments(at_end ? "endswith" : "startswith", arguments, kNames, 1));
  std::span<const Value> wanted(bound[0], 1);
  if (bound[0]->is(Kind::list) && bound[0]->list->is_tuple()) wanted = bound[0]->list->items;
  std::string_view part = self.text->view();
  bool inside = true;
  if (bound[1] || bound[2]) {
    HEARTH_TRY(Window in, window(run, *self.text, bound[1], bound[2]));
    part = part.substr(in.begin, in.end - in.begin);
    inside = in.inside;
  }
  for (const Value& one : wanted) {
    HEARTH_TRY(const Text* text, text_or(&one, nullptr, "compared with a text's end"));
    HEARTH_TRY_STATUS(run.spend_bytes(std::min(part.size(), text->bytes.size())));
    if (inside && (at_end ? part.ends_with(text->view()) : part.starts_with(text->view())))
      return Value::of_bool(true);
  }
  return Value::of_bool(false);
}

/// find, rfind, index, rindex: a number of characters, or -1 / an error.
template <bool last, bool must>
Result<Value> position(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"sub", "start", "end"};
  HEARTH_TRY(auto bound, take_arguments("find", arguments, kNames, 1));
  HEARTH_TRY(const Text* what, text_or(bound[0], nullptr, "searched for in a text"));
  HEARTH_TRY(Window in, window(run, *self.text, bound[1], bound[2]));
  std::string_view part = self.text->view().substr(in.begin, in.end - in.begin);
  std::size_t at = last ? find_last(part, what->view()) : find(part, what->view());
  if (!in.inside) at = kNowhere;
  if (at == kNowhere && must) return bad_input("the text that index() looks for is not there");
  if (at == kNowhere) return Value::of_int(-1);
  std::size_t chars = count_chars(self.text->view().substr(0, in.begin + at));
  return Value::of_int(static_cast<std::int64_t>(chars));
}

Result<Value> count(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"sub", "start", "end"};
  HEARTH_TRY(auto bound, take_arguments("count", arguments, kNames, 1));
  HEARTH_TRY(const Text* what, text_or(bound[0], nullptr, "counted in a text"));
  HEARTH_TRY(Window in, window(run, *self.text, bound[1], bound[2]));
  if (!in.inside) return Value::of_int(0);
  std::string_view part = self.text->view().substr(in.begin, in.end - in.begin);
  if (what->bytes.empty()) return Value::of_int(static_cast<std::int64_t>(count_chars(part)) + 1);
  std::int64_t found = 0;
  for (std::size_t at = find(part, what->view()); at != kNowhere;
       at = find(part, what->view(), at + what->bytes.size()))
    ++found;
  return Value::of_int(found);
}

template <bool at_end>
Result<Value> remove_border(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"affix"};
  HEARTH_TRY(auto bound,
             take_arguments(at_end ? "removesuffix" : "removeprefix", arguments, kNames, 1));
  HEARTH_TRY(const Text* affix, text_or(bound[0], nullptr, "removed from a text"));
  std::string_view text = self.text->view();
  HEARTH_TRY_STATUS(run.spend_bytes(std::min(text.size(), affix->bytes.size())));
  if (at_end ? !text.ends_with(affix->view()) : !text.starts_with(affix->view())) return self;
  std::size_t cut = affix->bytes.size();
  return run.slice(*self.text, at_end ? 0 : cut, text.size() - (at_end ? cut : 0));
}

Result<Value> join(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"iterable"};
  HEARTH_TRY(auto bound, take_arguments("join", arguments, kNames, 1));
  HEARTH_TRY(auto items, run.iterate(*bound[0]));
  TextBuilder out = run.builder();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is(Kind::text)) return type_error(items[i], "cannot be joined: not a text");
    if (i > 0) HEARTH_TRY_STATUS(run.print(self, out));
    const Text* item = items[i].text;
    if (self.text->safe) {
      HEARTH_TRY(item, run.escaped(*item));
    }
    HEARTH_TRY_STATUS(run.print(item, out));
  }
  HEARTH_TRY(const Text* made, run.finish(std::move(out), self.text->safe));
  return Value(made);
}

Result<Value> format(Runtime& run, const Value& self, const Arguments& arguments) {
  return brace_format(run, *self.text, arguments);
}

constexpr NamedBuiltin kMethods[] = {
    {"split", split<false>},
    {"rsplit", split<true>},
    {"splitlines", splitlines},
    {"partition", partition<false>},
    {"rpartition", partition<true>},
    {"replace", replace},
    {"startswith", borders<false>},
    {"endswith", borders<true>},
    {"find", position<false, false>},
    {"rfind", position<true, false>},
    {"index", position<false, true>},
    {"rindex", position<true, true>},
    {"count", count},
    {"removeprefix", remove_border<false>},
    {"removesuffix", remove_border<true>},
    {"join", join},
    {"format", format},
};

}  // namespace

Builtin find_text_search_method(std::string_view name) { return find_in(kMethods, name); }

}  // namespace hearth::jinja
