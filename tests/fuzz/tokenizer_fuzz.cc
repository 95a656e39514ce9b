// Tokenizers from strangers' files, and strangers' texts: neither may crash us, and whatever loads
// must keep its promises. The first byte chooses what the rest is.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf.h"
#include "media/tokenizer.h"

namespace {

using hearth::ByteRange;
using hearth::Tokenizer;

void require(bool condition) {
  if (!condition) std::abort();
}

/// What holds for every tokenizer and every text.
void check(const Tokenizer& tokenizer, std::string_view text) {
  auto in_range = [&](const std::vector<hearth::TokenId>& ids) {
    for (auto id : ids) require(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocab_size());
    require(tokenizer.decode(ids, true).size() <= tokenizer.decode(ids).size() + 1);
  };
  auto has_control = [&](const std::vector<hearth::TokenId>& ids) {
    for (auto id : ids)
      if (tokenizer.is_control(id) && id != tokenizer.unk()) return true;
    return false;
  };
  in_range(tokenizer.encode(text, {.add_special = true}));
  const auto plain = tokenizer.encode(text, {.parse_special = false});
  in_range(plain);
  require(!has_control(plain));
  const ByteRange all{0, text.size()};
  require(tokenizer.encode(text, {.literal = {&all, 1}}) == plain);
  const ByteRange some[] = {{text.size() / 3, text.size() / 2}, {text.size() / 2 + 1, text.size()}};
  in_range(tokenizer.encode(text, {.literal = some}));
  for (auto id : tokenizer.end_of_generation()) tokenizer.piece(id);
  tokenizer.find(text);
}

std::string byte_level_json(const std::string& pre_tokenizer, const std::string& normalizer) {
  return R"({"added_tokens": [{"id": 20, "content": "<x>", "special": true},
     {"id": 21, "content": "<xy", "special": false, "lstrip": true},
     {"id": 22, "content": "the", "special": true, "single_word": true, "rstrip": true}],
     "normalizer": )" +
         normalizer + R"(, "pre_tokenizer": )" + pre_tokenizer +
         R"(, "decoder": {"type": "ByteLevel"}, "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<x>"}}, {"Sequence": {"id": "A"}}],
      "special_tokens": {"<x>": {"ids": [20]}}},
     "model": {"type": "BPE", "vocab": {"t": 0, "h": 1, "e": 2, "Ġ": 3, "a": 4, "Ċ": 5, "1": 6, "<": 7,
      "x": 8, ">": 9, "Ã": 10, "©": 11, "th": 12, "the": 13, "Ġthe": 14, "aa": 15, "ĠĠ": 16, "Ã©": 17},
      "merges": ["t h", "th e", "Ġ the", ["a", "a"], "Ġ Ġ", "Ã ©"]}})";
}

std::string split(const std::string& regex) {
  return R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": ")" +
         regex +
         R"("}, "behavior": "Isolated"}, {"type": "ByteLevel", "add_prefix_space": false,
         "use_regex": false}]})";
}

std::string characters_json(const std::string& parts) {
  return R"({"added_tokens": [{"id": 0, "content": "<unk>", "special": true},
     {"id": 1, "content": "<s>", "special": true}], )" +
         parts + R"(, "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true,
     "byte_fallback": true, "vocab": {"<unk>": 0, "<s>": 1, "▁": 2, "a": 3, "b": 4, "▁a": 5, "ab": 6,
      "<0x0A>": 7, "<0xC3>": 8, "<0xA9>": 9, "▁▁": 10}, "merges": ["▁ a", "a b", "▁ ▁"]}})";
}

const std::vector<std::string>& known_files() {
  static const std::vector<std::string> files = {
      byte_level_json(R"({"type": "ByteLevel"})", "null"),
      byte_level_json(R"({"type": "Sequence", "pretokenizers": [{"type": "Digits",
        "individual_digits": true}, {"type": "ByteLevel", "add_prefix_space": false}]})",
                      "null"),
      byte_level_json(
          split(
              R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)"),
          R"({"type": "NFC"})"),
      byte_level_json(
          split(
              R"([^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)"),
          "null"),
      characters_json(R"("normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend",
        "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"},
        "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip",
        "content": " ", "start": 1, "stop": 0}]})"),
      characters_json(R"("pre_tokenizer": {"type": "Metaspace", "replacement": "▁",
        "prepend_scheme": "first", "split": true})"),
  };
  return files;
}

void load_and_check(std::string_view json, std::string_view text) {
  auto tokenizer = Tokenizer::from_tokenizer_json(json, text, "fuzz");
  if (!tokenizer) tokenizer = Tokenizer::from_tokenizer_json(json, "", "fuzz");
  if (tokenizer) check(*tokenizer, text);
}

/// One of our own files with a few bytes changed: [position, position, byte]… 255 255, then a text.
void load_changed(std::string_view data) {
  if (data.empty()) return;
  std::string json = known_files()[static_cast<unsigned char>(data[0]) % known_files().size()];
  data.remove_prefix(1);
  while (data.size() >= 3) {
    std::size_t at = static_cast<unsigned char>(data[0]) << 8 | static_cast<unsigned char>(data[1]);
    if (at == 0xFFFF) break;
    json[at % json.size()] = data[2];
    data.remove_prefix(3);
  }
  load_and_check(json, data);
}

const std::vector<Tokenizer>& known_tokenizers() {
  static const std::vector<Tokenizer> tokenizers = [] {
    std::vector<Tokenizer> loaded;
    for (const std::string& json : known_files()) {
      auto tokenizer = Tokenizer::from_tokenizer_json(json, "", "fuzz");
      require(tokenizer.has_value());
      loaded.push_back(*tokenizer);
    }
    return loaded;
  }();
  return tokenizers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  std::string_view data(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  switch (bytes[0] % 4) {
    case 0: {
      const std::size_t end = std::min(data.find('\0'), data.size());
      load_and_check(data.substr(0, end), data.substr(std::min(end + 1, data.size())));
      break;
    }
    case 1:
      load_changed(data);
      break;
    case 2: {
      auto file = hearth::gguf::File::parse(std::as_bytes(std::span(data)), "fuzz");
      if (!file) break;
      if (auto tokenizer = Tokenizer::from_gguf(*file))
        check(*tokenizer, data.substr(data.size() / 2));
      break;
    }
    case 3:
      for (const Tokenizer& tokenizer : known_tokenizers()) check(tokenizer, data);
      break;
  }
  return 0;
}
