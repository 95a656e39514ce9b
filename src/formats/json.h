// JSON from strangers: nlohmann with a depth limit (it accepts a depth of 10^6 and then overflows
// the stack when the value is destroyed or printed).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth {

using Json = nlohmann::ordered_json;

/// Parses one JSON document. `where` (a file name) goes into the error, with line and column.
/// Errors (`bad_input`): malformed, nested deeper than `max_depth`, invalid UTF-8.
Result<Json> parse_json(std::string_view text, std::string_view where, int max_depth = 128);

}  // namespace hearth
