#include "tasks/text_stream.h"

#include <algorithm>

namespace hearth {

std::size_t whole_utf8(std::string_view text) {
  // Look back at most three bytes for a lead byte whose character is not complete.
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;              // a continuation byte
    if (byte < 0xc2 || byte > 0xf4) break;  // starts no character: nothing is awaited
    std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? text.size() - back : text.size();
  }
  return text.size();
}

TextStream::TextStream(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& s) { return s.empty(); });
}

std::string TextStream::push(std::string_view piece) {
  if (stopped_) return "";
  pending_ += piece;
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, pending_.find(stop));
  if (first != std::string::npos) {
    stopped_ = true;
    std::string out = pending_.substr(0, first);
    pending_.clear();
    return out;
  }
  std::size_t keep = whole_utf8(pending_);
  for (const std::string& stop : stops_) {
    // The longest end of `pending_` that begins this stop string must wait.
    for (std::size_t n = std::min(stop.size() - 1, pending_.size()); n > 0; --n) {
      if (std::string_view(pending_).substr(pending_.size() - n) ==
          std::string_view(stop).substr(0, n)) {
        keep = std::min(keep, pending_.size() - n);
        break;
      }
    }
  }
  std::string out = pending_.substr(0, keep);
  pending_.erase(0, keep);
  return out;
}

std::string TextStream::finish() {
  std::size_t keep = whole_utf8(pending_);
  std::string out = pending_.substr(0, keep);
  if (keep < pending_.size()) out += "\xef\xbf\xbd";
  pending_.clear();
  return out;
}

}  // namespace hearth
