#include "hearth/message.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hearth::cli {
namespace {

constexpr std::string_view kMarker = "<image>";
constexpr std::size_t kMostPiped = std::size_t{64} << 20;  // far beyond any context
constexpr int kPatienceMs = 3000;

void add_text(std::vector<Part>& parts, std::string text) {
  if (!text.empty()) parts.push_back(Part::text(std::move(text)));
}

std::size_t count_markers(std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find(kMarker); at != text.npos; at = text.find(kMarker, at + 1)) ++count;
  return count;
}

}  // namespace

Result<std::vector<Part>> make_message(const std::string& text,
                                       const std::vector<std::string>& images) {
  // Without pictures "<image>" is text like any other.
  const std::size_t markers = images.empty() ? 0 : count_markers(text);
  if (markers > images.size())
    return bad_input(fmt::format("the prompt holds <image> {} times, but {} --image {} given",
                                 markers, images.size(), images.size() == 1 ? "was" : "were"));
  std::vector<Part> parts;
  // The first pictures take the marked places; those left over stand before the text.
  for (std::size_t i = markers; i < images.size(); ++i)
    parts.push_back(Part::image_file(images[i]));
  std::size_t from = 0;
  for (std::size_t i = 0; i < markers; ++i) {
    const std::size_t at = text.find(kMarker, from);
    add_text(parts, text.substr(from, at - from));
    parts.push_back(Part::image_file(images[i]));
    from = at + kMarker.size();
  }
  add_text(parts, text.substr(from));
  return parts;
}

Result<std::string> read_piped_input(Console& console) {
  struct stat info {};
  if (::fstat(STDIN_FILENO, &info) != 0 || S_ISCHR(info.st_mode)) return std::string();
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, kPatienceMs) == 0)
    console.note("waiting for the text piped to standard input (< /dev/null gives none)");
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(fmt::format("standard input: {}", std::strerror(errno)));
    if (got == 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > kMostPiped)
      return bad_input(fmt::format("standard input: expected at most {} MB of text, found more",
                                   kMostPiped >> 20));
  }
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace hearth::cli
