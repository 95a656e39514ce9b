// The three standard streams: the only place that prints. Escape codes and progress are for
// terminals alone; what is piped is plain.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "hearth/model.h"
#include "hearth/result.h"

namespace hearth::cli {

/// Exit codes.
enum : int { kOk = 0, kFailed = 1, kBadInput = 2, kInterrupted = 130 };

class Console {
 public:
  Console();

  bool input_is_terminal() const { return input_is_terminal_; }
  bool output_is_terminal() const { return output_is_terminal_; }
  bool errors_are_terminal() const { return errors_are_terminal_; }

  /// Writes to stdout at once. On a terminal control characters are dropped: a model's words must
  /// not move the cursor. False when nobody reads any more or the disk is full.
  bool print(std::string_view text);
  /// The same, a whole line.
  bool line(std::string_view text);

  /// One line on stderr, "hearth: …"; control characters are shown as escapes.
  void note(std::string_view text);
  /// An error as one line; returns the exit code of its kind.
  int report(const Error& error);
  /// A quiet line on stderr, dim on a terminal: timings.
  void stats(std::string_view text);

  /// A progress bar on stderr for work that takes longer than a blink; nothing without a terminal.
  void progress(const Progress& progress);
  void clear_progress();
  ProgressHook progress_hook() {
    return [this](const Progress& p) { progress(p); };
  }

  /// The exit code in the end: `code`, or what a failed write to stdout makes of it.
  int finish(int code);

 private:
  using Clock = std::chrono::steady_clock;
  void draw(const Progress& progress);
  void erase();

  bool input_is_terminal_ = false, output_is_terminal_ = false, errors_are_terminal_ = false;
  bool bar_allowed_ = false, colour_ = false, utf8_ = false;
  int write_error_ = 0;  // errno of the first failed write

  std::mutex mutex_;  // progress may come from any thread
  bool bar_shown_ = false;
  std::string work_;  // what is in progress
  Clock::time_point work_began_, last_drawn_;
};

/// `text` in double quotes, control characters escaped, long text cut: for messages.
std::string in_quotes(std::string_view text);
/// `text` with control characters escaped, so that it is one line.
std::string one_line(std::string_view text);
/// The same, cut to `longest` bytes of `text` where it is longer; no UTF-8 character is split.
std::string shortened(std::string_view text, std::size_t longest);

}  // namespace hearth::cli
