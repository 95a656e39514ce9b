#include "hearth/console.h"

#include <fmt/core.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hearth::cli {
namespace {

constexpr auto kBlink = std::chrono::milliseconds(150);  // shorter work shows no bar
constexpr auto kFrame = std::chrono::milliseconds(80);

bool is_control(unsigned char c) { return c < 0x20 || c == 0x7f; }

/// Without controls, C0 but newline and tab, DEL, and C1 (in UTF-8 C2 80 … C2 9F).
std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (is_control(c) && c != '\n' && c != '\t') continue;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      ++i;
      continue;
    }
    out += text[i];
  }
  return out;
}

/// Writes it all; 0 or an errno.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return 0;
}

bool terminal_understands_escapes() {
  const char* term = std::getenv("TERM");
  return term && *term && std::strcmp(term, "dumb") != 0;
}

int terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (is_control(static_cast<unsigned char>(c)))
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return one_line(text);
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return one_line(text.substr(0, end)) + "…";
}

std::string in_quotes(std::string_view text) { return '"' + shortened(text, 100) + '"'; }

Console::Console()
    : input_is_terminal_(::isatty(STDIN_FILENO)),
      output_is_terminal_(::isatty(STDOUT_FILENO)),
      errors_are_terminal_(::isatty(STDERR_FILENO)) {
  // Line editing needs UTF-8 characters; numbers stay as in C.
  std::setlocale(LC_CTYPE, "");
  utf8_ = std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0;
  if (!utf8_) std::setlocale(LC_CTYPE, "C.UTF-8");
  const char* no_colour = std::getenv("NO_COLOR");
  bar_allowed_ = errors_are_terminal_ && terminal_understands_escapes();
  colour_ = bar_allowed_ && !(no_colour && *no_colour);
  std::signal(SIGPIPE, SIG_IGN);  // a reader that left is seen by write()
}

bool Console::print(std::string_view text) {
  clear_progress();
  if (write_error_) return false;
  write_error_ = write_all(STDOUT_FILENO, output_is_terminal_ ? printable(text) : text);
  return !write_error_;
}

bool Console::line(std::string_view text) { return print(std::string(text) + "\n"); }

void Console::note(std::string_view text) {
  clear_progress();
  write_all(STDERR_FILENO, "hearth: " + one_line(text) + "\n");
}

int Console::report(const Error& error) {
  if (error.kind == ErrorKind::cancelled) {
    clear_progress();
    return kInterrupted;
  }
  constexpr std::size_t kLongest = 1000;  // a stranger's text must not fill the screen
  note(shortened(error.message, kLongest));
  return error.kind == ErrorKind::failed ? kFailed : kBadInput;
}

void Console::stats(std::string_view text) {
  clear_progress();
  const std::string plain = one_line(text);
  write_all(STDERR_FILENO, colour_ ? "\x1b[2m" + plain + "\x1b[0m\n" : plain + "\n");
}

void Console::progress(const Progress& progress) {
  if (!bar_allowed_) return;
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  if (work_ != progress.what) {
    work_ = progress.what;
    work_began_ = last_drawn_ = now;
  }
  if (now - work_began_ < kBlink || now - last_drawn_ < kFrame) return;
  last_drawn_ = now;
  draw(progress);
}

void Console::draw(const Progress& progress) {
  const double share =
      progress.total > 0 ? std::clamp(progress.done / progress.total, 0.0, 1.0) : 0.0;
  const int room = terminal_width() - static_cast<int>(progress.what.size()) - 8;
  const int cells = std::clamp(room, 0, 40), full = static_cast<int>(share * cells);
  std::string bar;
  for (int i = 0; i < cells; ++i) bar += i < full ? (utf8_ ? "█" : "#") : (utf8_ ? "░" : "-");
  write_all(STDERR_FILENO,
            fmt::format("\r\x1b[K{} {} {:3.0f}%", one_line(progress.what), bar, share * 100));
  bar_shown_ = true;
}

void Console::erase() {
  if (bar_shown_) write_all(STDERR_FILENO, "\r\x1b[K");
  bar_shown_ = false;
}

void Console::clear_progress() {
  const std::lock_guard lock(mutex_);
  erase();
  work_.clear();
}

int Console::finish(int code) {
  clear_progress();
  if (!write_error_ || write_error_ == EPIPE) return code;  // a reader that left had enough
  note(fmt::format("cannot write to standard output: {}", std::strerror(write_error_)));
  return kFailed;
}

}  // namespace hearth::cli
