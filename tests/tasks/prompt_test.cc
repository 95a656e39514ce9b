// What a template is given: a string, or typed items where it would pass over a string.
#include "tasks/prompt.h"

#include <gtest/gtest.h>

#include "support/data.h"

namespace hearth {
namespace {

constexpr const char* kItems =
    "{% for m in messages %}{% for part in m.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}";
constexpr const char* kString = "{% for m in messages %}{{ m.content }}{% endfor %}";

/// The text of the tokens that a question becomes under `source`, without a vision half.
std::string asked(const Tokenizer& tokenizer, const char* source, const std::string& question) {
  auto chat_template = ChatTemplate::parse(source);
  EXPECT_TRUE(chat_template) << chat_template.error().message;
  PromptContext context{&tokenizer, &*chat_template, nullptr, false};
  auto prompt = build_chat_prompt(context, {{"user", {{question, nullptr}}}});
  EXPECT_TRUE(prompt) << prompt.error().message;
  std::string text;
  for (const Cell& cell : prompt->cells) text += tokenizer.piece(cell.token);
  return text;
}

TEST(Prompt, AQuestionReachesATextModelWhateverItsTemplateLoopsOver) {
  HEARTH_GOLDEN(path, "text/a-f16.gguf");
  auto file = gguf::File::open(path);
  ASSERT_TRUE(file);
  auto tokenizer = Tokenizer::from_gguf(*file);
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(asked(*tokenizer, kString, "What is this?"), "What is this?");
  EXPECT_EQ(asked(*tokenizer, kItems, "What is this?"), "What is this?");
}

TEST(Prompt, AnErrorOfTheTemplateNamesTheModel) {
  HEARTH_GOLDEN(path, "text/a-f16.gguf");
  auto file = gguf::File::open(path);
  ASSERT_TRUE(file);
  auto tokenizer = Tokenizer::from_gguf(*file);
  ASSERT_TRUE(tokenizer);
  auto chat_template = ChatTemplate::parse("{{ raise_exception('no questions') }}");
  ASSERT_TRUE(chat_template);
  PromptContext context{&*tokenizer, &*chat_template, nullptr, false, "m.gguf"};
  auto prompt = build_chat_prompt(context, {{"user", {{"Hi", nullptr}}}});
  ASSERT_FALSE(prompt);
  EXPECT_EQ(prompt.error().message, "m.gguf: no questions");
}

}  // namespace
}  // namespace hearth
