#include "tasks/prompt.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr std::string_view kPlaceholder = "<image>";

/// Text being built, with the ranges that users wrote.
struct MarkedText {
  std::string text;
  std::vector<ByteRange> literal;

  void append(std::string_view words, bool from_user) {
    if (from_user && !words.empty()) {
      if (!literal.empty() && literal.back().end == text.size())
        literal.back().end += words.size();
      else
        literal.push_back({text.size(), text.size() + words.size()});
    }
    text += words;
  }
};

bool inside(const std::vector<ByteRange>& ranges, std::size_t begin, std::size_t end) {
  auto it = std::upper_bound(ranges.begin(), ranges.end(), begin,
                             [](std::size_t at, const ByteRange& r) { return at < r.end; });
  return it != ranges.end() && it->begin < end;
}

/// Copies `source` with the i-th placeholder that no user wrote replaced by picture i's markers.
Result<MarkedText> expand_pictures(const MarkedText& source, const PromptContext& context,
                                   const std::vector<std::shared_ptr<const Picture>>& pictures) {
  MarkedText out;
  std::size_t used = 0, at = 0, range = 0;
  auto copy = [&](std::size_t end) {  // [at, end), keeping the marks
    while (at < end) {
      while (range < source.literal.size() && source.literal[range].end <= at) ++range;
      bool user = range < source.literal.size() && source.literal[range].begin <= at;
      std::size_t stop = end;
      if (range < source.literal.size())
        stop = std::min(end, user ? source.literal[range].end : source.literal[range].begin);
      out.append(std::string_view(source.text).substr(at, stop - at), user);
      at = stop;
    }
  };
  for (std::size_t found = source.text.find(kPlaceholder); found != std::string::npos;
       found = source.text.find(kPlaceholder, found + kPlaceholder.size())) {
    if (inside(source.literal, found, found + kPlaceholder.size())) continue;
    if (used == pictures.size())
      return bad_input("the prompt has more <image> places than the " +
                       std::to_string(pictures.size()) + " pictures given");
    copy(found);
    out.append(context.vision->prompt(pictures[used++]->plan), false);
    at += kPlaceholder.size();
  }
  copy(source.text.size());
  if (used != pictures.size()) {
    return bad_input("the chat template has places for " + std::to_string(used) + " of the " +
                     std::to_string(pictures.size()) + " pictures");
  }
  return out;
}

Result<Prompt> tokenise(const MarkedText& text, const PromptContext& context, bool add_special,
                        const std::vector<std::shared_ptr<const Picture>>& pictures) {
  Tokenizer::Options options;
  options.add_special = add_special;
  if (!context.parse_special) options.literal = text.literal;
  Prompt prompt;
  for (TokenId id : context.tokenizer->encode(text.text, options)) prompt.cells.push_back({id, 0});
  if (pictures.empty()) return prompt;

  auto image_token = context.tokenizer->find(kPlaceholder);
  if (!image_token) return bad_input("the vocabulary has no <image> token");
  const int rows_each = context.vision->shape().tokens_per_tile;
  std::size_t picture = 0, tile = 0;
  int row = 0;
  std::size_t expected = 0, found = 0;
  for (const auto& p : pictures) expected += p->tiles.size() * static_cast<std::size_t>(rows_each);
  for (std::size_t i = 0; i < prompt.cells.size(); ++i) {
    if (prompt.cells[i].token != *image_token) continue;
    ++found;
    if (picture == pictures.size()) continue;
    prompt.cells[i].feature = pictures[picture]->cell_feature(tile, row);
    prompt.features.push_back({static_cast<std::int32_t>(i), pictures[picture], tile, row});
    if (++row < rows_each) continue;
    row = 0;
    if (++tile < pictures[picture]->tiles.size()) continue;
    tile = 0;
    ++picture;
  }
  if (found != expected) {
    return bad_input("the prompt has " + std::to_string(found) +
                     " <image> tokens, the pictures have " + std::to_string(expected) + " rows");
  }
  return prompt;
}

std::string special_text(const Tokenizer& tokenizer, std::optional<TokenId> id) {
  return id ? tokenizer.piece(*id) : "";
}

/// Text templates print a message's string; those of vision models loop over typed items and would
/// pass over it in silence, also where the vision half is absent.
bool prints_strings(const ChatTemplate& chat_template, Json variables) {
  constexpr const char* kWords = "words of a message";
  variables["messages"] = Json::array({{{"role", "user"}, {"content", kWords}}});
  auto rendered = chat_template.render(variables);
  return !rendered || rendered->text.find(kWords) != std::string::npos;
}

Json template_variables(const Tokenizer& tokenizer) {
  return {{"messages", Json::array()},
          {"tools", nullptr},
          {"documents", nullptr},
          {"add_generation_prompt", true},
          {"bos_token", special_text(tokenizer, tokenizer.bos())},
          {"eos_token", special_text(tokenizer, tokenizer.eos())},
          {"unk_token", special_text(tokenizer, tokenizer.unk())},
          {"pad_token", special_text(tokenizer, tokenizer.pad())}};
}

}  // namespace

Result<Prompt> build_chat_prompt(const PromptContext& context,
                                 const std::vector<PromptMessage>& messages) {
  std::vector<std::shared_ptr<const Picture>> pictures;
  Json variables = template_variables(*context.tokenizer);
  const bool pictured = std::any_of(messages.begin(), messages.end(), [](const auto& message) {
    return std::any_of(message.parts.begin(), message.parts.end(),
                       [](const PromptPart& part) { return part.picture != nullptr; });
  });
  const bool as_items =
      pictured || (context.chat_template && !prints_strings(*context.chat_template, variables));
  for (const PromptMessage& message : messages) {
    Json items = Json::array();
    std::string words;
    for (const PromptPart& part : message.parts) {
      if (part.picture) {
        if (!context.vision) return bad_input("this model reads text only: it was given a picture");
        pictures.push_back(part.picture);
        items.push_back({{"type", "image"}});
      } else {
        items.push_back({{"type", "text"}, {"text", part.text}});
        words += part.text;
      }
    }
    variables["messages"].push_back(
        {{"role", message.role}, {"content", as_items ? items : Json(words)}});
  }

  MarkedText text;
  if (!context.chat_template) {
    for (const PromptMessage& message : messages) {
      for (const PromptPart& part : message.parts)
        text.append(part.picture ? kPlaceholder : std::string_view(part.text), !part.picture);
      if (&message != &messages.back()) text.append("\n", false);
    }
  } else {
    auto rendered = context.chat_template->render(variables);
    if (!rendered) return about(context.model, rendered.error());
    text.text = std::move(rendered->text);
    text.literal = std::move(rendered->from_messages);
  }
  HEARTH_TRY(MarkedText expanded, expand_pictures(text, context, pictures));
  return tokenise(expanded, context, !context.chat_template, pictures);
}

Result<Prompt> build_raw_prompt(const PromptContext& context,
                                const std::vector<PromptPart>& parts) {
  MarkedText text;
  std::vector<std::shared_ptr<const Picture>> pictures;
  for (const PromptPart& part : parts) {
    if (part.picture) {
      if (!context.vision) return bad_input("this model reads text only: it was given a picture");
      pictures.push_back(part.picture);
      text.append(context.vision->prompt(part.picture->plan), false);
    } else {
      text.append(part.text, true);
    }
  }
  return tokenise(text, context, true, pictures);
}

}  // namespace hearth
