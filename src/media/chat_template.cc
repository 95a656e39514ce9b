#include "media/chat_template.h"

#include "media/jinja_interpreter.h"
#include "media/jinja_parser.h"

namespace hearth {

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  HEARTH_TRY(auto parsed, jinja::parse(source, TemplateBudget().depth));
  ChatTemplate made;
  made.template_ = std::move(parsed);
  return made;
}

Result<ChatTemplate::Rendered> ChatTemplate::render(const Json& variables,
                                                    const TemplateBudget& budget) const {
  CHECK(template_ != nullptr);
  jinja::Interpreter interpreter(*template_, budget);
  HEARTH_TRY_STATUS(interpreter.set_variables(variables));
  HEARTH_TRY(const jinja::Text* text, interpreter.run());
  return Rendered{text->bytes, text->marks};
}

}  // namespace hearth
