// The library never prints: it logs through this hook, which an application may set.
#pragma once

#include <functional>
#include <string_view>

namespace hearth {

enum class LogLevel { debug, info, warning };
using LogHook = std::function<void(LogLevel, std::string_view)>;

}  // namespace hearth
