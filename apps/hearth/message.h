// A message from a prompt, its pictures and what was piped in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/chat.h"
#include "hearth/console.h"

namespace hearth::cli {

/// Pictures stand before the text, unless it says where with "<image>".
Result<std::vector<Part>> make_message(const std::string& text,
                                       const std::vector<std::string>& images);

/// All of standard input when it is a pipe or a file, without its last line end; nothing when it is
/// a terminal or /dev/null. Says on stderr that it waits when nothing comes for a while.
Result<std::string> read_piped_input(Console& console);

}  // namespace hearth::cli
