// What every verb is given: the console and how to make an engine.
#pragma once

#include "hearth/console.h"
#include "hearth/engine.h"
#include "hearth/model.h"

namespace CLI {
class App;
}

namespace hearth::cli {

struct Context {
  Console console;
  int exit_code = kOk;  ///< for a verb that parses with CLI11 itself; others return theirs

  /// An engine with this many threads (0: chosen by itself), HEARTH_ISA obeyed, warnings to stderr.
  Result<Engine> make_engine(int threads);
};

}  // namespace hearth::cli
