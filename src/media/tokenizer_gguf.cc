// Tokenizers from the `tokenizer.ggml.*` metadata of a GGUF file.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "formats/quote.h"
#include "media/tokenizer_impl.h"

namespace hearth {
namespace {

using Impl = Tokenizer::Impl;
using Model = Impl::Model;

class GgufLoader {
 public:
  explicit GgufLoader(const gguf::File& file) : file_(file) {}

  Result<Impl> load() {
    HEARTH_TRY_STATUS(read_model());
    HEARTH_TRY_STATUS(read_vocabulary());
    HEARTH_TRY_STATUS(impl_.model == Model::scores ? read_scores() : read_merges());
    HEARTH_TRY_STATUS(read_special_ids());
    HEARTH_TRY_STATUS(read_additions());
    collect_added_tokens();
    impl_.find_end_of_generation(more_ends_);
    return std::move(impl_);
  }

 private:
  Error wrong(const std::string& message) const { return bad_input(file_.name() + ": " + message); }

  Result<const gguf::Array*> need_strings(std::string_view key) {
    HEARTH_TRY(const gguf::Array* array, file_.get_strings(key));
    if (!array) return wrong("metadata " + quote_name(key) + " is missing");
    return array;
  }

  Status read_model() {
    HEARTH_TRY(auto model, file_.get_string("tokenizer.ggml.model"));
    if (!model) return wrong("metadata \"tokenizer.ggml.model\" is missing");
    if (*model == "llama") {
      impl_.model = Model::scores;
      impl_.description = "spm";
      impl_.blocks = true;
      add_bos_ = true;
      HEARTH_TRY(auto prefix, file_.get_bool("tokenizer.ggml.add_space_prefix"));
      if (prefix.value_or(true)) impl_.space_prefix = Impl::SpacePrefix::always;
      impl_.strip_first_space = prefix.value_or(true);
      return {};
    }
    if (*model != "gpt2")
      return wrong("tokenizer.ggml.model " + quote_name(*model) +
                   " is not supported (known: gpt2, llama)");
    HEARTH_TRY(auto name, file_.get_string("tokenizer.ggml.pre"));
    const GgufPretokenizer* pre = find_gguf_pretokenizer(name.value_or("default"));
    if (!pre)
      return wrong("tokenizer.ggml.pre " + quote_name(*name) +
                   " is unknown (known: " + known_gguf_pretokenizers() + ")");
    impl_.model = Model::byte_level;
    impl_.pretokenizer = pre->kind;
    impl_.whole_words = pre->whole_words;
    impl_.description = "bpe/" + std::string(pre->name);
    add_bos_ = pre->add_bos;
    return {};
  }

  Status read_vocabulary() {
    HEARTH_TRY(const gguf::Array* tokens, need_strings("tokenizer.ggml.tokens"));
    HEARTH_TRY(const gguf::Array* types, file_.get_ints("tokenizer.ggml.token_type"));
    const std::size_t n = tokens->strings.size();
    if (n == 0) return wrong("\"tokenizer.ggml.tokens\" is empty");
    if (n > Vocabulary::kMaxTokens)
      return wrong("\"tokenizer.ggml.tokens\" holds " + std::to_string(n) +
                   " tokens, the limit is " + std::to_string(Vocabulary::kMaxTokens));
    if (types && types->count != n)
      return wrong("\"tokenizer.ggml.token_type\" holds " + std::to_string(types->count) +
                   " values for " + std::to_string(n) + " tokens");
    std::size_t bytes = 0;
    for (std::string_view text : tokens->strings) bytes += text.size();
    if (bytes > UINT32_MAX) return wrong("\"tokenizer.ggml.tokens\" holds more than 4 GiB of text");
    impl_.vocab.resize(n, bytes);
    for (std::size_t i = 0; i < n; ++i) {
      std::int64_t type = types ? types->integer(i) : 1;
      if (type < 0 || type > 6)
        return wrong("\"tokenizer.ggml.token_type\" of token " + std::to_string(i) + " is " +
                     std::to_string(type) + ", expected 0 to 6");
      impl_.vocab.set(static_cast<TokenId>(i), tokens->strings[i], static_cast<TokenType>(type));
    }
    impl_.vocab.build_index();
    return read_byte_tokens();
  }

  Status read_byte_tokens() {
    impl_.byte_tokens.fill(-1);
    if (impl_.model == Model::byte_level) {
      impl_.find_byte_level_tokens();
      return {};
    }
    for (TokenId id = 0; impl_.vocab.has(id); ++id) {
      if (impl_.vocab.type(id) != TokenType::byte) continue;
      auto byte = parse_byte_token(impl_.vocab.text(id));
      if (!byte)
        return wrong("token " + std::to_string(id) + " is a byte token with the text " +
                     quote_name(impl_.vocab.text(id)) + ", expected <0x00> to <0xFF>");
      impl_.byte_tokens[*byte] = id;
    }
    return {};
  }

  /// "left right" in order of rank. Merges that name no token of the vocabulary can never apply.
  Status read_merges() {
    HEARTH_TRY(const gguf::Array* merges, need_strings("tokenizer.ggml.merges"));
    const auto& lines = merges->strings;
    if (lines.size() > INT32_MAX) return wrong("\"tokenizer.ggml.merges\" is too long");
    impl_.merges.reserve(lines.size());
    TokenId made = -1;
    for (std::size_t rank = 0; rank < lines.size(); ++rank) {
      const std::size_t space = lines[rank].find(' ', 1);
      if (space == std::string_view::npos)
        return wrong("merge " + std::to_string(rank) + " is " + quote_name(lines[rank]) +
                     ", expected two tokens");
      made = impl_.add_merge(lines[rank].substr(0, space), lines[rank].substr(space + 1),
                             static_cast<std::int32_t>(rank), made + 1);
    }
    return {};
  }

  Status read_scores() {
    HEARTH_TRY(const gguf::Array* scores, file_.get_floats("tokenizer.ggml.scores"));
    const std::size_t n = impl_.vocab.size();
    if (!scores) return wrong("metadata \"tokenizer.ggml.scores\" is missing");
    if (scores->count != n)
      return wrong("\"tokenizer.ggml.scores\" holds " + std::to_string(scores->count) +
                   " values for " + std::to_string(n) + " tokens");
    std::vector<double> score(n);
    for (std::size_t i = 0; i < n; ++i) {
      score[i] = scores->number(i);
      if (!std::isfinite(score[i]))
        return wrong("the score of token " + std::to_string(i) + " is not a finite number");
    }
    rank_by(score);
    return {};
  }

  /// Best score: rank 0. Equal scores share a rank, so that the leftmost pair goes first.
  void rank_by(const std::vector<double>& score) {
    std::vector<TokenId> order(score.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](TokenId a, TokenId b) { return score[a] > score[b]; });
    impl_.ranks.resize(score.size());
    std::int32_t rank = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i > 0 && score[order[i]] < score[order[i - 1]]) ++rank;
      impl_.ranks[order[i]] = rank;
    }
  }

  Result<std::optional<TokenId>> token_id(std::string_view key) {
    HEARTH_TRY(auto id, file_.get_int(key, 0, static_cast<std::int64_t>(impl_.vocab.size()) - 1));
    return id ? std::optional(static_cast<TokenId>(*id)) : std::nullopt;
  }

  Status read_special_ids() {
    if (impl_.model == Model::scores) {
      // SentencePiece's own defaults, where the vocabulary has them.
      if (impl_.vocab.has(0)) impl_.unk = 0;
      if (impl_.vocab.has(1)) impl_.bos = 1;
      if (impl_.vocab.has(2)) impl_.eos = 2;
    }
    struct {
      const char* key;
      std::optional<TokenId>* id;
    } const named[] = {{"tokenizer.ggml.bos_token_id", &impl_.bos},
                       {"tokenizer.ggml.eos_token_id", &impl_.eos},
                       {"tokenizer.ggml.unknown_token_id", &impl_.unk}};
    for (const auto& row : named) {
      HEARTH_TRY(auto id, token_id(row.key));
      if (id) *row.id = id;
    }
    for (const char* key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
      HEARTH_TRY(auto id, token_id(key));
      if (id) more_ends_.push_back(*id);
    }
    // Nothing here uses it, and published files carry padding ids of other models: junk is dropped.
    HEARTH_TRY(auto pad, file_.get_int("tokenizer.ggml.padding_token_id", INT64_MIN, INT64_MAX));
    if (pad && *pad >= 0 && *pad < static_cast<std::int64_t>(impl_.vocab.size()))
      impl_.pad = static_cast<TokenId>(*pad);
    if (impl_.model == Model::scores) impl_.unknown = impl_.unk;
    return {};
  }

  Status read_additions() {
    HEARTH_TRY(auto bos, file_.get_bool("tokenizer.ggml.add_bos_token"));
    HEARTH_TRY(auto eos, file_.get_bool("tokenizer.ggml.add_eos_token"));
    if (bos.value_or(add_bos_)) {
      if (!impl_.bos) return wrong("a bos token is to be added, but no bos_token_id is given");
      impl_.prefix = {*impl_.bos};
    }
    if (eos.value_or(false)) {
      if (!impl_.eos) return wrong("an eos token is to be added, but no eos_token_id is given");
      impl_.suffix = {*impl_.eos};
    }
    return {};
  }

  void collect_added_tokens() {
    // Phi-3's control tokens, but for these three, take the spaces behind them along. GGUF has no
    // place for that, so the architecture has to say it.
    auto architecture = file_.get_string("general.architecture").value_or(std::nullopt);
    const bool phi3 = architecture == "phi3" && impl_.model == Model::scores;
    auto strips = [&](std::string_view text) {
      return phi3 && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
    };
    std::vector<AddedToken> tokens;
    for (TokenId id = 0; impl_.vocab.has(id); ++id) {
      const bool control = impl_.vocab.is_control(id);
      if (!control && impl_.vocab.type(id) != TokenType::user_defined) continue;
      AddedToken token{.id = id, .text = std::string(impl_.vocab.text(id)), .control = control};
      if (token.text.empty()) continue;
      token.strip_right = strips(token.text);
      tokens.push_back(std::move(token));
    }
    impl_.added.build(std::move(tokens));
  }

  const gguf::File& file_;
  Impl impl_;
  bool add_bos_ = false;
  std::vector<TokenId> more_ends_;
};

}  // namespace

Result<Tokenizer> Tokenizer::from_gguf(const gguf::File& file) {
  HEARTH_TRY(Impl impl, GgufLoader(file).load());
  return Tokenizer(std::make_shared<const Impl>(std::move(impl)));
}

}  // namespace hearth
