// From messages to cells: chat template, picture markers, tokens. What a user typed never becomes a
// control token.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "media/chat_template.h"
#include "media/tokenizer.h"
#include "models/model.h"
#include "tasks/kv_cache.h"
#include "tasks/pictures.h"

namespace hearth {

struct PromptPart {
  std::string text;  ///< used where there is no picture
  std::shared_ptr<const Picture> picture;
};

struct PromptMessage {
  std::string role;  ///< "system", "user", "assistant"
  std::vector<PromptPart> parts;
};

/// What a prompt is built with. `vision` may be null.
struct PromptContext {
  const Tokenizer* tokenizer = nullptr;
  const ChatTemplate* chat_template = nullptr;  ///< null: messages are joined by line ends
  const VisionModel* vision = nullptr;
  bool parse_special = false;   ///< control tokens in users' text become tokens
  std::string model = "model";  ///< its file or name, for errors of its template
};

struct Prompt {
  std::vector<Cell> cells;
  struct FeatureRow {
    std::int32_t cell;
    std::shared_ptr<const Picture> picture;
    std::size_t tile;
    int row;  ///< of the tile's features
  };
  std::vector<FeatureRow> features;  ///< ascending cells
};

/// The conversation as the model's template renders it, ready for the assistant's answer.
/// Errors (`bad_input`): the template's own; a picture for a model without vision; markers and
/// pictures that do not match.
Result<Prompt> build_chat_prompt(const PromptContext& context,
                                 const std::vector<PromptMessage>& messages);
/// The parts one after another, no template; bos as the model's file says.
Result<Prompt> build_raw_prompt(const PromptContext& context, const std::vector<PromptPart>& parts);

}  // namespace hearth
