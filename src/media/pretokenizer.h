// Pre-tokenizers: how a text is cut into words before BPE. Published as regular expressions; here
// each is a hand-written scanner, linear in the text, because no backtracking engine ever sees what
// a user types. tests/media/pretokenizer_test.cc holds the published patterns and compares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

enum class Pretokenizer {
  none,  ///< one word
  gpt2,
  smollm,  ///< single digits, then gpt2; also starcoder, refact, command-r
  llama3,
  qwen2,
  gpt4o,
  tekken,
  deepseek_llm,
  deepseek_coder,
  falcon,
  plain,  ///< what llama.cpp does where a GGUF file names none ("default")
};

/// "smollm", as GGUF files write it.
std::string_view name_of(Pretokenizer kind);

/// What a GGUF file's `tokenizer.ggml.pre` implies.
struct GgufPretokenizer {
  std::string_view name;
  Pretokenizer kind;
  bool whole_words = false;  ///< a word that is a token is taken without merging
  bool add_bos = false;
};
const GgufPretokenizer* find_gguf_pretokenizer(std::string_view name);
/// "default, deepseek-coder, …", for messages.
std::string known_gguf_pretokenizers();

/// The scanner for a `Split` pattern of tokenizer.json, if it is one of the known ones.
std::optional<Pretokenizer> find_split_pattern(std::string_view regex);

/// Replaces `ends` by the byte offsets at which the words of `text` end (ascending; the last is the
/// text's size; none for an empty text). `text` must be valid UTF-8 of less than 2 GiB.
void pretokenize(Pretokenizer kind, std::string_view text, std::vector<std::uint32_t>& ends);

}  // namespace hearth
