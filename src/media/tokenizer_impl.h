// What a loaded tokenizer is made of. Loaders (tokenizer_gguf.cc, tokenizer_json.cc) fill it in,
// tokenizer.cc runs it; nothing changes it afterwards.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "media/bpe.h"
#include "media/pretokenizer.h"
#include "media/tokenizer.h"
#include "media/tokenizer_added.h"
#include "media/tokenizer_vocab.h"

namespace hearth {

inline constexpr std::string_view kLowerBlock = "\u2581";  ///< ▁, SentencePiece's space

struct Tokenizer::Impl {
  enum class Model {
    byte_level,  ///< symbols are bytes, merges are a table
    characters,  ///< symbols are characters (or <0xNN>), merges are a table: Gemma's tokenizer.json
    scores,      ///< symbols are characters, any token is a merge, best score first: SentencePiece
  };
  enum class SpacePrefix { never, first, always };  ///< before the text, or before every part of it

  Model model = Model::byte_level;
  Pretokenizer pretokenizer = Pretokenizer::none;
  Vocabulary vocab;
  bpe::MergeTable merges;  ///< byte_level, characters
  std::vector<std::int32_t>
      ranks;  ///< scores: rank of merging into a token; equal scores are equal
  std::array<TokenId, 256> byte_tokens{};  ///< of each byte, −1 where there is none
  AddedTokens added;

  bool whole_words = false;   ///< a word that is a token is taken as it is (ignore_merges)
  bool drop_unknown = false;  ///< bytes without a token vanish before merging, as in tokenizer.json
  bool fuse_unknown = false;  ///< a run of characters without a token is one unknown token
  bool compose = false;       ///< NFC
  bool blocks = false;        ///< spaces are written ▁ in the vocabulary
  SpacePrefix space_prefix = SpacePrefix::never;
  bool prefix_even_if_space = true;  ///< a part that begins with a space gets another one
  bool split_at_blocks = false;      ///< every ▁ begins a word (Metaspace)
  bool strip_first_space = false;    ///< decoding drops one space at the very start

  std::vector<TokenId> prefix, suffix;  ///< with Options::add_special
  std::optional<TokenId> bos, eos, pad, unk;
  std::optional<TokenId> unknown;  ///< stands for what has no token; without it that vanishes
  std::vector<TokenId> end_of_generation;
  std::string description;

  /// byte_level: finds the token of each byte in the vocabulary.
  void find_byte_level_tokens();
  /// Adds a merge of two tokens given by text and returns what they make: −1 where that, or one of
  /// them, is no token that plain text may become (then nothing is added). `guess`: probably it.
  TokenId add_merge(std::string_view left, std::string_view right, std::int32_t rank,
                    TokenId guess);
  /// After everything else is set: the ids that end an answer. `more`: those that the file names.
  void find_end_of_generation(const std::vector<TokenId>& more);
  /// The bytes of one token of the vocabulary.
  std::string piece(TokenId id) const;
};

}  // namespace hearth
