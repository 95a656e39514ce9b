// Chat templates: the part of Jinja2 that model files use, as transformers sets it up
// (trim_blocks, lstrip_blocks, loop controls, tojson of Hugging Face, raise_exception).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/json.h"
#include "media/tokenizer.h"

namespace hearth {

/// Every loop and allocation of a template is paid from these: a file cannot hang or exhaust us.
struct TemplateBudget {
  int depth = 64;                          ///< nesting of expressions, blocks and macro calls
  std::size_t steps = 2'000'000;           ///< evaluated nodes
  std::size_t output_bytes = 16u << 20;    ///< of the rendering and of any one string
};

class ChatTemplate {
 public:
  /// Errors (`bad_input`) give line and column.
  static Result<ChatTemplate> parse(std::string_view source);

  struct Rendered {
    std::string text;
    /// Sorted, disjoint ranges of `text` whose characters came out of `messages` (directly or
    /// through slices, concatenation, filters): users' words, never control tokens.
    std::vector<ByteRange> from_messages;
  };
  /// `variables`: messages, tools, documents, add_generation_prompt, bos_token, …, as JSON.
  /// `strftime_now(format)` uses the variable `strftime_now` when given (a fixed string), else the
  /// local time. A template's own raise_exception(text) is a `bad_input` error with that text.
  Result<Rendered> render(const Json& variables, const TemplateBudget& budget = {}) const;

  struct Node;

 private:
  std::shared_ptr<const Node> root_;
};

}  // namespace hearth
