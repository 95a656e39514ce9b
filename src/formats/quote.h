// Names from files inside messages: one line, no control characters, never long.
#pragma once

#include <string>
#include <string_view>

namespace hearth {

/// `"name"` with everything outside printable ASCII as \xNN, cut after 80 bytes.
std::string quote_name(std::string_view name);

}  // namespace hearth
