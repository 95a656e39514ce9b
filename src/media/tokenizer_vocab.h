// The token list of a tokenizer: id ↔ text, kinds of tokens, and byte-level text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/tokenizer.h"

namespace hearth {

/// Kinds of tokens, with GGUF's numbers.
enum class TokenType : std::uint8_t {
  undefined = 0,  ///< also the ids that a vocabulary leaves out
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6,
};

/// Id → text and type, text → id. Texts are as the file writes them ("Ġthe", "▁the").
class Vocabulary {
 public:
  static constexpr std::size_t kMaxTokens = std::size_t{1} << 22;

  /// Room for ids below `tokens`, all empty.
  void resize(std::size_t tokens, std::size_t text_bytes);
  std::size_t size() const { return entries_.size(); }
  /// `id` < size(). A second call for an id replaces its text.
  void set(TokenId id, std::string_view text, TokenType type);
  void set_type(TokenId id, TokenType type) { entries_[id].type = type; }

  /// After the last `set`: builds the index of the tokens that plain text may become, which are all
  /// but control, unknown, byte and empty ones. Of equal texts the last id counts.
  void build_index();

  bool has(TokenId id) const { return id >= 0 && static_cast<std::size_t>(id) < size(); }
  std::string_view text(TokenId id) const {
    return std::string_view(texts_).substr(entries_[id].offset, entries_[id].length);
  }
  TokenType type(TokenId id) const { return entries_[id].type; }
  /// Tokens that users' words must never become.
  bool is_control(TokenId id) const {
    return type(id) == TokenType::control || type(id) == TokenType::unknown;
  }
  /// The token that plain text `text` may become, or −1.
  TokenId find(std::string_view text) const;
  /// The same where `guess` is probably it: merges mostly come in the order of the ids they make.
  TokenId find(std::string_view text, TokenId guess) const {
    return has(guess) && is_indexed(guess) && this->text(guess) == text ? guess : find(text);
  }
  /// The longest text in the index.
  std::size_t longest() const { return longest_; }

 private:
  struct Entry {
    std::uint32_t offset = 0, length = 0;
    TokenType type = TokenType::undefined;
  };
  struct Slot {
    std::uint32_t hash = 0;
    TokenId id = -1;
  };

  bool is_indexed(TokenId id) const {
    return entries_[id].length != 0 && !is_control(id) && type(id) != TokenType::byte;
  }

  std::string texts_;
  std::vector<Entry> entries_;
  std::vector<Slot> index_;  ///< open addressing, a power of two, at most half full
  std::size_t longest_ = 0;
};

/// GPT-2's way to write bytes as printable characters: space is Ġ, newline is Ċ.
namespace byte_level {
/// Appends the character of each byte.
void encode(std::string_view bytes, std::string& out);
/// The bytes of a text, or nothing where one of its characters stands for no byte.
std::optional<std::string> decode(std::string_view text);
}  // namespace byte_level

/// 0x41 for "<0x41>"; nothing for any other text: exactly two hexadecimal digits.
std::optional<std::uint8_t> parse_byte_token(std::string_view text);

}  // namespace hearth
