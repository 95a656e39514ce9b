// Filters that give numbers.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "media/jinja_builtins.h"
#include "media/jinja_operators.h"

namespace hearth::jinja {
namespace {

/// A number as Python reads it: white space around it, underscores between digits.
std::optional<std::string> number_text(std::string_view text) {
  ByteRange range = trimmed(text);
  text = text.substr(range.begin, range.end - range.begin);
  if (text.starts_with('+') && !text.substr(1).starts_with('-')) text.remove_prefix(1);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool between = i > 0 && i + 1 < text.size() &&
                   std::isalnum(static_cast<unsigned char>(text[i - 1])) &&
                   std::isalnum(static_cast<unsigned char>(text[i + 1]));
    if (text[i] == '_' && !between) return std::nullopt;
    if (text[i] != '_') out += text[i];
  }
  return out;
}

std::optional<double> read_float(std::string_view text) {
  auto digits = number_text(text);
  if (!digits) return std::nullopt;
  double value = 0;
  auto read = std::from_chars(digits->data(), digits->data() + digits->size(), value);
  if (read.ptr != digits->data() + digits->size() || digits->empty()) return std::nullopt;
  if (digits->find('(') != std::string::npos) return std::nullopt;  // C's nan(…)
  if (read.ec == std::errc::result_out_of_range) return std::strtod(digits->c_str(), nullptr);
  if (read.ec != std::errc()) return std::nullopt;
  return value;
}

/// Nothing where the text is no integer; an error where it is one of more than 64 bits.
Result<std::optional<std::int64_t>> read_int(std::string_view text, int base) {
  auto digits = number_text(text);
  if (!digits || digits->empty()) return std::optional<std::int64_t>();
  std::string_view rest = *digits;
  bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  if (rest.size() > 2 && rest[0] == '0') {
    char mark = static_cast<char>(rest[1] | 0x20);
    int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked != 0 && (base == marked || base == 0)) rest.remove_prefix(2), base = marked;
  }
  if (base == 0) base = 10;
  std::string signed_digits = (negative ? "-" : "") + std::string(rest);
  const char* end = signed_digits.data() + signed_digits.size();
  std::int64_t value = 0;
  auto read = std::from_chars(signed_digits.data(), end, value, base);
  if (read.ptr != end || rest.starts_with('-')) return std::optional<std::int64_t>();
  if (read.ec == std::errc::result_out_of_range) return bad_input("integer beyond 64 bits");
  if (read.ec != std::errc()) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>(value);
}

Result<Value> truncated(double value) {
  if (std::isnan(value)) return bad_input("NaN has no integer value");
  if (!(std::abs(value) < 0x1p63)) return bad_input("integer beyond 64 bits");
  return Value::of_int(static_cast<std::int64_t>(value));
}

Result<Value> to_int(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"default", "base"};
  HEARTH_TRY(auto bound, take_arguments("int", arguments, kNames));
  HEARTH_TRY(std::int64_t base, int_or(bound[1], 10, "a base"));
  if (base != 0 && (base < 2 || base > 36)) return bad_input("'int' needs a base from 2 to 36");
  if (self.is(Kind::undefined)) return undefined_error(self);
  if (self.is_int()) return Value::of_int(self.as_int());
  if (self.is(Kind::huge)) return self;
  if (self.is(Kind::number)) {
    if (std::isnan(self.number)) return bound[0] ? *bound[0] : Value::of_int(0);
    return truncated(self.number);
  }
  if (self.is(Kind::text)) {
    HEARTH_TRY_STATUS(run.spend_bytes(self.text->bytes.size()));
    HEARTH_TRY(auto value, read_int(self.text->view(), static_cast<int>(base)));
    if (value) return Value::of_int(*value);
    auto real = read_float(self.text->view());
    if (real && !std::isnan(*real)) return truncated(*real);
  }
  return bound[0] ? *bound[0] : Value::of_int(0);
}

Result<Value> to_float(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"default"};
  HEARTH_TRY(auto bound, take_arguments("float", arguments, kNames));
  if (self.is(Kind::undefined)) return undefined_error(self);
  if (self.is_numeric()) return Value::of_number(self.as_number());
  if (self.is(Kind::text)) {
    HEARTH_TRY_STATUS(run.spend_bytes(self.text->bytes.size()));
    if (auto value = read_float(self.text->view())) return Value::of_number(*value);
  }
  return bound[0] ? *bound[0] : Value::of_number(0.0);
}

Result<Value> absolute(Runtime&, const Value& self, const Arguments&) {
  if (self.is_int()) return self.as_int() < 0 ? negate(self) : Value::of_int(self.as_int());
  if (self.is(Kind::huge)) return self;
  if (self.is(Kind::number)) return Value::of_number(std::abs(self.number));
  return type_error(self, "has no absolute value");
}

/// round(value, digits): correctly rounded in decimal, halves to even, as Python does.
double round_decimal(double value, std::int64_t digits) {
  if (!std::isfinite(value) || digits > 330) return value;
  if (digits < -330) return 0.0 * value;
  if (digits >= 0) {
    std::string text = format_double(value, 'f', static_cast<int>(digits), false);
    return std::strtod(text.c_str(), nullptr);
  }
  double unit = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(value / unit) * unit;
}

Result<Value> round(Runtime&, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"precision", "method"};
  HEARTH_TRY(auto bound, take_arguments("round", arguments, kNames));
  HEARTH_TRY(std::int64_t digits, int_or(bound[0], 0, "a precision"));
  HEARTH_TRY(const Text* method, text_or(bound[1], nullptr, "a method"));
  if (!self.is_numeric()) return type_error(self, "cannot be rounded");
  if (!method || method->bytes == "common") {
    if (self.is(Kind::huge) || (self.is_int() && digits >= 0))
      return self.is(Kind::boolean) ? Value::of_int(self.as_int()) : self;
    double rounded = round_decimal(self.as_number(), digits);
    return self.is_int() ? truncated(rounded) : Value::of_number(rounded);
  }
  if (method->bytes != "ceil" && method->bytes != "floor")
    return bad_input("'round' knows the methods common, ceil and floor");
  double unit = std::pow(10.0, static_cast<double>(std::clamp<std::int64_t>(digits, -330, 330)));
  double scaled = self.as_number() * unit;
  return Value::of_number((method->bytes == "ceil" ? std::ceil(scaled) : std::floor(scaled)) /
                          unit);
}

constexpr NamedBuiltin kFilters[] = {
    {"int", to_int}, {"float", to_float}, {"abs", absolute}, {"round", round}};

}  // namespace

Builtin find_number_filter(std::string_view name) { return find_in(kFilters, name); }

}  // namespace hearth::jinja
