// tokenizer.json → tokenizer.ggml.*. Byte-level BPE keeps its merges; BPE over characters becomes
// SentencePiece, whose scores are the merges' ranks.
#include <algorithm>
#include <unordered_map>

#include "formats/json.h"
#include "formats/quote.h"
#include "media/pretokenizer.h"
#include "models/export.h"

namespace hearth {
namespace {

/// GGUF's kinds of tokens.
enum Type : std::int32_t {
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

class TokenizerExport {
 public:
  TokenizerExport(const Tokenizer& tokenizer, const Json& root, std::string where,
                  gguf::Writer& out)
      : tokenizer_(tokenizer), root_(root), where_(std::move(where)), out_(out) {}

  Status write(std::size_t vocab) {
    // A tokenizer was read from this text before: what must be there is there.
    const Json& model = root_.at("model");
    const bool characters = model.value("byte_fallback", false);
    collect(model, vocab, characters);
    HEARTH_TRY_STATUS(characters ? write_scores(model) : write_merges(model));
    out_.strings("tokenizer.ggml.tokens", tokens_);
    out_.i32s("tokenizer.ggml.token_type", types_);
    write_special_ids();
    return {};
  }

 private:
  void collect(const Json& model, std::size_t vocab, bool characters) {
    tokens_.resize(vocab);
    types_.assign(vocab, Type::unused);
    for (std::size_t i = 0; i < vocab; ++i) tokens_[i] = "[PAD" + std::to_string(i) + "]";
    auto set = [&](std::size_t id, const std::string& text, Type type) {
      if (id >= vocab) return;
      tokens_[id] = text;
      types_[id] = type;
    };
    for (const auto& [text, id] : model.at("vocab").items()) {
      const bool is_byte = characters && text.size() == 6 && text.starts_with("<0x");
      set(id.get<std::size_t>(), text, is_byte ? Type::byte : Type::normal);
    }
    if (auto added = root_.find("added_tokens"); added != root_.end() && added->is_array()) {
      for (const Json& token : *added)
        set(token.at("id").get<std::size_t>(), token.at("content").get<std::string>(),
            token.value("special", false) ? Type::control : Type::user_defined);
    }
    if (auto unk = tokenizer_.unk(); characters && unk && static_cast<std::size_t>(*unk) < vocab)
      types_[static_cast<std::size_t>(*unk)] = Type::unknown;
  }

  /// The two halves of a merge, "a b" or ["a", "b"].
  static std::pair<std::string, std::string> halves(const Json& merge) {
    if (merge.is_array()) return {merge.at(0).get<std::string>(), merge.at(1).get<std::string>()};
    const auto& line = merge.get_ref<const std::string&>();
    const std::size_t space = line.find(' ', 1);
    return {line.substr(0, space), line.substr(space + 1)};
  }

  Status write_merges(const Json& model) {
    HEARTH_TRY(const std::string pre, pre_tokenizer(model));
    std::vector<std::string> merges;
    for (const Json& merge : model.at("merges")) {
      auto [left, right] = halves(merge);
      if (left.find(' ') != left.npos || right.find(' ') != right.npos)
        return bad_input(where_ + ": the merge of " + quote_name(left) + " and " +
                         quote_name(right) + " holds a space: GGUF cannot express it");
      merges.push_back(left + " " + right);
    }
    out_.string("tokenizer.ggml.model", "gpt2");
    out_.string("tokenizer.ggml.pre", pre);
    out_.strings("tokenizer.ggml.merges", merges);
    out_.boolean("tokenizer.ggml.add_space_prefix", false);
    return {};
  }

  /// GGUF's name for how this tokenizer cuts words, which also says whether whole words are looked
  /// up before merging.
  Result<std::string> pre_tokenizer(const Json& model) const {
    std::string name = tokenizer_.describe();
    name = name.substr(name.find('/') + 1);
    const GgufPretokenizer* row = find_gguf_pretokenizer(name);
    if (!row)
      return bad_input(where_ + ": byte-level BPE with the pre-tokenizer " + quote_name(name) +
                       " has no name in GGUF (known: " + known_gguf_pretokenizers() + ")");
    if (row->whole_words && !model.value("ignore_merges", false) && name == "llama-bpe")
      return std::string("smaug-bpe");  // Llama 3's words without its look-up
    return name;
  }

  /// SentencePiece merges whatever makes the best token; here a token is as good as its first merge
  /// is early. Tokens that no merge makes come last.
  Status write_scores(const Json& model) {
    std::unordered_map<std::string, float> rank;
    std::size_t count = 0;
    for (const Json& merge : model.at("merges")) {
      auto [left, right] = halves(merge);
      rank.try_emplace(left + right, -static_cast<float>(count++));
    }
    std::vector<float> scores;
    for (const std::string& token : tokens_) {
      auto it = rank.find(token);
      scores.push_back(it == rank.end() ? -1e9f : it->second);
    }
    out_.string("tokenizer.ggml.model", "llama");
    out_.string("tokenizer.ggml.pre", "default");
    out_.f32s("tokenizer.ggml.scores", scores);
    const auto ids = tokenizer_.encode("a", {});
    const bool prefixed = !ids.empty() && tokenizer_.piece(ids[0]).starts_with(' ');
    out_.boolean("tokenizer.ggml.add_space_prefix", prefixed);
    return {};
  }

  void write_special_ids() {
    const auto around = tokenizer_.encode("", {.add_special = true});
    // Without tokenizer_config.json the post-processor alone knows what a text begins with.
    auto bos = tokenizer_.bos();
    if (!bos && !around.empty() && around.front() != tokenizer_.eos()) bos = around.front();
    const struct {
      const char* key;
      std::optional<TokenId> id;
    } named[] = {{"bos", bos},
                 {"eos", tokenizer_.eos()},
                 {"unknown", tokenizer_.unk()},
                 {"padding", tokenizer_.pad()}};
    for (const auto& row : named)
      if (row.id && static_cast<std::size_t>(*row.id) < tokens_.size())
        out_.u32("tokenizer.ggml." + std::string(row.key) + "_token_id",
                 static_cast<std::uint32_t>(*row.id));
    auto adds = [&](std::optional<TokenId> id) {
      return id && std::find(around.begin(), around.end(), *id) != around.end();
    };
    out_.boolean("tokenizer.ggml.add_bos_token", adds(bos));
    out_.boolean("tokenizer.ggml.add_eos_token", adds(tokenizer_.eos()));
  }

  const Tokenizer& tokenizer_;
  const Json& root_;
  std::string where_;
  gguf::Writer& out_;
  std::vector<std::string> tokens_;
  std::vector<std::int32_t> types_;
};

}  // namespace

Status export_tokenizer(const ModelFiles& files, std::size_t vocab, gguf::Writer& out) {
  const std::string where = files.path + "/tokenizer.json";
  HEARTH_TRY(Tokenizer tokenizer, files.tokenizer());
  if (files.tokenizer_json.empty())
    return bad_input(files.path + ": no tokenizer.json to convert from");
  HEARTH_TRY(Json root, parse_json(files.tokenizer_json, where));
  try {
    return TokenizerExport(tokenizer, root, where, out).write(vocab);
  } catch (const Json::exception& error) {  // only where readers of odd JSON disagree
    return bad_input(where + ": " + error.what());
  }
}

}  // namespace hearth
