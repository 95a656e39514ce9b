// The tables of everything that templates may call, and how builtins read their arguments.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "media/jinja_runtime.h"

namespace hearth::jinja {

/// One row of a table: adding a builtin is adding a row.
struct NamedBuiltin {
  std::string_view name;
  Builtin builtin;
};

// Null where there is none of that name.
Builtin find_filter(std::string_view name);
Builtin find_test(std::string_view name);
Builtin find_function(std::string_view name);
/// A method of `object`'s type.
Builtin find_method(const Value& object, std::string_view name);
/// Attributes of loops, cyclers and macros that are values, such as loop.index.
std::optional<Value> special_attribute(Runtime& run, const Value& object, std::string_view name);
/// Methods that would change a list or dict: the sandbox refuses them.
bool is_unsafe_method(const Value& object, std::string_view name);

// The methods and filters by theme; the find_… functions look through these.
Builtin find_text_filter(std::string_view name);
Builtin find_text_layout_filter(std::string_view name);
Builtin find_list_filter(std::string_view name);
Builtin find_selection_filter(std::string_view name);
Builtin find_number_filter(std::string_view name);
Builtin find_text_method(std::string_view name);
Builtin find_text_search_method(std::string_view name);

template <std::size_t N>
Builtin find_in(const NamedBuiltin (&table)[N], std::string_view name) {
  for (const NamedBuiltin& row : table)
    if (row.name == name) return row.builtin;
  return nullptr;
}

/// Arguments laid out by parameter; null where not given. Errors: too many, unknown or doubled
/// names, fewer than `required`.
Status bind_arguments(std::string_view function, const Arguments& arguments,
                      const char* const* names, std::size_t count, std::size_t required,
                      const Value** out);
template <std::size_t N>
Result<std::array<const Value*, N>> take_arguments(std::string_view function,
                                                   const Arguments& arguments,
                                                   const char* const (&names)[N],
                                                   std::size_t required = 0) {
  std::array<const Value*, N> bound{};
  HEARTH_TRY_STATUS(bind_arguments(function, arguments, names, N, required, bound.data()));
  return bound;
}

// Reading one optional argument. Errors: another type.
Result<std::int64_t> int_or(const Value* value, std::int64_t fallback, std::string_view what);
Result<const Text*> text_or(const Value* value, const Text* fallback, std::string_view what);
inline bool bool_or(const Value* value, bool fallback) { return value ? truthy(*value) : fallback; }

/// The argument as a Python integer used for a width or count, clamped to [0, a billion]: whatever
/// is made with it is checked against the budget before it is made.
Result<std::size_t> count_or(const Value* value, std::size_t fallback, std::string_view what);

// ---- shared by filters, methods and operators ----
/// json.dumps(value) as Hugging Face's tojson calls it.
struct JsonStyle {
  std::optional<Text> indent;  ///< what one level is indented with
  Text item_separator = {", "}, key_separator = {": "};
  bool ascii = false, sort_keys = false;
};
Status print_json(Runtime& run, const Value& value, const JsonStyle& style, TextBuilder& out);
/// `format % values`, and format.format(…).
Result<Value> percent_format(Runtime& run, const Text& format, const Value& values);
Result<Value> brace_format(Runtime& run, const Text& format, const Arguments& arguments);
/// A number with Python's format specification, such as `,.2f`.
Status format_value(Runtime& run, const Value& value, std::string_view spec, TextBuilder& out);
/// repr() of a float; `%.17g`-like conversions with a letter and a precision.
std::string float_repr(double value);
std::string format_double(double value, char conversion, int precision, bool alternate);
/// Sorts by Python's <, stable; `keys[i]` belongs to `items[i]`.
Status sort_by(Runtime& run, std::vector<Value>& items, const std::vector<Value>& keys,
               bool reverse);
/// `value` at the dotted path "a.b.0" (or an index): undefined where absent.
Result<Value> at_path(Runtime& run, const Value& value, const Value& path);
/// A text in lower case; everything else unchanged.
Result<Value> fold_case(Runtime& run, const Value& value);
/// str.split(separator, limit), from either end; no separator: at runs of white space.
Result<Value> split_text(Runtime& run, const Text& text, const Text* separator, std::int64_t limit,
                         bool from_right);
Result<Value> replace_text(Runtime& run, const Text& text, const Text& old, const Text& with,
                           std::int64_t count);
/// Strips characters of `chars` (white space when null) from the ends.
Result<Value> strip_text(Runtime& run, const Text& text, const Text* chars, bool left, bool right);
Result<Value> change_case(Runtime& run, const Text& text, Case which);
/// First letter upper, the rest lower.
Result<Value> capitalize_text(Runtime& run, const Text& text);
/// Centred, left or right in `width` characters; '^', '<' or '>'.
Result<Value> pad_text(Runtime& run, const Text& text, std::size_t width, char align,
                       const Text* fill);
/// Text starts of every line, with line ends kept: str.splitlines.
std::vector<ByteRange> line_ranges(std::string_view text, bool keep_ends);

}  // namespace hearth::jinja
