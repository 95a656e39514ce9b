// Python's format specifications: what stands after ':' in "{:>8.2f}" and after '%' in "%8.2f".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "media/jinja_runtime.h"

namespace hearth::jinja {

/// Wider fields and more digits are refused; no template needs them.
inline constexpr std::int64_t kMaxWidth = 1 << 20, kMaxPrecision = 1000;

/// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct FormatSpec {
  std::string fill = " ";
  char align = 0, sign = '-', grouping = 0, type = 0;
  bool alternate = false, zero = false;
  std::int64_t width = 0, precision = -1;
};

/// Reads digits at `at`, moving it; nothing where there are none or they exceed `most`.
std::optional<std::int64_t> read_number(std::string_view text, std::size_t& at, std::int64_t most);

Status format_text(const Text& text, const FormatSpec& spec, TextBuilder& out);
Status format_integer(std::uint64_t magnitude, bool negative, const FormatSpec& spec,
                      TextBuilder& out);
Status format_float(double value, const FormatSpec& spec, TextBuilder& out);
/// Sign, prefix (0x) and digits, laid out; `group`: digits between thousands separators.
Status format_digits(bool negative, const std::string& prefix, std::string digits,
                     const FormatSpec& spec, std::size_t group, TextBuilder& out);

}  // namespace hearth::jinja
