// The little of Unicode that tokenizers need: strict UTF-8, general categories, NFC.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::unicode {

inline constexpr char32_t kReplacement = 0xFFFD;

/// One code point and the bytes it takes.
struct Decoded {
  char32_t code = kReplacement;
  std::uint32_t length = 1;
  bool valid = false;
};

/// The code point that starts at `text[at]` (`at` < size). Overlong forms, surrogates and values
/// above U+10FFFF are invalid: one byte that reads as U+FFFD.
Decoded decode(std::string_view text, std::size_t at);
/// The code point that ends just before `text[end]` (`end` > 0).
Decoded decode_before(std::string_view text, std::size_t end);
void append_utf8(std::string& out, char32_t code);
bool is_valid_utf8(std::string_view text);
/// A copy in which every byte that belongs to no valid sequence is replaced by U+FFFD.
std::string repair(std::string_view text);

/// Sets of general categories, as bits. A code point may have several.
using Classes = std::uint16_t;
inline constexpr Classes kLetter = 1;             ///< \p{L}
inline constexpr Classes kNumber = 2;             ///< \p{N}
inline constexpr Classes kSpace = 4;              ///< \s: the White_Space property
inline constexpr Classes kPunctuation = 8;        ///< \p{P}
inline constexpr Classes kSymbol = 16;            ///< \p{S}
inline constexpr Classes kMark = 32;              ///< \p{M}
inline constexpr Classes kUpperOrCaseless = 64;   ///< [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
inline constexpr Classes kLowerOrCaseless = 128;  ///< [\p{Ll}\p{Lm}\p{Lo}\p{M}]
inline constexpr Classes kNewline = 256;          ///< [\r\n]
inline constexpr Classes kConnector = 512;        ///< \p{Pc}
inline constexpr Classes kWord = kLetter | kNumber | kMark | kConnector;  ///< \w

Classes classes_of(char32_t code);

/// Canonical composition of valid UTF-8. Linear, also on long runs of combining marks.
std::string nfc(std::string_view text);

}  // namespace hearth::unicode
