// Text ⇄ token ids: byte-level BPE, SentencePiece BPE, and every tokenizer.json they come in.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/gguf.h"

namespace hearth {

using TokenId = std::int32_t;

/// Bytes [begin, end) of a text.
struct ByteRange {
  std::size_t begin = 0, end = 0;
  bool operator==(const ByteRange&) const = default;
};

/// Immutable and cheap to share; safe to call from many threads.
class Tokenizer {
 public:
  /// From `tokenizer.ggml.*` of a GGUF file.
  static Result<Tokenizer> from_gguf(const gguf::File& file);
  /// From Hugging Face's tokenizer.json; `tokenizer_config` (may be empty) names bos, eos, pad,
  /// unk.
  static Result<Tokenizer> from_tokenizer_json(std::string_view tokenizer_json,
                                               std::string_view tokenizer_config,
                                               std::string_view where);

  struct Options {
    bool parse_special = true;  ///< control tokens written in the text become that token
    bool add_special = false;   ///< bos/eos as the model's file says
    /// Ranges that users wrote, in any order: no control token is recognised that touches one.
    std::span<const ByteRange> literal = {};
  };
  std::vector<TokenId> encode(std::string_view text, const Options& options) const;

  /// The bytes of one token ("\n" for Ċ; the token's text for control tokens). May be part of a
  /// UTF-8 sequence. Empty for ids outside the vocabulary.
  std::string piece(TokenId id) const;
  /// Concatenated pieces; control tokens are left out when `skip_special`.
  std::string decode(std::span<const TokenId> ids, bool skip_special = false) const;

  std::size_t vocab_size() const;
  bool is_control(TokenId id) const;
  std::optional<TokenId> find(std::string_view token_text) const;
  std::optional<TokenId> bos() const, eos() const, pad() const, unk() const;
  /// Ids that end an answer: eos, eot, and tokens known by text (<end_of_utterance>, <|im_end|>,
  /// <|endoftext|>, <|eot_id|>, <|end|>, <end_of_turn>, </s> …) when they are control tokens.
  const std::vector<TokenId>& end_of_generation() const;
  /// "bpe/smollm", "spm", … for `hearth show`.
  std::string describe() const;

  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace hearth
