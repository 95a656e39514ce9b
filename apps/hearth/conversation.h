// The chat on a terminal: a line is a message, a line that begins with "/" is a command.
#pragma once

#include "hearth/context.h"
#include "hearth/run_options.h"

namespace hearth::cli {

/// Talks until /bye or Ctrl-D; returns the exit code.
int converse(Context& context, const Engine& engine, const Model& model, const RunOptions& options);

}  // namespace hearth::cli
