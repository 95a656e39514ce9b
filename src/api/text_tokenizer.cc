// A tokenizer alone.
#include <filesystem>

#include "api/embedded_model.h"
#include "api/impl.h"
#include "base/files.h"

namespace hearth {

namespace fs = std::filesystem;

struct TextTokenizer::Impl {
  Tokenizer tokenizer;
};

Result<TextTokenizer> TextTokenizer::load(const std::string& path) {
  return guarded([&]() -> Result<TextTokenizer> {
    auto wrap = [](Result<Tokenizer> tokenizer) -> Result<TextTokenizer> {
      if (!tokenizer) return tokenizer.error();
      TextTokenizer out;
      out.impl_ = std::make_shared<const Impl>(Impl{*std::move(tokenizer)});
      return out;
    };
    HEARTH_TRY(const PathKind kind, path_kind(path));
    if (path.empty() || (path == "nano" && kind == PathKind::none)) {
      HEARTH_TRY(gguf::File file, gguf::File::parse(embedded_text(), "nano"));
      return wrap(Tokenizer::from_gguf(file));
    }
    if (kind == PathKind::none) return no_such_model(path);
    fs::path json = path;
    if (kind == PathKind::directory) json /= "tokenizer.json";
    if (json.extension() == ".json") {
      HEARTH_TRY(std::string text, read_file(json, std::size_t{256} << 20));
      std::string config;
      fs::path beside = json.parent_path() / "tokenizer_config.json";
      HEARTH_TRY(const PathKind config_kind, path_kind(beside));
      if (config_kind != PathKind::none) {
        HEARTH_TRY(config, read_file(beside));
      }
      return wrap(Tokenizer::from_tokenizer_json(text, config, json.string()));
    }
    HEARTH_TRY(gguf::File file, gguf::File::open(path));
    return wrap(Tokenizer::from_gguf(file));
  });
}

std::vector<std::int32_t> TextTokenizer::encode(std::string_view text, bool parse_special,
                                                bool add_special) const {
  Tokenizer::Options options;
  options.parse_special = parse_special;
  options.add_special = add_special;
  return impl_->tokenizer.encode(text, options);
}

std::string TextTokenizer::piece(std::int32_t id) const { return impl_->tokenizer.piece(id); }

}  // namespace hearth
