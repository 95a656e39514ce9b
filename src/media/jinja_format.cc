// Texts and numbers under a format specification.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "media/jinja_builtins.h"
#include "media/jinja_format.h"
#include "media/unicode.h"

namespace hearth::jinja {
namespace {

bool is_align(char c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

Result<FormatSpec> parse_spec(std::string_view text) {
  FormatSpec spec;
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

void add_padded(const FormatSpec& spec, char align, std::size_t size, TextBuilder& out, auto add) {
  auto width = static_cast<std::size_t>(spec.width);
  std::size_t margin = width > size ? width - size : 0;
  std::size_t left = align == '<' ? 0 : align == '^' ? margin / 2 : margin;
  out.fill(spec.fill, left);
  add();
  out.fill(spec.fill, margin - left);
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

}  // namespace

std::optional<std::int64_t> read_number(std::string_view text, std::size_t& at, std::int64_t most) {
  std::int64_t value = 0;
  auto read = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (read.ec != std::errc() || value < 0 || value > most) return std::nullopt;
  at = static_cast<std::size_t>(read.ptr - text.data());
  return value;
}

Status format_text(const Text& text, const FormatSpec& spec, TextBuilder& out) {
  if (spec.align == '=' || spec.grouping || (spec.type && spec.type != 's'))
    return bad_input("this format specification is not for texts");
  auto offsets = char_offsets(text.view());
  std::size_t size = offsets.size() - 1;
  if (spec.precision >= 0) size = std::min(size, static_cast<std::size_t>(spec.precision));
  add_padded(spec, spec.align ? spec.align : '<', size, out,
             [&] { out.add(text, 0, offsets[size]); });
  return {};
}

Status format_digits(bool negative, const std::string& prefix, std::string digits,
                     const FormatSpec& spec, std::size_t group, TextBuilder& out) {
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
  FormatSpec with = spec;
  with.fill = fill;
  add_padded(with, align, size, out, [&] { out.add(sign + prefix + digits); });
  return {};
}

Status format_integer(std::uint64_t magnitude, bool negative, const FormatSpec& spec,
                      TextBuilder& out) {
  if (spec.precision >= 0) return bad_input("no precision is allowed for an integer");
  char type = spec.type ? spec.type : 'd';
  int base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
  char buffer[72];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, magnitude, base).ptr;
  std::string digits(buffer, end);
  if (type == 'X')
    for (char& c : digits) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string prefix = spec.alternate && base != 10 ? std::string("0") + type : "";
  return format_digits(negative, prefix, std::move(digits), spec, base == 10 ? 3 : 4, out);
}

Status format_float(double value, const FormatSpec& spec, TextBuilder& out) {
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
  return format_digits(negative, "", std::move(digits), spec, 3, out);
}

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
  HEARTH_TRY(FormatSpec spec, parse_spec(text));
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

}  // namespace hearth::jinja
