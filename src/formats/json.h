// JSON from strangers: nlohmann's parser with our own builder, because its own accepts a depth of
// 10^6 (and overflows the stack later) and takes quadratic time for an object with many members.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth {

using Json = nlohmann::ordered_json;

/// What to do with a key that appears twice in one object.
enum class Duplicates {
  last_wins,  ///< as Python and JavaScript do
  refuse,     ///< where readers that disagree would be a hole
};

/// Parses one JSON document. `where` (a file name) goes into the error, with line and column
/// where the text is malformed. Errors (`bad_input`): malformed, nested deeper than `max_depth`,
/// invalid UTF-8, a number that no double holds, more than 16,777,216 values, a duplicate key where
/// those are refused.
Result<Json> parse_json(std::string_view text, std::string_view where, int max_depth = 128,
                        Duplicates duplicates = Duplicates::last_wins);

}  // namespace hearth
