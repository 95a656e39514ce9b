// Python's two ways of formatting: `format % values` and format.format(values).
#include <algorithm>
#include <charconv>
#include <cmath>

#include "media/jinja_builtins.h"
#include "media/unicode.h"

namespace hearth::jinja {
namespace {

/// Wider fields and more digits are refused; no template needs them.
constexpr std::int64_t kMaxWidth = 1 << 20, kMaxPrecision = 1000;

/// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct Spec {
  std::string fill = " ";
  char align = 0, sign = '-', grouping = 0, type = 0;
  bool alternate = false, zero = false;
  std::int64_t width = 0, precision = -1;
};

bool is_align(char c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

/// Reads digits at `at`, moving it; nothing where there are none or too many.
std::optional<std::int64_t> read_number(std::string_view text, std::size_t& at, std::int64_t most) {
  std::int64_t value = 0;
  auto read = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (read.ec != std::errc() || value < 0 || value > most) return std::nullopt;
  at = static_cast<std::size_t>(read.ptr - text.data());
  return value;
}

Result<Spec> parse_spec(std::string_view text) {
  Spec spec;
  Error bad = bad_input("invalid format specification");
  std::size_t at = 0;
  auto peek = [&](std::size_t i) { return i < text.size() ? text[i] : '\0'; };
  std::size_t first = text.empty() ? 0 : unicode::decode(text, 0).length;
  if (!text.empty() && is_align(peek(first))) {
    spec.fill = text.substr(0, first);
    spec.align = text[first];
    at = first + 1;
  } else if (is_align(peek(0))) {
    spec.align = text[at++];
  }
  if (peek(at) == '+' || peek(at) == '-' || peek(at) == ' ') spec.sign = text[at++];
  if (peek(at) == '#') spec.alternate = true, ++at;
  if (peek(at) == '0') spec.zero = true, ++at;
  auto digit = [&](std::size_t i) { return peek(i) >= '0' && peek(i) <= '9'; };
  if (digit(at)) {
    auto width = read_number(text, at, kMaxWidth);
    if (!width) return bad;
    spec.width = *width;
  }
  if (peek(at) == ',' || peek(at) == '_') spec.grouping = text[at++];
  if (peek(at) == '.') {
    auto precision = digit(++at) ? read_number(text, at, kMaxPrecision) : std::nullopt;
    if (!precision) return bad;
    spec.precision = *precision;
  }
  if (at < text.size()) spec.type = text[at++];
  if (at < text.size()) return bad;
  return spec;
}

void add_padded(const Spec& spec, char align, std::size_t size, TextBuilder& out, auto add) {
  auto width = static_cast<std::size_t>(spec.width);
  std::size_t margin = width > size ? width - size : 0;
  std::size_t left = align == '<' ? 0 : align == '^' ? margin / 2 : margin;
  out.fill(spec.fill, left);
  add();
  out.fill(spec.fill, margin - left);
}

Status format_text(const Text& text, const Spec& spec, TextBuilder& out) {
  if (spec.align == '=' || spec.grouping || (spec.type && spec.type != 's'))
    return bad_input("this format specification is not for texts");
  auto offsets = char_offsets(text.view());
  std::size_t size = offsets.size() - 1;
  if (spec.precision >= 0) size = std::min(size, static_cast<std::size_t>(spec.precision));
  add_padded(spec, spec.align ? spec.align : '<', size, out,
             [&] { out.add(text, 0, offsets[size]); });
  return {};
}

/// Thousands of the integer part that `digits` begins with.
std::string grouped(const std::string& digits, char separator, std::size_t every) {
  auto is_body = [](char c) { return std::isalnum(static_cast<unsigned char>(c)); };
  std::size_t whole = 0;
  while (whole < digits.size() && is_body(digits[whole])) ++whole;
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && i < whole && (whole - i) % every == 0) out += separator;
    out += digits[i];
  }
  return out;
}

/// Sign, prefix (0x) and digits, laid out.
Status add_number(bool negative, const std::string& prefix, std::string digits, const Spec& spec,
                  std::size_t group, TextBuilder& out) {
  if (spec.grouping && spec.zero) return bad_input("zero padding with a thousands separator");
  if (spec.grouping) digits = grouped(digits, spec.grouping, group);
  std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  std::size_t size = sign.size() + prefix.size() + digits.size();
  char align = spec.align ? spec.align : spec.zero ? '=' : '>';
  std::string_view fill = spec.zero && !spec.align ? "0" : std::string_view(spec.fill);
  if (align == '=') {
    out.add(sign + prefix);
    auto width = static_cast<std::size_t>(spec.width);
    out.fill(fill, width > size ? width - size : 0);
    out.add(digits);
    return {};
  }
  Spec with = spec;
  with.fill = fill;
  add_padded(with, align, size, out, [&] { out.add(sign + prefix + digits); });
  return {};
}

Status format_integer(std::uint64_t magnitude, bool negative, const Spec& spec, TextBuilder& out) {
  if (spec.precision >= 0) return bad_input("no precision is allowed for an integer");
  char type = spec.type ? spec.type : 'd';
  int base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
  char buffer[72];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, magnitude, base).ptr;
  std::string digits(buffer, end);
  if (type == 'X')
    for (char& c : digits) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string prefix = spec.alternate && base != 10 ? std::string("0") + type : "";
  return add_number(negative, prefix, std::move(digits), spec, base == 10 ? 3 : 4, out);
}

Status format_float(double value, const Spec& spec, TextBuilder& out) {
  bool negative = std::signbit(value) && !std::isnan(value);
  double magnitude = std::abs(value);
  std::string digits;
  if (spec.type == '%') {
    digits = format_double(magnitude * 100, 'f', static_cast<int>(spec.precision), false) + "%";
  } else if (spec.type == 0) {
    digits = spec.precision < 0
                 ? float_repr(magnitude)
                 : format_double(magnitude, 'g', static_cast<int>(spec.precision), false);
    bool plain = digits.find_first_of(".en") == std::string::npos;
    if (plain) digits += ".0";  // a float stays visible as one
  } else {
    digits = format_double(magnitude, spec.type, static_cast<int>(spec.precision), spec.alternate);
  }
  return add_number(negative, "", std::move(digits), spec, 3, out);
}

}  // namespace

std::string format_double(double value, char conversion, int precision, bool alternate) {
  bool upper = conversion >= 'A' && conversion <= 'Z';
  char lower = static_cast<char>(conversion | 0x20);
  std::string text;
  if (!std::isfinite(value)) {
    text = float_repr(value);
  } else {
    if (precision < 0) precision = 6;
    std::string buffer(400 + static_cast<std::size_t>(precision), '\0');
    auto style = lower == 'f'   ? std::chars_format::fixed
                 : lower == 'e' ? std::chars_format::scientific
                                : std::chars_format::general;
    if (lower != 'f' && lower != 'e') precision = std::max(precision, 1);
    auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, style, precision);
    text = buffer.substr(0, static_cast<std::size_t>(end.ptr - buffer.data()));
    if (alternate && lower == 'f' && precision == 0) text += '.';
  }
  if (upper)
    for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

Status format_value(Runtime& run, const Value& value, std::string_view text, TextBuilder& out) {
  if (text.empty()) return run.print(value, out);
  HEARTH_TRY(Spec spec, parse_spec(text));
  constexpr std::string_view kInteger = "dboxXn", kFloat = "eEfFgGn%";
  auto among = [&](std::string_view types) { return types.find(spec.type) != types.npos; };
  if (value.is(Kind::text)) {
    HEARTH_TRY_STATUS(run.spend_bytes(value.text->bytes.size()));
    return format_text(*value.text, spec, out);
  }
  if (!value.is_numeric()) return type_error(value, "takes no format specification");
  if (!value.is(Kind::number) && (spec.type == 0 || among(kInteger))) {
    if (value.is(Kind::boolean) && spec.type == 0)
      return format_text(Text{value.boolean ? "True" : "False", {}}, spec, out);
    if (value.is(Kind::huge)) return format_integer(value.huge, false, spec, out);
    auto bits = static_cast<std::uint64_t>(value.as_int());
    bool negative = value.as_int() < 0;
    return format_integer(negative ? std::uint64_t{0} - bits : bits, negative, spec, out);
  }
  if (spec.type != 0 && !among(kFloat)) return bad_input("unknown format type for a number");
  return format_float(value.as_number(), spec, out);
}

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
    Spec spec;
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

  Status convert(char type, const Value& value, Spec spec) {
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

  Status as_text(char type, const Value& value, Spec& spec) {
    TextBuilder made = run_.builder();
    if (type == 'c' && value.is_int()) {
      std::int64_t code = value.as_int();
      if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return bad_input("no character has this number");
      std::string letter;
      unicode::append_utf8(letter, static_cast<char32_t>(code));
      made.add(letter);
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

  Status as_integer(const Value& value, Spec& spec) {
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
    Spec bare;
    bare.type = spec.type;
    HEARTH_TRY_STATUS(format_integer(magnitude, false, bare, digits));
    std::string text = std::move(digits).take().bytes;
    if (text.size() < least) text.insert(0, least - text.size(), '0');
    bool prefixed = spec.alternate && spec.type != 'd';
    return add_number(negative, prefixed ? std::string("0") + spec.type : "", text, spec, 3, out_);
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
    return format_value(run_, value, std::move(spec).take().bytes, out);
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
      if (key == name) return value;
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
