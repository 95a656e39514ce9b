// Small templates about one thing each, rendered by Jinja2 itself (tests/data/jinja_cases.json).
#include <gtest/gtest.h>

#include "base/files.h"
#include "formats/json.h"
#include "media/chat_template.h"

namespace hearth {
namespace {

Result<ChatTemplate::Rendered> render(const std::string& source, const Json& variables) {
  HEARTH_TRY(ChatTemplate parsed, ChatTemplate::parse(source));
  return parsed.render(variables);
}

TEST(JinjaCases, AgreeWithJinja2) {
  const std::string path = std::string(HEARTH_TEST_DATA) + "/jinja_cases.json";
  auto text = read_file(path);
  ASSERT_TRUE(text) << text.error().message;
  auto file = parse_json(*text, path);
  ASSERT_TRUE(file) << file.error().message;
  Json variables = file->at("variables");
  variables["strftime_now"] = "2024-07-26T09:05:03";

  for (const Json& one : file->at("cases")) {
    const std::string source = one.at("template");
    SCOPED_TRACE(one.at("group").get<std::string>() + ": " + source);
    auto rendered = render(source, variables);
    if (one.contains("error")) {
      // Python's words are its own; that there is an error is what counts.
      EXPECT_FALSE(rendered) << "Jinja2: " << one.at("error") << "\nhere: " << rendered->text;
      continue;
    }
    EXPECT_TRUE(rendered) << rendered.error().message;
    if (rendered) {
      EXPECT_EQ(rendered->text, one.at("expected").get<std::string>());
    }
  }
  EXPECT_GE(file->at("cases").size(), 400u);
}

}  // namespace
}  // namespace hearth
