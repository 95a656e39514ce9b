// Statements; expressions are in jinja_parser_expressions.cc.
#include "media/jinja_parser.h"

#include <algorithm>

#include "formats/quote.h"
#include "media/unicode.h"

namespace hearth::jinja {
namespace {

constexpr std::size_t kMaxSourceBytes = 1u << 20;

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Target name_target(const Token& token, Symbol symbol) {
  Target target;
  target.offset = token.offset;
  target.symbol = symbol;
  return target;
}

}  // namespace

Parser::Parser(Template& into, std::vector<Token> tokens, int max_depth)
    : template_(into), tokens_(std::move(tokens)), depth_left_(max_depth) {
  for (const char* name : {"loop", "caller", "varargs", "kwargs"}) symbol(name);
}

Symbol Parser::symbol(std::string_view name) {
  auto known = symbols_.find(name);
  if (known != symbols_.end()) return known->second;
  auto made = static_cast<Symbol>(template_.names.size());
  template_.names.emplace_back(name);
  symbols_.emplace(name, made);
  return made;
}

Error Parser::fail_at(const Token& token, std::string_view message) const {
  return error_at(template_.source, token.offset, message);
}

Error Parser::unexpected(std::string_view expected) const {
  std::string found;
  switch (current().type) {
    case TokenType::end:
      found = "the end of the template";
      break;
    case TokenType::tag_end:
      found = "the end of the tag";
      break;
    case TokenType::print_end:
      found = "}}";
      break;
    default:
      found = quote_name(current().text);
  }
  return fail("expected " + std::string(expected) + ", found " + found);
}

Status Parser::expect_symbol(std::string_view s) {
  if (skip_symbol(s)) return {};
  return unexpected("'" + std::string(s) + "'");
}

Status Parser::expect_name(std::string_view s) {
  if (skip_name(s)) return {};
  return unexpected("'" + std::string(s) + "'");
}

Status Parser::expect_tag_end() {
  if (current().type != TokenType::tag_end) return unexpected("the end of the tag");
  next();
  return {};
}

Result<Block> Parser::parse_template() {
  Block block;
  while (current().type != TokenType::end) HEARTH_TRY_STATUS(statement(block));
  return block;
}

Result<Block> Parser::body_until(std::initializer_list<std::string_view> ends,
                                 const Token& opened) {
  skip_symbol(":");
  HEARTH_TRY_STATUS(expect_tag_end());
  Level level(*this);
  if (level.too_deep()) return fail_at(opened, "the template is nested too deeply here");
  Block block;
  while (current().type != TokenType::end) {
    if (current().type == TokenType::tag_begin && ahead().type == TokenType::name &&
        is_one_of(ahead().text, ends)) {
      next();
      return block;
    }
    HEARTH_TRY_STATUS(statement(block));
  }
  return fail_at(opened, "{% " + std::string(opened.text) + " %} has no {% " +
                             std::string(*(ends.end() - 1)) + " %}");
}

Result<Block> Parser::body(std::string_view end, const Token& opened) {
  HEARTH_TRY(Block block, body_until({end}, opened));
  next();
  HEARTH_TRY_STATUS(expect_tag_end());
  return block;
}

Status Parser::statement(Block& into) {
  if (current().type == TokenType::data) {
    const Token& token = next();
    into.push_back({token.offset, Data{Text{std::string(token.text), {}}}});
    return {};
  }
  if (current().type == TokenType::print_begin) return print_statement(into);
  next();  // tag_begin
  if (current().type != TokenType::name) return unexpected("the name of a tag");
  const Token& tag = next();
  using Handler = Status (Parser::*)(const Token&, Block&);
  constexpr std::pair<std::string_view, Handler> kTags[] = {
      {"if", &Parser::if_statement},     {"for", &Parser::for_statement},
      {"set", &Parser::set_statement},   {"macro", &Parser::macro_statement},
      {"call", &Parser::call_statement}, {"filter", &Parser::filter_statement},
      {"with", &Parser::with_statement}, {"generation", &Parser::generation_statement},
      {"break", &Parser::loop_control},  {"continue", &Parser::loop_control},
  };
  for (auto [name, handler] : kTags)
    if (name == tag.text) return (this->*handler)(tag, into);
  if (is_one_of(tag.text, {"include", "import", "from", "extends", "block"}))
    return fail_at(
        tag, "{% " + std::string(tag.text) + " %} is not supported: a chat template stands alone");
  return fail_at(tag, "unknown or misplaced tag " + quote_name(tag.text));
}

Status Parser::print_statement(Block& into) {
  const Token& begin = next();
  HEARTH_TRY(ExprPtr value, tuple_or_expression(true));
  if (current().type != TokenType::print_end) return unexpected("'}}'");
  next();
  into.push_back({begin.offset, Print{std::move(value)}});
  return {};
}

Status Parser::if_statement(const Token& tag, Block& into) {
  If made;
  do {
    HEARTH_TRY(ExprPtr test, tuple_or_expression(false));
    HEARTH_TRY(Block block, body_until({"elif", "else", "endif"}, tag));
    made.branches.emplace_back(std::move(test), std::move(block));
  } while (skip_name("elif"));
  if (skip_name("else")) {
    HEARTH_TRY(made.otherwise, body("endif", tag));
  } else {
    next();
    HEARTH_TRY_STATUS(expect_tag_end());
  }
  into.push_back({tag.offset, std::move(made)});
  return {};
}

Status Parser::for_statement(const Token& tag, Block& into) {
  For made;
  HEARTH_TRY(made.target, target(false));
  HEARTH_TRY_STATUS(expect_name("in"));
  HEARTH_TRY(made.items, tuple_or_expression(false));
  if (skip_name("if")) {
    HEARTH_TRY(made.condition, expression());
  }
  made.recursive = skip_name("recursive");
  ++loops_;
  auto block = body_until({"else", "endfor"}, tag);
  --loops_;
  HEARTH_TRY(made.body, std::move(block));
  if (skip_name("else")) {
    HEARTH_TRY(made.otherwise, body("endfor", tag));
  } else {
    next();
    HEARTH_TRY_STATUS(expect_tag_end());
  }
  into.push_back({tag.offset, std::move(made)});
  return {};
}

Status Parser::set_statement(const Token& tag, Block& into) {
  HEARTH_TRY(Target to, target(true));
  if (skip_symbol("=")) {
    HEARTH_TRY(ExprPtr value, tuple_or_expression(true));
    HEARTH_TRY_STATUS(expect_tag_end());
    into.push_back({tag.offset, Set{std::move(to), std::move(value)}});
    return {};
  }
  SetBlock made{std::move(to), {}, {}};
  while (skip_symbol("|")) {
    HEARTH_TRY(FilterCall filter, filter_call());
    made.filters.push_back(std::move(filter));
  }
  int outer = std::exchange(loops_, 0);  // no way out of a half-made text
  HEARTH_TRY(made.body, body("endset", tag));
  loops_ = outer;
  into.push_back({tag.offset, std::move(made)});
  return {};
}

Status Parser::parameters(Macro& macro) {
  HEARTH_TRY_STATUS(expect_symbol("("));
  while (!at_symbol(")")) {
    if (!macro.parameters.empty()) HEARTH_TRY_STATUS(expect_symbol(","));
    if (current().type != TokenType::name) return unexpected("the name of a parameter");
    const Token& name = next();
    Parameter made{symbol(name.text), std::string(name.text), nullptr};
    if (skip_symbol("=")) {
      HEARTH_TRY(made.fallback, expression());
    } else if (!macro.parameters.empty() && macro.parameters.back().fallback) {
      return fail_at(name, "a parameter without default follows one with");
    }
    macro.parameters.push_back(std::move(made));
  }
  return expect_symbol(")");
}

Status Parser::macro_body(std::string_view end, const Token& tag, Macro& macro) {
  macros_.push_back(&macro);
  int outer = std::exchange(loops_, 0);
  HEARTH_TRY(macro.body, body(end, tag));
  loops_ = outer;
  macros_.pop_back();
  return {};
}

Status Parser::macro_statement(const Token& tag, Block& into) {
  if (current().type != TokenType::name) return unexpected("the name of a macro");
  Macro made;
  made.name = current().text;
  made.symbol = symbol(next().text);
  HEARTH_TRY_STATUS(parameters(made));
  HEARTH_TRY_STATUS(macro_body("endmacro", tag, made));
  into.push_back({tag.offset, std::move(made)});
  return {};
}

Status Parser::call_statement(const Token& tag, Block& into) {
  CallBlock made;
  made.caller.name = "caller";
  if (at_symbol("(")) HEARTH_TRY_STATUS(parameters(made.caller));
  HEARTH_TRY(made.call, expression());
  auto* call = std::get_if<Postfix>(&made.call->what);
  if (!call || !std::holds_alternative<Call>(call->suffixes.back().what))
    return fail_at(tag, "{% call %} needs a call");
  HEARTH_TRY_STATUS(macro_body("endcall", tag, made.caller));
  into.push_back({tag.offset, std::move(made)});
  return {};
}

Status Parser::filter_statement(const Token& tag, Block& into) {
  FilterBlock made;
  do {
    HEARTH_TRY(FilterCall filter, filter_call());
    made.filters.push_back(std::move(filter));
  } while (skip_symbol("|"));
  int outer = std::exchange(loops_, 0);
  HEARTH_TRY(made.body, body("endfilter", tag));
  loops_ = outer;
  into.push_back({tag.offset, std::move(made)});
  return {};
}

Status Parser::with_statement(const Token& tag, Block& into) {
  With made;
  while (current().type != TokenType::tag_end) {
    if (!made.assignments.empty()) HEARTH_TRY_STATUS(expect_symbol(","));
    HEARTH_TRY(Target to, single_target(false));
    HEARTH_TRY_STATUS(expect_symbol("="));
    HEARTH_TRY(ExprPtr value, expression());
    made.assignments.emplace_back(std::move(to), std::move(value));
  }
  HEARTH_TRY(made.body, body("endwith", tag));
  into.push_back({tag.offset, std::move(made)});
  return {};
}

/// transformers marks what the model is trained on with this tag; the text passes through.
Status Parser::generation_statement(const Token& tag, Block& into) {
  With made;
  int outer = std::exchange(loops_, 0);
  HEARTH_TRY(made.body, body("endgeneration", tag));
  loops_ = outer;
  into.push_back({tag.offset, std::move(made)});
  return {};
}

Status Parser::loop_control(const Token& tag, Block& into) {
  if (loops_ == 0) return fail_at(tag, "{% " + std::string(tag.text) + " %} outside a loop");
  HEARTH_TRY_STATUS(expect_tag_end());
  if (tag.text == "break")
    into.push_back({tag.offset, Break{}});
  else
    into.push_back({tag.offset, Continue{}});
  return {};
}

Result<Target> Parser::single_target(bool namespaces) {
  Level level(*this);
  if (level.too_deep()) return fail("the template is nested too deeply here");
  if (skip_symbol("(")) {
    HEARTH_TRY(Target inner, target(namespaces));
    HEARTH_TRY_STATUS(expect_symbol(")"));
    return inner;
  }
  if (current().type != TokenType::name) return unexpected("a name to assign to");
  if (is_one_of(current().text, {"true", "false", "none", "True", "False", "None"}))
    return unexpected("a name to assign to");
  const Token& name = next();
  Target made = name_target(name, symbol(name.text));
  if (namespaces && skip_symbol(".")) {
    if (current().type != TokenType::name) return unexpected("the name of an attribute");
    made.attribute = std::make_unique<const Text>(Text{std::string(next().text), {}});
  }
  return made;
}

Result<Target> Parser::target(bool namespaces) {
  HEARTH_TRY(Target first, single_target(namespaces));
  if (!at_symbol(",")) return first;
  Target all;
  all.offset = first.offset;
  all.is_tuple = true;
  all.parts.push_back(std::move(first));
  while (skip_symbol(",")) {
    if (current().type != TokenType::name && !at_symbol("(")) break;
    if (at_name("in")) break;
    HEARTH_TRY(Target part, single_target(namespaces));
    all.parts.push_back(std::move(part));
  }
  return all;
}

Result<std::shared_ptr<const Template>> parse(std::string_view source, int max_depth) {
  if (source.size() > kMaxSourceBytes)
    return bad_input("chat template: " + std::to_string(source.size()) + " bytes, at most " +
                     std::to_string(kMaxSourceBytes) + " are allowed");
  if (!unicode::is_valid_utf8(source)) return bad_input("chat template: not valid UTF-8");
  auto made = std::make_shared<Template>();
  made->source = normalise_source(source);
  HEARTH_TRY(auto tokens, tokenize(made->source));
  HEARTH_TRY(made->body, Parser(*made, std::move(tokens), max_depth).parse_template());
  return std::shared_ptr<const Template>(std::move(made));
}

}  // namespace hearth::jinja
