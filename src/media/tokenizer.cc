#include "media/tokenizer.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "media/tokenizer_impl.h"
#include "media/unicode.h"

namespace hearth {
namespace {

using Impl = Tokenizer::Impl;

/// Tokens that end an answer whatever the file says of them, if they are control tokens.
constexpr std::string_view kEndTexts[] = {
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<end_of_turn>",
    "</s>",
    "<end_of_utterance>",
    "<|return|>",
    "<|call|>",
    "<|end_of_text|>",
    "<EOT>",
    "<｜end▁of▁sentence｜>",
};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t begin = 0, found;
  while ((found = text.find(from, begin)) != std::string::npos) {
    out.append(text, begin, found - begin).append(to);
    begin = found + from.size();
  }
  if (begin == 0) return;
  text = out.append(text, begin);
}

/// Turns one text into ids. Parts between added tokens are encoded one by one, in order.
class Encoder {
 public:
  Encoder(const Impl& impl, std::vector<TokenId>& out) : impl_(impl), out_(out) {}

  void encode(std::string_view part, bool first) {
    if (part.empty()) return;
    const std::string text = normalise(part, first);
    pretokenize(impl_.pretokenizer, text, ends_);
    if (impl_.split_at_blocks) split_at_blocks(text);
    std::uint32_t begin = 0;
    for (std::uint32_t end : ends_) {
      encode_word(std::string_view(text).substr(begin, end - begin));
      begin = end;
    }
  }

 private:
  std::string normalise(std::string_view part, bool first) const {
    std::string text;
    bool prefix = impl_.space_prefix == Impl::SpacePrefix::always ||
                  (impl_.space_prefix == Impl::SpacePrefix::first && first);
    bool spaced = part.starts_with(' ') || (impl_.blocks && part.starts_with(kLowerBlock));
    if (prefix && (impl_.prefix_even_if_space || !spaced)) text = " ";
    // Scores and characters fall back to byte tokens, so there even broken UTF-8 is kept as it is.
    if (impl_.model == Impl::Model::byte_level && !unicode::is_valid_utf8(part))
      text += unicode::repair(part);
    else
      text += part;
    if (impl_.compose && unicode::is_valid_utf8(text)) text = unicode::nfc(text);
    if (impl_.blocks) replace_all(text, " ", kLowerBlock);
    return text;
  }

  void split_at_blocks(std::string_view text) {
    ends_.clear();
    for (std::size_t at = text.find(kLowerBlock, 1); at < text.size();
         at = text.find(kLowerBlock, at + 1))
      ends_.push_back(static_cast<std::uint32_t>(at));
    ends_.push_back(static_cast<std::uint32_t>(text.size()));
  }

  void encode_word(std::string_view word) {
    merger_.clear();
    switch (impl_.model) {
      case Impl::Model::byte_level:
        if (impl_.whole_words && take_whole(word)) return;
        return add_bytes(word), merge_by_table(word);
      case Impl::Model::characters:
        if (impl_.whole_words && take_whole(word)) return;
        return add_characters(word, true), merge_by_table(word);
      case Impl::Model::scores:
        return add_characters(word, false), merge_by_score(word);
    }
  }

  bool take_whole(std::string_view word) {
    if (word.size() > impl_.vocab.longest()) return false;
    TokenId id = -1;
    if (impl_.model == Impl::Model::byte_level) {
      whole_.clear();
      byte_level::encode(word, whole_);
      id = impl_.vocab.find(whole_);
    } else {
      id = impl_.vocab.find(word);
    }
    if (id >= 0) out_.push_back(id);
    return id >= 0;
  }

  void add_bytes(std::string_view word) {
    for (std::uint32_t i = 0; i < word.size(); ++i) {
      TokenId id = impl_.byte_tokens[static_cast<unsigned char>(word[i])];
      if (id >= 0 || !impl_.drop_unknown) merger_.add(i, 1, id);
    }
  }

  /// With `fallback`, characters that are no token become byte tokens now, else when all is merged.
  void add_characters(std::string_view word, bool fallback) {
    for (std::uint32_t i = 0; i < word.size();) {
      std::uint32_t length = unicode::decode(word, i).length;
      TokenId id = impl_.vocab.find(word.substr(i, length));
      if (id >= 0 || !fallback || !has_bytes(word.substr(i, length))) {
        merger_.add(i, length, id);
      } else {
        for (std::uint32_t j = i; j < i + length; ++j)
          merger_.add(j, 1, impl_.byte_tokens[static_cast<unsigned char>(word[j])]);
      }
      i += length;
    }
  }

  bool has_bytes(std::string_view character) const {
    return std::all_of(character.begin(), character.end(), [&](char c) {
      return impl_.byte_tokens[static_cast<unsigned char>(c)] >= 0;
    });
  }

  void merge_by_table(std::string_view word) {
    merger_.merge(
        [&](const bpe::Symbol& a, const bpe::Symbol& b) { return impl_.merges.find(a.id, b.id); });
    emit(word);
  }

  void merge_by_score(std::string_view word) {
    merger_.merge([&](const bpe::Symbol& a, const bpe::Symbol& b) -> bpe::Merge {
      TokenId id = impl_.vocab.find(word.substr(a.begin, a.length + b.length));
      return id < 0 ? bpe::Merge{} : bpe::Merge{impl_.ranks[id], id};
    });
    emit(word);
  }

  void emit(std::string_view word) {
    bool after_unknown = false;
    merger_.for_each([&](const bpe::Symbol& symbol) {
      const std::string_view bytes = word.substr(symbol.begin, symbol.length);
      const bool known = symbol.id >= 0;
      if (known) {
        out_.push_back(symbol.id);
      } else if (impl_.model == Impl::Model::scores && has_bytes(bytes)) {
        for (char c : bytes) out_.push_back(impl_.byte_tokens[static_cast<unsigned char>(c)]);
      } else if (impl_.unknown && !(impl_.fuse_unknown && after_unknown)) {
        out_.push_back(*impl_.unknown);
      }
      after_unknown = !known;
    });
  }

  const Impl& impl_;
  std::vector<TokenId>& out_;
  bpe::Merger merger_;
  std::vector<std::uint32_t> ends_;
  std::string whole_;
};

/// Sorted, disjoint, without empty ranges.
std::vector<ByteRange> tidy(std::span<const ByteRange> ranges) {
  std::vector<ByteRange> sorted, merged;
  for (ByteRange range : ranges)
    if (range.begin < range.end) sorted.push_back(range);
  std::sort(sorted.begin(), sorted.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.begin < b.begin; });
  for (ByteRange range : sorted) {
    if (!merged.empty() && range.begin <= merged.back().end)
      merged.back().end = std::max(merged.back().end, range.end);
    else
      merged.push_back(range);
  }
  return merged;
}

}  // namespace

std::string Tokenizer::Impl::piece(TokenId id) const {
  const std::string_view text = vocab.text(id);
  switch (vocab.type(id)) {
    case TokenType::byte:
      if (auto byte = parse_byte_token(text)) return std::string(1, static_cast<char>(*byte));
      break;
    case TokenType::control:
    case TokenType::unknown:
    case TokenType::user_defined:
      break;
    default:
      if (model != Model::byte_level) break;
      return byte_level::decode(text).value_or(std::string(text));
  }
  std::string bytes(text);
  if (blocks) replace_all(bytes, kLowerBlock, " ");
  return bytes;
}

void Tokenizer::Impl::find_byte_level_tokens() {
  for (int b = 0; b < 256; ++b) {
    std::string character;
    byte_level::encode(std::string(1, static_cast<char>(b)), character);
    byte_tokens[b] = vocab.find(character);
  }
}

TokenId Tokenizer::Impl::add_merge(std::string_view left, std::string_view right, std::int32_t rank,
                                   TokenId guess) {
  const TokenId a = vocab.find(left), b = vocab.find(right);
  if (a < 0 || b < 0) return -1;
  std::string joined(left);  // mostly short enough to need no memory
  joined.append(right);
  const TokenId id = vocab.find(joined, guess);
  if (id >= 0) merges.insert(a, b, {rank, id});
  return id;
}

void Tokenizer::Impl::find_end_of_generation(const std::vector<TokenId>& more) {
  auto add = [&](TokenId id) {
    auto& list = end_of_generation;
    if (vocab.has(id) && std::find(list.begin(), list.end(), id) == list.end()) list.push_back(id);
  };
  if (eos) add(*eos);
  for (TokenId id : more) add(id);
  auto control = [&](std::string_view text) -> const AddedToken* {
    const AddedToken* token = added.find(text);
    return token && token->control ? token : nullptr;
  };
  // In OpenAI's harmony format <|end|> only ends a message; the answer may go on.
  const bool harmony = control("<|return|>") && control("<|call|>");
  for (std::string_view text : kEndTexts)
    if (const AddedToken* token = control(text); token && !(harmony && text == "<|end|>"))
      add(token->id);
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, const Options& options) const {
  std::vector<TokenId> ids;
  if (options.add_special) ids = impl_->prefix;
  Encoder encoder(*impl_, ids);
  std::size_t done = 0;
  for (const auto& match :
       impl_->added.find_all(text, options.parse_special, tidy(options.literal))) {
    encoder.encode(text.substr(done, match.begin - done), done == 0);
    ids.push_back(match.id);
    done = match.end;
  }
  encoder.encode(text.substr(done), done == 0);
  if (options.add_special) ids.insert(ids.end(), impl_->suffix.begin(), impl_->suffix.end());
  return ids;
}

std::string Tokenizer::piece(TokenId id) const {
  return impl_->vocab.has(id) ? impl_->piece(id) : std::string();
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string text;
  for (TokenId id : ids)
    if (!(skip_special && is_control(id))) text += piece(id);
  if (impl_->strip_first_space && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

std::size_t Tokenizer::vocab_size() const { return impl_->vocab.size(); }

bool Tokenizer::is_control(TokenId id) const {
  return impl_->vocab.has(id) && impl_->vocab.is_control(id);
}

std::optional<TokenId> Tokenizer::find(std::string_view token_text) const {
  if (const AddedToken* token = impl_->added.find(token_text)) return token->id;
  TokenId id = impl_->vocab.find(token_text);
  if (id >= 0) return id;
  if (auto byte = parse_byte_token(token_text)) id = impl_->byte_tokens[*byte];
  return id >= 0 && impl_->vocab.text(id) == token_text ? std::optional(id) : std::nullopt;
}

std::optional<TokenId> Tokenizer::bos() const { return impl_->bos; }
std::optional<TokenId> Tokenizer::eos() const { return impl_->eos; }
std::optional<TokenId> Tokenizer::pad() const { return impl_->pad; }
std::optional<TokenId> Tokenizer::unk() const { return impl_->unk; }
const std::vector<TokenId>& Tokenizer::end_of_generation() const {
  return impl_->end_of_generation;
}
std::string Tokenizer::describe() const { return impl_->description; }

}  // namespace hearth
