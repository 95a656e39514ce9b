// A line of input with editing and history (libedit).
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace hearth::cli {

class LineEditor {
 public:
  /// History lies in $XDG_STATE_HOME/hearth/history (~/.local/state where that is not set),
  /// readable by its owner alone; without a home there is none.
  explicit LineEditor(const char* prompt);
  ~LineEditor();

  struct Line {
    std::string text;
    bool given_up = false;  ///< Ctrl-C: the line was thrown away
  };
  /// Nothing at the end of the input (Ctrl-D).
  std::optional<Line> read();

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::cli
