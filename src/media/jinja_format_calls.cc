// Python's two ways of formatting: `format % values` and format.format(values).
#include <algorithm>
#include <cmath>

#include "media/jinja_builtins.h"
#include "media/jinja_format.h"
#include "media/unicode.h"

namespace hearth::jinja {
namespace {

/// `format % values`, one conversion after the other.
class PercentFormatter {
 public:
  PercentFormatter(Runtime& run, const Text& format, const Value& values)
      : run_(run), format_(format), values_(values), out_(run.builder()) {}

  Result<Value> run() {
    std::size_t done = 0;
    for (std::size_t at = format_.bytes.find('%'); at != std::string::npos;
         at = format_.bytes.find('%', done)) {
      out_.add(format_, done, at);
      at_ = at + 1;
      HEARTH_TRY_STATUS(run_.spend(1));
      HEARTH_TRY_STATUS(conversion());
      done = at_;
    }
    out_.add(format_, done, format_.bytes.size());
    bool mapping = values_.is(Kind::dict) || (values_.is(Kind::list) && !values_.list->is_tuple());
    if (!mapping && !values_.is(Kind::undefined) && used_ < count())
      return bad_input("not all arguments were converted by the format");
    HEARTH_TRY(const Text* made, run_.finish(std::move(out_), format_.safe));
    return Value(made);
  }

 private:
  bool is_tuple() const { return values_.is(Kind::list) && values_.list->is_tuple(); }
  std::size_t count() const { return is_tuple() ? values_.list->items.size() : 1; }
  char peek() const { return at_ < format_.bytes.size() ? format_.bytes[at_] : '\0'; }

  Result<Value> next_value() {
    if (used_ >= count()) return bad_input("not enough arguments for the format");
    return is_tuple() ? values_.list->items[used_++] : (++used_, values_);
  }

  /// %(name): looked up in the mapping.
  Result<std::optional<Value>> named_value() {
    if (peek() != '(') return std::optional<Value>();
    std::size_t close = format_.bytes.find(')', at_);
    if (close == std::string::npos) return bad_input("incomplete key in a format");
    if (!values_.is(Kind::dict)) return bad_input("a format with names needs a mapping");
    std::string_view name = format_.view().substr(at_ + 1, close - at_ - 1);
    HEARTH_TRY_STATUS(run_.spend_bytes(name.size()));
    const Value* value = values_.dict->find(name);
    if (!value) return bad_input("the format names a key that is not there");
    at_ = close + 1;
    return std::optional<Value>(*value);
  }

  /// A number, or `*` for one from the values.
  Result<std::int64_t> number(std::int64_t most, std::int64_t fallback) {
    if (peek() == '*') {
      ++at_;
      HEARTH_TRY(Value value, next_value());
      if (!value.is_int() || value.as_int() < -most || value.as_int() > most)
        return bad_input("a width in a format must be an integer of sane size");
      return value.as_int();
    }
    if (peek() < '0' || peek() > '9') return fallback;
    auto value = read_number(format_.view(), at_, most);
    if (!value) return bad_input("a width in a format is too large");
    return *value;
  }

  Status conversion() {
    HEARTH_TRY(auto named, named_value());
    FormatSpec spec;
    spec.align = '>';
    bool left = false, zero = false;
    for (; std::string_view("-+ #0").find(peek()) != std::string_view::npos && peek(); ++at_) {
      left |= peek() == '-';
      zero |= peek() == '0';
      spec.alternate |= peek() == '#';
      if (peek() == '+' || (peek() == ' ' && spec.sign != '+')) spec.sign = peek();
    }
    HEARTH_TRY(spec.width, number(kMaxWidth, 0));
    if (spec.width < 0) left = true, spec.width = -spec.width;
    if (peek() == '.') {
      ++at_;
      HEARTH_TRY(spec.precision, number(kMaxPrecision, 0));
      spec.precision = std::max<std::int64_t>(spec.precision, 0);
    }
    while (peek() == 'h' || peek() == 'l' || peek() == 'L') ++at_;
    char type = peek();
    if (type == '\0') return bad_input("incomplete format");
    ++at_;
    if (type == '%') return out_.add('%'), Status();
    Value value = named ? *named : Value();
    if (!named) {
      HEARTH_TRY(value, next_value());
    }
    if (left) spec.align = '<';
    if (zero && !left) spec.align = 0, spec.zero = true;
    return convert(type, value, spec);
  }

  Status convert(char type, const Value& value, FormatSpec spec) {
    if (type == 's' || type == 'r' || type == 'a' || type == 'c') return as_text(type, value, spec);
    if (!value.is_numeric()) return type_error(value, "is not the number that the format needs");
    constexpr std::string_view kFloat = "eEfFgG";
    if (kFloat.find(type) != kFloat.npos) {
      spec.type = type;
      return format_float(value.as_number(), spec, out_);
    }
    constexpr std::string_view kInteger = "diuoxX";
    if (kInteger.find(type) == kInteger.npos) return bad_input("unknown conversion in a format");
    spec.type = type == 'i' || type == 'u' ? 'd' : type;
    return as_integer(value, spec);
  }

  Status as_text(char type, const Value& value, FormatSpec& spec) {
    TextBuilder made = run_.builder();
    if (type == 'c' && value.is_int()) {
      std::int64_t code = value.as_int();
      if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return bad_input("no character has this number");
      std::string letter;
      unicode::append_utf8(letter, static_cast<char32_t>(code));
      made.add(letter, true);  // the number may be a user's
    } else if (type == 's' || type == 'c') {
      HEARTH_TRY_STATUS(run_.print(value, made));
    } else {
      HEARTH_TRY_STATUS(run_.print_repr(value, made));
    }
    if (spec.align == 0) spec.align = '>';  // '0' says nothing about texts
    bool safe = value.is(Kind::text) && value.text->safe && type == 's';
    HEARTH_TRY(const Text* text, run_.finish(std::move(made), safe));
    if (format_.safe) {
      HEARTH_TRY(text, run_.escaped(*text));
    }
    return format_text(*text, spec, out_);
  }

  Status as_integer(const Value& value, FormatSpec& spec) {
    std::uint64_t magnitude = 0;
    bool negative = false;
    if (value.is(Kind::number)) {
      if (spec.type != 'd') return bad_input("this conversion needs an integer");
      if (!(std::abs(value.number) < 0x1p63)) return bad_input("integer beyond 64 bits");
      negative = value.number <= -1;
      magnitude = static_cast<std::uint64_t>(std::abs(value.number));
    } else if (value.is(Kind::huge)) {
      magnitude = value.huge;
    } else {
      negative = value.as_int() < 0;
      auto bits = static_cast<std::uint64_t>(value.as_int());
      magnitude = negative ? std::uint64_t{0} - bits : bits;
    }
    auto least = static_cast<std::size_t>(std::max<std::int64_t>(spec.precision, 0));
    spec.precision = -1;
    TextBuilder digits = run_.builder();
    FormatSpec bare;
    bare.type = spec.type;
    HEARTH_TRY_STATUS(format_integer(magnitude, false, bare, digits));
    std::string text = std::move(digits).take().bytes;
    if (text.size() < least) text.insert(0, least - text.size(), '0');
    bool prefixed = spec.alternate && spec.type != 'd';
    return format_digits(negative, prefixed ? std::string("0") + spec.type : "", text, spec, 3,
                         out_);
  }

  Runtime& run_;
  const Text& format_;
  const Value& values_;
  TextBuilder out_;
  std::size_t at_ = 0, used_ = 0;
};

/// format.format(…): {}, {0}, {name.attribute[key]!r:spec}; a spec may hold fields itself.
class BraceFormatter {
 public:
  BraceFormatter(Runtime& run, const Arguments& arguments) : run_(run), arguments_(arguments) {}

  Status expand(const Text& format, int depth, TextBuilder& out) {
    const std::string& text = format.bytes;
    std::size_t done = 0;
    while (true) {
      std::size_t at = text.find_first_of("{}", done);
      out.add(format, done, std::min(at, text.size()));
      if (at == std::string::npos) return {};
      HEARTH_TRY_STATUS(run_.spend(1));
      if (at + 1 < text.size() && text[at + 1] == text[at]) {
        out.add(format, at, at + 1);
        done = at + 2;
        continue;
      }
      if (text[at] == '}') return bad_input("a single '}' in a format");
      std::size_t end = field_end(text, at + 1);
      if (end == std::string::npos) return bad_input("a '{' in a format has no '}'");
      HEARTH_TRY_STATUS(depth == 0 && format.safe ? escaped_field(format, at + 1, end, out)
                                                  : field(format, at + 1, end, depth, out));
      done = end + 1;
    }
  }

 private:
  static std::size_t field_end(std::string_view text, std::size_t at) {
    for (int open = 1; at < text.size(); ++at) {
      open += (text[at] == '{') - (text[at] == '}');
      if (open == 0) return at;
    }
    return std::string_view::npos;
  }

  /// What goes into markup is escaped, unless the value alone is markup too.
  Status escaped_field(const Text& format, std::size_t begin, std::size_t end, TextBuilder& out) {
    std::int64_t next = next_;
    std::string_view all = format.view().substr(begin, end - begin);
    HEARTH_TRY(Value value, lookup(all.substr(0, all.find_first_of(":!"))));
    if (value.is(Kind::text) && value.text->safe) return run_.print(value, out);
    next_ = next;
    TextBuilder made = run_.builder();
    HEARTH_TRY_STATUS(field(format, begin, end, 0, made));
    HEARTH_TRY(const Text* text, run_.finish(std::move(made)));
    HEARTH_TRY(text, run_.escaped(*text));
    return run_.print(text, out);
  }

  Status field(const Text& format, std::size_t begin, std::size_t end, int depth,
               TextBuilder& out) {
    if (depth > 1) return bad_input("a format is nested too deeply");
    std::string_view all = format.view().substr(begin, end - begin);
    std::size_t name_end = 0;
    for (bool bracket = false; name_end < all.size(); ++name_end) {
      char c = all[name_end];
      bracket = c == '[' || (bracket && c != ']');
      if (!bracket && (c == ':' || c == '!')) break;
    }
    HEARTH_TRY(Value value, lookup(all.substr(0, name_end)));
    std::size_t at = name_end;
    if (at < all.size() && all[at] == '!') {
      char how = at + 1 < all.size() ? all[at + 1] : '\0';
      TextBuilder made = run_.builder();
      if (how == 's') HEARTH_TRY_STATUS(run_.print(value, made));
      if (how == 'r' || how == 'a') HEARTH_TRY_STATUS(run_.print_repr(value, made));
      if (how != 's' && how != 'r' && how != 'a') return bad_input("unknown '!' in a format");
      HEARTH_TRY(value, run_.finish(std::move(made)));
      at += 2;
    }
    if (at >= all.size()) return run_.print(value, out);
    if (all[at] != ':') return bad_input("expected ':' in a format");
    HEARTH_TRY(Value raw, run_.slice(format, begin + at + 1, end));
    TextBuilder spec = run_.builder();
    HEARTH_TRY_STATUS(expand(*raw.text, depth + 1, spec));
    Text how = std::move(spec).take();
    if (how.marks.empty()) return format_value(run_, value, how.view(), out);
    // A user's specification fills with a user's character.
    TextBuilder padded = run_.builder();
    HEARTH_TRY_STATUS(format_value(run_, value, how.view(), padded));
    if (padded.overflowed()) return run_.finish(std::move(padded)).error();
    out.add(std::move(padded).take().bytes, true);
    return {};
  }

  /// `0.attribute[key]`
  Result<Value> lookup(std::string_view path) {
    std::size_t end = std::min(path.find_first_of(".["), path.size());
    HEARTH_TRY(Value value, argument(path.substr(0, end)));
    while (end < path.size()) {
      HEARTH_TRY_STATUS(run_.spend(1));
      bool bracket = path[end] == '[';
      std::size_t begin = end + 1;
      end =
          bracket ? path.find(']', begin) : std::min(path.find_first_of(".[", begin), path.size());
      if (end == path.npos || begin == end) return bad_input("a malformed field in a format");
      std::string_view name = path.substr(begin, end - begin);
      if (bracket) ++end;
      if (end < path.size() && path[end] != '.' && path[end] != '[')
        return bad_input("a malformed field in a format");
      HEARTH_TRY(Value key, run_.text(name));
      std::size_t at = 0;
      auto index = bracket ? read_number(name, at, INT32_MAX) : std::nullopt;
      bool whole = index && at == name.size();
      HEARTH_TRY(value, bracket ? run_.item(value, whole ? Value::of_int(*index) : key)
                                : run_.attribute(value, *key.text));
    }
    return value;
  }

  Result<Value> argument(std::string_view name) {
    std::size_t at = 0;
    std::optional<std::int64_t> index =
        name.empty() ? std::optional(next_++) : read_number(name, at, INT32_MAX);
    if (index && (name.empty() || at == name.size())) {
      if (static_cast<std::size_t>(*index) < arguments_.positional.size())
        return arguments_.positional[static_cast<std::size_t>(*index)];
      return bad_input("not enough arguments for the format");
    }
    HEARTH_TRY_STATUS(run_.spend(arguments_.named.size()));
    for (const auto& [key, value] : arguments_.named)
      if (key->view() == name) return value;
    return bad_input("the format names an argument that was not given");
  }

  Runtime& run_;
  const Arguments& arguments_;
  std::int64_t next_ = 0;
};

}  // namespace

Result<Value> percent_format(Runtime& run, const Text& format, const Value& values) {
  return PercentFormatter(run, format, values).run();
}

Result<Value> brace_format(Runtime& run, const Text& format, const Arguments& arguments) {
  BraceFormatter formatter(run, arguments);
  TextBuilder out = run.builder();
  HEARTH_TRY_STATUS(formatter.expand(format, 0, out));
  HEARTH_TRY(const Text* made, run.finish(std::move(out), format.safe));
  return Value(made);
}

}  // namespace hearth::jinja
