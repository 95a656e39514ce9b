// Tokenizers from Hugging Face's tokenizer.json (the kinds of BPE that model files come with).
#include <simdjson.h>

#include <unordered_map>

#include "formats/json.h"
#include "formats/quote.h"
#include "media/tokenizer_impl.h"
#include "media/tokenizer_json_parts.h"

namespace hearth {
namespace {

using Impl = Tokenizer::Impl;
using json_parts::Object;
namespace dom = simdjson::dom;

constexpr std::size_t kMaxDepth = 64;

class JsonLoader {
 public:
  explicit JsonLoader(std::string_view where) : where_(where) {}

  Result<Impl> load(std::string_view tokenizer, std::string_view config) {
    dom::parser parser;
    HEARTH_TRY(Object root, parse(parser, tokenizer, where_));
    HEARTH_TRY(Object model, root.object("model"));
    HEARTH_TRY_STATUS(json_parts::read_normalizer(root, impl_));
    HEARTH_TRY_STATUS(json_parts::read_pre_tokenizer(root, impl_));
    HEARTH_TRY_STATUS(json_parts::read_decoder(root, impl_));
    HEARTH_TRY_STATUS(read_model_options(model));
    HEARTH_TRY_STATUS(read_added_tokens(root));
    HEARTH_TRY_STATUS(read_vocabulary(model));
    HEARTH_TRY_STATUS(read_unknown(model));
    HEARTH_TRY_STATUS(read_merges(model));
    HEARTH_TRY_STATUS(read_post_processor(root));
    if (!config.empty()) HEARTH_TRY_STATUS(read_config(config));
    impl_.find_end_of_generation({});
    impl_.description = "bpe/" + std::string(name_of(impl_.pretokenizer));
    return std::move(impl_);
  }

 private:
  Error wrong(const std::string& message) const { return bad_input(where_ + ": " + message); }

  static Result<Object> parse(dom::parser& parser, std::string_view text,
                              const std::string& where) {
    auto problem = [&](simdjson::error_code error) {
      return bad_input(where + ": JSON: " + simdjson::error_message(error));
    };
    if (auto error = parser.allocate(std::max<std::size_t>(text.size(), 64), kMaxDepth))
      return problem(error);
    dom::element root;
    if (auto error = parser.parse(text.data(), text.size(), true).get(root)) return problem(error);
    return Object::from(root, where);
  }

  Status read_model_options(const Object& model) {
    HEARTH_TRY(auto type, model.text("type"));
    // The oldest files name no type; only BPE has merges.
    if (type.value_or("BPE") != "BPE")
      return wrong("model type " + quote_name(*type) + " is not supported (known: BPE)");
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      HEARTH_TRY(auto affix, model.text(key));
      if (!affix.value_or("").empty())
        return wrong("model " + std::string(key) + " " + quote_name(*affix) + " is not supported");
    }
    if (model.has("dropout")) return wrong("model dropout is not supported");
    HEARTH_TRY(impl_.whole_words, model.flag("ignore_merges", false));
    HEARTH_TRY(impl_.fuse_unknown, model.flag("fuse_unk", false));
    HEARTH_TRY(byte_fallback_, model.flag("byte_fallback", false));
    return {};
  }

  Result<TokenId> read_id(std::uint64_t id, std::string_view text) const {
    if (id >= Vocabulary::kMaxTokens)
      return wrong("token " + quote_name(text) + " has the id " + std::to_string(id) +
                   ", the limit is " + std::to_string(Vocabulary::kMaxTokens - 1));
    return static_cast<TokenId>(id);
  }

  Status read_added_tokens(const Object& root) {
    HEARTH_TRY(auto list, root.array("added_tokens"));
    if (!list) return {};
    for (dom::element element : *list) {
      HEARTH_TRY(Object entry, Object::from(element, root.where() + ": added token"));
      HEARTH_TRY(auto text, entry.text("content"));
      HEARTH_TRY(auto number, entry.number("id"));
      if (!text || !number) return wrong("an added token lacks \"id\" or \"content\"");
      if (text->empty()) continue;
      AddedToken token{.text = std::string(*text)};
      HEARTH_TRY(token.id, read_id(*number, *text));
      HEARTH_TRY(token.control, entry.flag("special", false));
      HEARTH_TRY(token.single_word, entry.flag("single_word", false));
      HEARTH_TRY(token.strip_left, entry.flag("lstrip", false));
      HEARTH_TRY(token.strip_right, entry.flag("rstrip", false));
      // "normalized" makes no difference with the normalizers that we know, except that ▁ is put
      // before every part: there we find the token wherever it is written.
      added_.push_back(std::move(token));
    }
    return {};
  }

  Status read_vocabulary(const Object& model) {
    HEARTH_TRY(Object vocab, model.object("vocab"));
    std::unordered_map<std::string_view, AddedToken*> added;
    for (AddedToken& token : added_) added[token.text] = &token;
    std::size_t tokens = 0, bytes = 0;
    auto count = [&](TokenId id, std::string_view text) {
      tokens = std::max(tokens, static_cast<std::size_t>(id) + 1);
      bytes += text.size();
    };
    for (auto [text, element] : vocab.fields()) {
      std::uint64_t number;
      if (element.get(number))
        return wrong("the id of token " + quote_name(text) + " is not a whole number");
      HEARTH_TRY(TokenId id, read_id(number, text));
      count(id, text);
      // A token that the model knows has the model's id, whatever the list of added tokens says.
      if (auto same = added.find(text); same != added.end()) same->second->id = id;
    }
    for (const AddedToken& token : added_) count(token.id, token.text);
    if (tokens == 0) return wrong("the vocabulary is empty");
    if (bytes > UINT32_MAX) return wrong("the vocabulary holds more than 4 GiB of text");
    impl_.vocab.resize(tokens, bytes);
    for (auto [text, element] : vocab.fields()) {
      auto id = static_cast<TokenId>(element.get_uint64().value_unsafe());
      bool byte = byte_fallback_ && parse_byte_token(text);
      impl_.vocab.set(id, text, byte ? TokenType::byte : TokenType::normal);
    }
    for (const AddedToken& token : added_)
      impl_.vocab.set(token.id, token.text,
                      token.control ? TokenType::control : TokenType::user_defined);
    impl_.vocab.build_index();
    impl_.added.build(std::move(added_));
    find_byte_tokens();
    return {};
  }

  void find_byte_tokens() {
    impl_.byte_tokens.fill(-1);
    if (impl_.model == Impl::Model::byte_level) return impl_.find_byte_level_tokens();
    for (TokenId id = 0; impl_.vocab.has(id); ++id)
      if (impl_.vocab.type(id) == TokenType::byte)
        impl_.byte_tokens[*parse_byte_token(impl_.vocab.text(id))] = id;
  }

  /// Any token, control tokens too.
  std::optional<TokenId> find(std::string_view text) const {
    if (const AddedToken* token = impl_.added.find(text)) return token->id;
    TokenId id = impl_.vocab.find(text);
    return id >= 0 ? std::optional(id) : std::nullopt;
  }

  Status read_unknown(const Object& model) {
    HEARTH_TRY(auto text, model.text("unk_token"));
    impl_.drop_unknown = !text;
    if (!text) return {};
    impl_.unk = impl_.unknown = find(*text);
    if (!impl_.unk) return wrong("unk_token " + quote_name(*text) + " is not in the vocabulary");
    return {};
  }

  Status read_merges(const Object& model) {
    HEARTH_TRY(auto merges, model.array("merges"));
    if (!merges) return wrong("model \"merges\" is missing");
    // DOM arrays only know sizes below 2^24.
    std::size_t count = 0;
    for ([[maybe_unused]] dom::element merge : *merges) ++count;
    impl_.merges.reserve(count);
    std::int32_t rank = 0;
    TokenId made = -1;
    for (dom::element merge : *merges) {
      std::string_view left, right;
      if (!split_merge(merge, left, right))
        return wrong("merge " + std::to_string(rank) + " is not two tokens");
      made = impl_.add_merge(left, right, rank, made + 1);
      if (made < 0 && !(find(left) && find(right) && find(std::string(left).append(right))))
        return wrong("merge " + std::to_string(rank) + " of " + quote_name(left) + " and " +
                     quote_name(right) + " names a token that is not in the vocabulary");
      ++rank;
    }
    return {};
  }

  /// "left right" or ["left", "right"].
  static bool split_merge(dom::element merge, std::string_view& left, std::string_view& right) {
    std::string_view line;
    if (merge.get(line) == simdjson::SUCCESS) {
      const std::size_t space = line.find(' ', 1);
      if (space == std::string_view::npos) return false;
      left = line.substr(0, space);
      right = line.substr(space + 1);
      return true;
    }
    dom::array pair;
    return merge.get(pair) == simdjson::SUCCESS && pair.size() == 2 &&
           pair.at(0).get(left) == simdjson::SUCCESS && pair.at(1).get(right) == simdjson::SUCCESS;
  }

  Status read_post_processor(const Object& root) {
    HEARTH_TRY(auto ids, json_parts::read_post_processor(root));
    for (const auto* list : {&ids.prefix, &ids.suffix})
      for (std::uint64_t id : *list)
        if (id >= impl_.vocab.size())
          return wrong("post_processor adds the token id " + std::to_string(id) +
                       ", the vocabulary has " + std::to_string(impl_.vocab.size()));
    impl_.prefix.assign(ids.prefix.begin(), ids.prefix.end());
    impl_.suffix.assign(ids.suffix.begin(), ids.suffix.end());
    return {};
  }

  /// tokenizer_config.json: names of tokens, as text or as {"content": text}. Not for simdjson:
  /// real files hold "model_max_length": 1000000000000000019884624838656.
  Status read_config(std::string_view text) {
    const std::string where = where_ + ": tokenizer_config.json";
    HEARTH_TRY(Json config, parse_json(text, where));
    if (!config.is_object()) return bad_input(where + ": expected an object");
    struct {
      const char* key;
      std::optional<TokenId>* id;
    } const named[] = {{"bos_token", &impl_.bos},
                       {"eos_token", &impl_.eos},
                       {"pad_token", &impl_.pad},
                       {"unk_token", &impl_.unk}};
    for (const auto& row : named) {
      Json name = config.value(row.key, Json());
      if (name.is_object()) name = name.value("content", Json());
      if (name.is_null()) continue;
      if (!name.is_string()) return bad_input(where + ": \"" + row.key + "\" is not a string");
      *row.id = find(name.get_ref<const std::string&>());
    }
    return {};
  }

  std::string where_;
  Impl impl_;
  bool byte_fallback_ = false;
  std::vector<AddedToken> added_;
};

}  // namespace

Result<Tokenizer> Tokenizer::from_tokenizer_json(std::string_view tokenizer_json,
                                                 std::string_view tokenizer_config,
                                                 std::string_view where) {
  HEARTH_TRY(Impl impl, JsonLoader(where).load(tokenizer_json, tokenizer_config));
  return Tokenizer(std::make_shared<const Impl>(std::move(impl)));
}

}  // namespace hearth
