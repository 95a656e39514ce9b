// strftime_now: the one thing of the outside world that templates see.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::jinja {

/// The time as C's strftime writes it: `fixed` when it is an ISO date ("2024-07-26") or date and
/// time ("2024-07-26T09:05:03"), any other `fixed` text as it is, else the local time now.
Result<std::string> format_time(const std::optional<std::string>& fixed, std::string_view format);

}  // namespace hearth::jinja
