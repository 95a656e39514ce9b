#include "media/unicode.h"

#include <simdjson.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"

namespace hearth::unicode {
namespace {

bool is_continuation(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

Classes classes_of_category(int category) {
  switch (category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
      return kLetter | kUpperOrCaseless;
    case UTF8PROC_CATEGORY_LL:
      return kLetter | kLowerOrCaseless;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return kLetter | kUpperOrCaseless | kLowerOrCaseless;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return kMark | kUpperOrCaseless | kLowerOrCaseless;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return kNumber;
    case UTF8PROC_CATEGORY_PC:
      return kPunctuation | kConnector;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return kPunctuation;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
      return kSymbol;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return kSpace;
    default:
      return 0;
  }
}

constexpr Classes classes_of_ascii(char32_t c) {
  if (c == '\r' || c == '\n') return kSpace | kNewline;
  if (c == ' ' || (c >= 9 && c <= 13)) return kSpace;
  if (c < 0x21 || c == 0x7F) return 0;
  if (c >= '0' && c <= '9') return kNumber;
  if (c >= 'A' && c <= 'Z') return kLetter | kUpperOrCaseless;
  if (c >= 'a' && c <= 'z') return kLetter | kLowerOrCaseless;
  if (c == '_') return kPunctuation | kConnector;
  for (char32_t symbol : std::u32string_view(U"$+<=>^`|~"))
    if (c == symbol) return kSymbol;
  return kPunctuation;
}

constexpr std::array<Classes, 128> kAscii = [] {
  std::array<Classes, 128> table{};
  for (char32_t c = 0; c < 128; ++c) table[c] = classes_of_ascii(c);
  return table;
}();

constexpr auto kCompose = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);

std::vector<utf8proc_int32_t> decompose(std::string_view text) {
  std::vector<utf8proc_int32_t> codes;
  codes.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    Decoded c = decode(text, at);
    at += c.length;
    utf8proc_int32_t parts[32];
    int boundary = 0;
    auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.code), parts, 32, kCompose,
                                     &boundary);
    CHECK(n > 0 && n <= 32);
    codes.insert(codes.end(), parts, parts + n);
  }
  return codes;
}

/// Canonical order: stable by combining class within each run of non-starters. utf8proc does this
/// by exchanging neighbours, which is quadratic on a run that a stranger can make long.
void order_marks(std::vector<utf8proc_int32_t>& codes) {
  auto combining = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
  for (std::size_t begin = 0; begin < codes.size(); ++begin) {
    if (codes[begin] < 0x300 || combining(codes[begin]) == 0) continue;
    std::size_t end = begin + 1;
    while (end < codes.size() && combining(codes[end]) != 0) ++end;
    std::stable_sort(codes.begin() + begin, codes.begin() + end,
                     [&](auto a, auto b) { return combining(a) < combining(b); });
    begin = end - 1;
  }
}

}  // namespace

Decoded decode(std::string_view text, std::size_t at) {
  auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + i]));
  };
  char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  if (lead < 0xC2 || lead > 0xF4 || !is_continuation(text, at + 1)) return {};
  if (lead < 0xE0) return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2, true};
  if (!is_continuation(text, at + 2)) return {};
  if (lead < 0xF0) {
    char32_t code = (lead & 0xF) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    if (code < 0x800 || (code >= 0xD800 && code < 0xE000)) return {};
    return {code, 3, true};
  }
  if (!is_continuation(text, at + 3)) return {};
  char32_t code =
      (lead & 7) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  if (code < 0x10000 || code > 0x10FFFF) return {};
  return {code, 4, true};
}

Decoded decode_before(std::string_view text, std::size_t end) {
  for (std::size_t length = 1; length <= 4 && length <= end; ++length) {
    Decoded c = decode(text.substr(0, end), end - length);
    if (c.valid && c.length == length) return c;
  }
  return {};
}

void append_utf8(std::string& out, char32_t code) {
  auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

bool is_valid_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

std::string repair(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  for (std::size_t at = 0; at < text.size();) {
    Decoded c = decode(text, at);
    append_utf8(out, c.code);
    at += c.length;
  }
  return out;
}

Classes classes_of(char32_t code) {
  if (code < 128) return kAscii[code];
  if (code == 0x85) return kSpace;  // NEL: a control, yet White_Space
  return classes_of_category(utf8proc_category(static_cast<utf8proc_int32_t>(code)));
}

std::string nfc(std::string_view text) {
  // Nothing below U+0300 composes or reorders.
  bool plain = std::all_of(text.begin(), text.end(),
                           [](char c) { return static_cast<unsigned char>(c) < 0xCC; });
  if (plain) return std::string(text);
  auto codes = decompose(text);
  order_marks(codes);
  auto n =
      utf8proc_normalize_utf32(codes.data(), static_cast<utf8proc_ssize_t>(codes.size()), kCompose);
  CHECK(n >= 0 && static_cast<std::size_t>(n) <= codes.size());
  std::string out;
  out.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < n; ++i) append_utf8(out, static_cast<char32_t>(codes[i]));
  return out;
}

}  // namespace hearth::unicode
