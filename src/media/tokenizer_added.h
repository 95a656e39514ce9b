// Tokens that are found in a text before anything else happens to it: control tokens such as
// <|im_end|>, and the added tokens of a tokenizer.json.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "media/tokenizer.h"

namespace hearth {

struct AddedToken {
  TokenId id = 0;
  std::string text;          ///< not empty
  bool control = false;      ///< only found where control tokens are asked for
  bool single_word = false;  ///< only between characters that are no part of a word
  bool strip_left = false;   ///< takes the spaces before it along
  bool strip_right = false;  ///< takes the spaces behind it along
};

/// Finds the leftmost, then longest token at every place. An Aho–Corasick automaton of the reversed
/// texts runs over the text from its end: where it stands it knows all tokens that start there. So
/// the time is linear in the text whatever the tokens are.
class AddedTokens {
 public:
  struct Match {
    std::size_t begin, end;  ///< bytes, with stripped spaces
    TokenId id;
  };

  /// Of equal texts the last counts.
  void build(std::vector<AddedToken> tokens);
  /// Matches in order. `literal`: sorted and disjoint; no control token touches one of them.
  std::vector<Match> find_all(std::string_view text, bool control,
                              std::span<const ByteRange> literal) const;
  /// The token with exactly this text, or null.
  const AddedToken* find(std::string_view text) const;

 private:
  struct Node {
    std::uint32_t first_child = 0, sibling = 0;  ///< 0: none (the root is nobody's child)
    std::uint32_t fail = 0;
    std::uint32_t shorter = 0;       ///< nearest node on the fail chain that ends a token
    std::uint32_t shorter_free = 0;  ///< the same, for a token that is not control
    std::int32_t token = -1;         ///< index of the token whose first byte this is
    std::uint8_t byte = 0;
  };
  struct Hit {
    std::size_t begin;
    std::uint32_t node;
  };

  std::uint32_t child(std::uint32_t node, std::uint8_t byte) const;
  std::uint32_t add_child(std::uint32_t node, std::uint8_t byte);
  void link();
  bool ends_token(std::uint32_t node, bool free) const;
  std::vector<Hit> hits(std::string_view text) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::array<std::uint32_t, 256> root_{};
};

}  // namespace hearth
