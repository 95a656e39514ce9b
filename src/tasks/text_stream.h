// TextStream: pieces of tokens in, whole characters out; notices stop strings that lie across
// pieces.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

class TextStream {
 public:
  /// Empty stop strings are ignored.
  explicit TextStream(std::vector<std::string> stops);

  /// Takes a token's bytes; returns the text that is now certain to be part of the answer. Held
  /// back are an unfinished UTF-8 character and whatever may still become a stop string.
  std::string push(std::string_view piece);
  /// A stop string was met: nothing more will come.
  bool stopped() const { return stopped_; }
  /// The rest, when the model has ended by itself. Unfinished bytes become U+FFFD.
  std::string finish();

 private:
  std::vector<std::string> stops_;
  std::string pending_;
  bool stopped_ = false;
};

/// How many leading bytes of `text` are whole UTF-8 characters (invalid bytes count as whole).
std::size_t whole_utf8(std::string_view text);

}  // namespace hearth
