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

namespace jinja {
struct Template;
}

/// Every loop and allocation of a template is paid from these: a file cannot hang or exhaust us.
struct TemplateBudget {
  int depth = 64;                        ///< nesting of expressions, blocks and macro calls
  std::size_t steps = 2'000'000;         ///< evaluated nodes; also 64 bytes of text, a list's item
  std::size_t output_bytes = 16u << 20;  ///< of the rendering and of any one string
};

/// Immutable and cheap to copy; safe to use from many threads.
class ChatTemplate {
 public:
  /// Errors (`bad_input`) give line and column. At most 1 MiB of valid UTF-8.
  static Result<ChatTemplate> parse(std::string_view source);

  struct Rendered {
    std::string text;
    /// Sorted, disjoint ranges of `text` whose characters came out of `messages` (directly or
    /// through slices, concatenation, filters …): users' words, never control tokens. Every other
    /// variable counts as users' words too, except those named `…_token` or `…_tokens`.
    std::vector<ByteRange> from_messages;
  };
  /// `variables`: messages, tools, documents, add_generation_prompt, bos_token, …, as JSON; as in
  /// transformers absent tools and documents are none, an absent add_generation_prompt is false.
  /// `strftime_now(format)` uses the variable `strftime_now` when given (a fixed string; formatted
  /// if it is an ISO date and time), else the local time. A template's own raise_exception(text)
  /// is a `bad_input` error with exactly that text; other errors give line and column.
  Result<Rendered> render(const Json& variables, const TemplateBudget& budget = {}) const;

 private:
  std::shared_ptr<const jinja::Template> template_;
};

}  // namespace hearth
