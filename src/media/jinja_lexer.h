// Template source to tokens, with Jinja's white-space rules (trim_blocks, lstrip_blocks) applied.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::jinja {

enum class TokenType : std::uint8_t {
  data,  ///< text outside tags
  print_begin,
  print_end,
  tag_begin,
  tag_end,
  name,
  string,  ///< with its quotes
  integer,
  number,
  symbol,  ///< an operator or a bracket
  end,
};

struct Token {
  TokenType type;
  std::string_view text;  ///< of the source
  std::uint32_t offset;   ///< where it begins
};

/// Line ends become '\n' and one at the end goes. Everything below works on this form.
std::string normalise_source(std::string_view source);

/// The tokens of a normalised source; they point into it. The last one is `end`.
Result<std::vector<Token>> tokenize(std::string_view source);

/// A `bad_input` that says where in the template.
Error error_at(std::string_view source, std::size_t offset, std::string_view message);

}  // namespace hearth::jinja
