// Real chat templates, rendered by transformers: every byte must agree.
#include <gtest/gtest.h>

#include "base/files.h"
#include "formats/json.h"
#include "media/chat_template.h"
#include "support/data.h"

namespace hearth {
namespace {

class TemplateGolden : public testing::Test {
 protected:
  static Json read(const std::filesystem::path& path) {
    auto text = read_file(path);
    EXPECT_TRUE(text) << text.error().message;
    auto json = text ? parse_json(*text, path.string()) : Result<Json>(Json());
    EXPECT_TRUE(json) << json.error().message;
    return json ? *json : Json();
  }

  /// What transformers passed: the variables of all cases, the case's own and its messages.
  static Json variables(const Json& inputs, const Json& one) {
    Json all = inputs.at("variables");
    all["strftime_now"] = inputs.at("strftime_now");
    if (one.contains("messages"))
      all["messages"] = one.at("messages");
    else
      all.update(inputs.at("lists").at(one.at("list").get<std::string>()));
    all["add_generation_prompt"] = one.at("add_generation_prompt");
    return all;
  }

  static void check(const ChatTemplate& parsed, const Json& inputs, const Json& one) {
    auto rendered = parsed.render(variables(inputs, one));
    if (!one.contains("error")) {
      ASSERT_TRUE(rendered) << rendered.error().message;
      EXPECT_EQ(rendered->text, one.at("output").get<std::string>());
      return;
    }
    ASSERT_FALSE(rendered) << rendered->text;
    EXPECT_EQ(rendered.error().kind, ErrorKind::bad_input);
    // What the template raised is word for word the same; what Python raised is put otherwise.
    if (!one.at("error_kind").get<std::string>().starts_with("host")) {
      EXPECT_EQ(rendered.error().message, one.at("error").get<std::string>());
    }
  }
};

TEST_F(TemplateGolden, RendersEveryByteAsTransformersDoes) {
  HEARTH_GOLDEN(expected_path, "templates/expected.json");
  HEARTH_GOLDEN(inputs_path, "templates/inputs.json");
  HEARTH_GOLDEN(sources, "templates/jinja");
  const Json expected = read(expected_path), inputs = read(inputs_path);
  int cases = 0;
  for (const Json& entry : expected) {
    const std::string name = entry.at("template");
    SCOPED_TRACE(name);
    auto source = read_file(sources / (name + ".jinja"));
    ASSERT_TRUE(source) << source.error().message;
    auto parsed = ChatTemplate::parse(*source);
    ASSERT_TRUE(parsed) << parsed.error().message;
    for (const Json& one : entry.at("cases")) {
      SCOPED_TRACE(one.at("list").get<std::string>() +
                   (one.at("add_generation_prompt") ? ", with a prompt" : ""));
      check(*parsed, inputs, one);
      ++cases;
    }
  }
  EXPECT_GE(cases, 100);
}

}  // namespace
}  // namespace hearth
