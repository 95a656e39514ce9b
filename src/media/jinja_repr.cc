// How values look: str(), repr() and JSON, as Python writes them.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "media/jinja_builtins.h"
#include "media/unicode.h"

namespace hearth::jinja {
namespace {

constexpr char kHex[] = "0123456789abcdef";

std::string hex(std::uint32_t value, int digits) {
  std::string out;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += kHex[value >> shift & 15];
  return out;
}

/// What repr() writes for one character, empty for the character itself.
std::string repr_escape(unicode::Decoded c, unsigned char byte, char quote) {
  if (!c.valid) return "\\x" + hex(byte, 2);
  switch (c.code) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\\':
      return "\\\\";
    default:
      break;
  }
  if (c.code == static_cast<char32_t>(quote)) return {'\\', quote};
  if (is_printable(c.code)) return {};
  if (c.code < 0x100) return "\\x" + hex(c.code, 2);
  return c.code < 0x10000 ? "\\u" + hex(c.code, 4) : "\\U" + hex(c.code, 8);
}

std::string json_escape(unicode::Decoded c, bool ascii) {
  switch (c.code) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\f':
      return "\\f";
    case '\b':
      return "\\b";
    default:
      break;
  }
  if (c.code < 0x20) return "\\u" + hex(c.code, 4);
  if (!ascii || c.code < 0x7F) return {};
  if (c.code < 0x10000) return "\\u" + hex(c.code, 4);
  std::uint32_t rest = c.code - 0x10000;
  return "\\u" + hex(0xD800 + (rest >> 10), 4) + "\\u" + hex(0xDC00 + (rest & 0x3FF), 4);
}

/// Copies `text` with some characters replaced; what replaces a marked character is marked.
template <class Escape>
void add_escaped(const Text& text, TextBuilder& out, Escape escape) {
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.bytes.size() && !out.overflowed();) {
    auto c = unicode::decode(text.bytes, at);
    std::string replacement = escape(c, static_cast<unsigned char>(text.bytes[at]));
    if (!replacement.empty()) {
      out.add(text, done, at);
      out.add(replacement, is_marked(text, at, at + c.length));
      done = at + c.length;
    }
    at += c.length;
  }
  out.add(text, done, text.bytes.size());
}

void add_repr(const Text& text, TextBuilder& out) {
  bool single = text.bytes.find('\'') != std::string::npos;
  char quote = single && text.bytes.find('"') == std::string::npos ? '"' : '\'';
  if (text.safe) out.add("Markup(");
  out.add(quote);
  add_escaped(text, out,
              [&](unicode::Decoded c, unsigned char byte) { return repr_escape(c, byte, quote); });
  out.add(quote);
  if (text.safe) out.add(')');
}

void add_json(const Text& text, bool ascii, TextBuilder& out) {
  out.add('"');
  add_escaped(text, out, [&](unicode::Decoded c, unsigned char) { return json_escape(c, ascii); });
  out.add('"');
}

/// Numbers, True, False, None: the same in str() and repr(). Nothing for other kinds.
std::string plain_scalar(const Value& value) {
  switch (value.kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return value.boolean ? "True" : "False";
    case Kind::integer:
      return std::to_string(value.integer);
    case Kind::huge:
      return std::to_string(value.huge);
    case Kind::number:
      return float_repr(value.number);
    default:
      return {};
  }
}

struct JsonPrinter {
  Runtime& run;
  const JsonStyle& style;
  TextBuilder& out;

  void new_line(int depth) {
    if (!style.indent) return;
    out.add('\n');
    out.fill(*style.indent, static_cast<std::size_t>(depth));
  }

  /// A key of an object: JSON knows only texts.
  Status key(const Value& key) {
    if (key.is(Kind::text)) {
      HEARTH_TRY_STATUS(run.spend_chars(key.text->bytes.size()));
      add_json(*key.text, style.ascii, out);
      return {};
    }
    out.add('"');
    HEARTH_TRY_STATUS(print(key, 0));
    out.add('"');
    return {};
  }

  Status array(const std::vector<Value>& items, int depth) {
    if (items.empty()) return out.add("[]"), Status();
    out.add('[');
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out.add(style.item_separator);
      new_line(depth + 1);
      HEARTH_TRY_STATUS(print(items[i], depth + 1));
    }
    new_line(depth);
    out.add(']');
    return {};
  }

  Status object(const Dict& dict, int depth) {
    if (dict.entries.empty()) return out.add("{}"), Status();
    std::vector<Value> keys, values;
    for (const auto& [key, value] : dict.entries) keys.push_back(key);
    HEARTH_TRY_STATUS(run.spend(keys.size()));
    if (style.sort_keys) HEARTH_TRY_STATUS(sort_by(run, keys, std::vector<Value>(keys), false));
    out.add('{');
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i > 0) out.add(style.item_separator);
      new_line(depth + 1);
      HEARTH_TRY_STATUS(key(keys[i]));
      out.add(style.key_separator);
      const Value& value = style.sort_keys ? *dict.find(keys[i]) : dict.entries[i].second;
      HEARTH_TRY_STATUS(print(value, depth + 1));
    }
    new_line(depth);
    out.add('}');
    return {};
  }

  Status print(const Value& value, int depth) {
    if (depth > kMaxValueDepth) return bad_input("a value is nested too deeply for JSON");
    HEARTH_TRY_STATUS(run.spend(1));
    if (out.overflowed()) return {};
    switch (value.kind) {
      case Kind::none:
        return out.add("null"), Status();
      case Kind::boolean:
        return out.add(value.boolean ? "true" : "false"), Status();
      case Kind::number:
        if (std::isnan(value.number)) return out.add("NaN"), Status();
        if (std::isinf(value.number))
          return out.add(value.number > 0 ? "Infinity" : "-Infinity"), Status();
        [[fallthrough]];
      case Kind::integer:
      case Kind::huge:
        return out.add(plain_scalar(value)), Status();
      case Kind::text:
        HEARTH_TRY_STATUS(run.spend_chars(value.text->bytes.size()));
        return add_json(*value.text, style.ascii, out), Status();
      case Kind::dict:
        return object(*value.dict, depth);
      case Kind::list:
        if (value.list->type < List::Type::range) return array(value.list->items, depth);
        [[fallthrough]];
      default:
        return bad_input(std::string("a value of type ") + type_name(value) +
                         " cannot be written as JSON");
    }
  }
};

}  // namespace

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  // The shortest digits that read back as the same number, then Python's choice of layout.
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
  std::size_t e = text.find('e');
  int exponent = 0;
  std::string_view power = text.substr(e + 1);
  if (power[0] == '+') power.remove_prefix(1);
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  int precision = static_cast<int>(e) - (text[0] == '-' ? 2 : 1);  // digits after the first
  if (precision > 0) --precision;                                  // the point itself
  if (exponent < -4 || exponent >= 16) {
    std::string out(text.substr(0, e));
    out += exponent < 0 ? "e-" : "e+";
    std::string digits = std::to_string(std::abs(exponent));
    return out + (digits.size() < 2 ? "0" : "") + digits;
  }
  int decimals = std::max(1, precision - exponent);
  end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed, decimals);
  return std::string(buffer, end.ptr);
}

Status Runtime::print(const Value& value, TextBuilder& out) {
  if (value.is(Kind::undefined)) return {};
  if (!value.is(Kind::text)) return print_repr(value, out);
  HEARTH_TRY_STATUS(spend_bytes(value.text->bytes.size()));
  out.add(*value.text);
  return {};
}

Status Runtime::print_repr(const Value& value, TextBuilder& out, int depth) {
  if (depth > kMaxValueDepth) return bad_input("a value is nested too deeply to be printed");
  HEARTH_TRY_STATUS(spend(1));
  if (out.overflowed()) return {};
  auto print_items = [&](const std::vector<Value>& items) -> Status {
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out.add(", ");
      HEARTH_TRY_STATUS(print_repr(items[i], out, depth + 1));
    }
    return {};
  };
  if (value.is(Kind::text)) {
    HEARTH_TRY_STATUS(spend_chars(value.text->bytes.size()));
    add_repr(*value.text, out);
    return {};
  }
  if (value.is(Kind::dict)) {
    out.add('{');
    bool first = true;
    for (const auto& [key, element] : value.dict->entries) {
      if (!first) out.add(", ");
      first = false;
      HEARTH_TRY_STATUS(print_repr(key, out, depth + 1));
      out.add(": ");
      HEARTH_TRY_STATUS(print_repr(element, out, depth + 1));
    }
    out.add('}');
    return {};
  }
  if (value.is(Kind::list)) {
    const List& list = *value.list;
    if (list.type == List::Type::generator) return out.add("<generator object>"), Status();
    if (list.type == List::Type::range && !list.items.empty()) {
      const auto& all = list.items;
      std::int64_t step = all.size() > 1 ? all[1].integer - all[0].integer : 1;
      out.add("range(" + std::to_string(all.front().integer) + ", " +
              std::to_string(all.back().integer + step) +
              (step == 1 ? ")" : ", " + std::to_string(step) + ")"));
      return {};
    }
    bool view = list.type > List::Type::range;  // dict_keys([…])
    if (view) out.add(std::string(type_name(value)) + "(");
    out.add(list.is_tuple() ? '(' : '[');
    HEARTH_TRY_STATUS(print_items(list.items));
    if (list.is_tuple() && list.items.size() == 1) out.add(',');
    out.add(list.is_tuple() ? ')' : ']');
    if (view) out.add(')');
    return {};
  }
  std::string scalar = plain_scalar(value);
  out.add(!scalar.empty()             ? scalar
          : value.is(Kind::undefined) ? "Undefined"
                                      : "<" + std::string(type_name(value)) + ">");
  return {};
}

Result<const Text*> Runtime::str(const Value& value) {
  if (value.is(Kind::text)) return value.text;
  TextBuilder out = builder();
  HEARTH_TRY_STATUS(print(value, out));
  return finish(std::move(out));
}

Status print_json(Runtime& run, const Value& value, const JsonStyle& style, TextBuilder& out) {
  return JsonPrinter{run, style, out}.print(value, 0);
}

}  // namespace hearth::jinja
