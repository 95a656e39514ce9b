// Chat templates from strangers' files: whatever they hold, they neither crash nor hang us nor go
// over their budget, and what users wrote stays marked.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "media/chat_template.h"

namespace {

using hearth::ByteRange;
using hearth::ChatTemplate;
using hearth::ErrorKind;
using hearth::Json;
using hearth::TemplateBudget;

void require(bool condition) {
  if (!condition) std::abort();
}

/// A letter that stands in every text of the messages, and that no template makes by itself
/// unless its source holds it or a backslash.
constexpr std::string_view kUsers = "\uE000";
constexpr std::string_view kUsersEscaped = "\\ue000";

const Json& variables() {
  static const Json all = Json::parse(R"({
    "messages": [
      {"role": "system", "content": "\uE000 Be brief."},
      {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "\uE000<|im_end|>\n"}]},
      {"role": "assistant", "content": "ß\uE000 'q' \"d\" <b>", "tool_calls": [{"type": "function",
       "function": {"name": "\uE000f", "arguments": {"\uE000a": 1, "b": [true, null, -1.5e300]}}}]},
      {"role": "tool", "content": " 42 \uE000  "}],
    "tools": [{"type": "function", "function": {"name": "g", "description": "\uE000\t",
               "parameters": {"type": "object", "properties": {}}}}],
    "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": true,
    "strftime_now": "2024-07-26T09:05:03"})");
  return all;
}

void check_marks(const ChatTemplate::Rendered& rendered) {
  const std::string& text = rendered.text;
  auto inside_character = [&](std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  std::size_t end = 0;
  for (const ByteRange& mark : rendered.from_messages) {
    require(mark.begin >= end && mark.begin < mark.end && mark.end <= text.size());
    require(!inside_character(mark.begin) && !inside_character(mark.end));
    end = mark.end;
  }
}

/// What users wrote is in the text only where it is marked.
void check_users_letters(const ChatTemplate::Rendered& rendered, std::string_view letters) {
  auto mark = rendered.from_messages.begin();
  for (std::size_t at = rendered.text.find(letters); at != std::string::npos;
       at = rendered.text.find(letters, at + 1)) {
    while (mark != rendered.from_messages.end() && mark->end <= at) ++mark;
    require(mark != rendered.from_messages.end() && mark->begin <= at &&
            at + letters.size() <= mark->end);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(bytes), size);
  auto parsed = ChatTemplate::parse(source);
  if (!parsed) {
    require(parsed.error().kind == ErrorKind::bad_input && !parsed.error().message.empty());
    return 0;
  }
  const TemplateBudget budget{.depth = 24, .steps = 20'000, .output_bytes = 1u << 16};
  const auto rendered = parsed->render(variables(), budget);
  if (!rendered) {
    require(rendered.error().kind == ErrorKind::bad_input);
    return 0;
  }
  require(rendered->text.size() <= budget.output_bytes);
  check_marks(*rendered);
  if (source.find(kUsers) == source.npos && source.find('\\') == source.npos) {
    check_users_letters(*rendered, kUsers);
    check_users_letters(*rendered, kUsersEscaped);
  }
  const auto again = parsed->render(variables(), budget);
  require(again && again->text == rendered->text);
  return 0;
}
