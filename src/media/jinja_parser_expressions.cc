// Expressions, loosest binding first: the same functions, in the same order, as Jinja's own
// grammar.
#include <algorithm>
#include <charconv>

#include "media/jinja_builtins.h"
#include "media/jinja_parser.h"
#include "media/unicode.h"

namespace hearth::jinja {
namespace {

ExprPtr text_literal(std::uint32_t offset, std::string bytes) {
  Literal literal;
  literal.text = std::make_unique<const Text>(Text{std::move(bytes), {}});
  literal.value = literal.text.get();
  return make_expr(offset, std::move(literal));
}

/// The character of \xHH, \uHHHH or \UHHHHHHHH whose digits begin at `at`; nothing if malformed.
std::optional<char32_t> hex_escape(std::string_view body, std::size_t at, std::size_t digits) {
  std::uint32_t code = 0;
  if (at + digits > body.size()) return std::nullopt;
  auto end = std::from_chars(body.data() + at, body.data() + at + digits, code, 16);
  if (end.ptr != body.data() + at + digits) return std::nullopt;
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return std::nullopt;
  return code;
}

/// Python's escapes; nothing where one is malformed.
std::optional<std::string> unescape(std::string_view body) {
  constexpr std::string_view kFrom = "abfnrtv\\'\"", kTo = "\a\b\f\n\r\t\v\\'\"";
  std::string out;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      out += body[i];
      continue;
    }
    char c = body[++i];  // the lexer saw to it that something follows
    std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (std::size_t known = kFrom.find(c); known != kFrom.npos) {
      out += kTo[known];
    } else if (digits > 0) {
      auto code = hex_escape(body, i + 1, digits);
      if (!code) return std::nullopt;
      unicode::append_utf8(out, *code);
      i += digits;
    } else if (c >= '0' && c <= '7') {
      char32_t code = 0;
      std::size_t end = std::min(i + 3, body.size());
      for (; i < end && body[i] >= '0' && body[i] <= '7'; ++i)
        code = code * 8 + static_cast<char32_t>(body[i] - '0');
      --i;
      unicode::append_utf8(out, code);
    } else if (c != '\n') {
      out += '\\';
      out += c;
    }
  }
  return out;
}

}  // namespace

bool Parser::at_tuple_end() const {
  return current().type == TokenType::print_end || current().type == TokenType::tag_end ||
         at_symbol(")") || at_name("recursive");
}

Result<ExprPtr> Parser::tuple_or_expression(bool conditional, bool parentheses) {
  std::uint32_t offset = current().offset;
  ListDisplay tuple{List::Type::tuple, {}};
  bool is_tuple = false;
  while (!at_tuple_end()) {
    HEARTH_TRY(ExprPtr item, conditional ? expression() : logic_or());
    tuple.items.push_back(std::move(item));
    if (!skip_symbol(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !tuple.items.empty()) return std::move(tuple.items[0]);
  if (!is_tuple && !parentheses) return unexpected("an expression");
  return make_expr(offset, std::move(tuple));
}

Result<ExprPtr> Parser::expression() {
  Level level(*this);
  if (level.too_deep()) return fail("the template is nested too deeply here");
  std::uint32_t offset = current().offset;
  HEARTH_TRY(ExprPtr value, logic_or());
  if (!at_name("if")) return value;
  Conditional made;
  while (skip_name("if")) {
    HEARTH_TRY(ExprPtr test, logic_or());
    made.branches.emplace_back(std::move(value), std::move(test));
    if (!skip_name("else")) {
      if (at_name("if")) return unexpected("'else'");
      return make_expr(offset, std::move(made));
    }
    HEARTH_TRY(value, logic_or());
  }
  made.otherwise = std::move(value);
  return make_expr(offset, std::move(made));
}

Result<ExprPtr> Parser::logic_or() {
  std::uint32_t offset = current().offset;
  HEARTH_TRY(ExprPtr first, logic_and());
  if (!at_name("or")) return first;
  Logic made{false, {}};
  made.operands.push_back(std::move(first));
  while (skip_name("or")) {
    HEARTH_TRY(ExprPtr operand, logic_and());
    made.operands.push_back(std::move(operand));
  }
  return make_expr(offset, std::move(made));
}

Result<ExprPtr> Parser::logic_and() {
  std::uint32_t offset = current().offset;
  HEARTH_TRY(ExprPtr first, logic_not());
  if (!at_name("and")) return first;
  Logic made{true, {}};
  made.operands.push_back(std::move(first));
  while (skip_name("and")) {
    HEARTH_TRY(ExprPtr operand, logic_not());
    made.operands.push_back(std::move(operand));
  }
  return make_expr(offset, std::move(made));
}

Result<ExprPtr> Parser::logic_not() {
  std::uint32_t offset = current().offset;
  std::size_t count = 0;
  while (skip_name("not")) ++count;
  HEARTH_TRY(ExprPtr value, comparison());
  // An even number of them still makes a boolean; more than two say nothing new.
  for (std::size_t i = 0; i < (count == 0 ? 0 : 2 - count % 2); ++i)
    value = make_expr(offset, Unary{UnaryOp::invert, std::move(value)});
  return value;
}

Result<ExprPtr> Parser::comparison() {
  constexpr std::pair<std::string_view, CompareOp> kOperators[] = {
      {"==", CompareOp::eq}, {"!=", CompareOp::ne}, {"<", CompareOp::lt},
      {"<=", CompareOp::le}, {">", CompareOp::gt},  {">=", CompareOp::ge}};
  std::uint32_t offset = current().offset;
  HEARTH_TRY(ExprPtr first, sum());
  Comparison made{std::move(first), {}};
  while (true) {
    std::optional<CompareOp> op;
    if (current().type == TokenType::symbol)
      for (auto [symbol, which] : kOperators)
        if (symbol == current().text) op = which;
    if (at_name("in")) op = CompareOp::in;
    if (at_name("not") && is(ahead(), TokenType::name, "in")) op = CompareOp::not_in, next();
    if (!op) break;
    next();
    HEARTH_TRY(ExprPtr operand, sum());
    made.rest.emplace_back(*op, std::move(operand));
  }
  if (made.rest.empty()) return std::move(made.first);
  return make_expr(offset, std::move(made));
}

Result<ExprPtr> Parser::left_chain(
    Result<ExprPtr> (Parser::*operand)(),
    std::initializer_list<std::pair<std::string_view, Op>> operators) {
  std::uint32_t offset = current().offset;
  HEARTH_TRY(ExprPtr first, (this->*operand)());
  Arithmetic made{std::move(first), {}};
  while (current().type == TokenType::symbol) {
    auto op = std::find_if(operators.begin(), operators.end(),
                           [&](const auto& row) { return row.first == current().text; });
    if (op == operators.end()) break;
    next();
    HEARTH_TRY(ExprPtr next_operand, (this->*operand)());
    made.rest.emplace_back(op->second, std::move(next_operand));
  }
  if (made.rest.empty()) return std::move(made.first);
  return make_expr(offset, std::move(made));
}

Result<ExprPtr> Parser::sum() {
  return left_chain(&Parser::concatenation, {{"+", Op::add}, {"-", Op::subtract}});
}

Result<ExprPtr> Parser::concatenation() {
  std::uint32_t offset = current().offset;
  HEARTH_TRY(ExprPtr first, product());
  if (!at_symbol("~")) return first;
  Concatenation made;
  made.parts.push_back(std::move(first));
  while (skip_symbol("~")) {
    HEARTH_TRY(ExprPtr part, product());
    made.parts.push_back(std::move(part));
  }
  return make_expr(offset, std::move(made));
}

Result<ExprPtr> Parser::product() {
  return left_chain(
      &Parser::power,
      {{"*", Op::multiply}, {"/", Op::divide}, {"//", Op::floor_divide}, {"%", Op::modulo}});
}

Result<ExprPtr> Parser::power() {
  std::uint32_t offset = current().offset;
  HEARTH_TRY(ExprPtr first, unary(true));
  if (!at_symbol("**")) return first;
  Arithmetic made{std::move(first), {}};
  while (skip_symbol("**")) {
    HEARTH_TRY(ExprPtr operand, unary(true));
    made.rest.emplace_back(Op::power, std::move(operand));
  }
  return make_expr(offset, std::move(made));
}

Result<ExprPtr> Parser::unary(bool filters) {
  std::uint32_t offset = current().offset;
  ExprPtr made;
  if (at_symbol("-") || at_symbol("+")) {
    Level level(*this);
    if (level.too_deep()) return fail("the template is nested too deeply here");
    UnaryOp op = next().text == "-" ? UnaryOp::negate : UnaryOp::plus;
    HEARTH_TRY(ExprPtr operand, unary(false));
    made = make_expr(offset, Unary{op, std::move(operand)});
  } else {
    HEARTH_TRY(made, primary());
  }
  HEARTH_TRY(made, postfix(std::move(made)));
  if (!filters) return made;
  return filters_and_tests(std::move(made));
}

Result<ExprPtr> Parser::primary() {
  const Token& token = current();
  switch (token.type) {
    case TokenType::string:
      return string_literal();
    case TokenType::integer:
    case TokenType::number:
      return number_literal();
    case TokenType::name: {
      next();
      Literal constant;
      if (token.text == "none" || token.text == "None")
        return make_expr(token.offset, std::move(constant));
      bool yes = token.text == "true" || token.text == "True";
      if (yes || token.text == "false" || token.text == "False") {
        constant.value = Value::of_bool(yes);
        return make_expr(token.offset, std::move(constant));
      }
      for (Macro* macro : macros_) {
        macro->uses_caller |= token.text == "caller";
        macro->uses_varargs |= token.text == "varargs";
        macro->uses_kwargs |= token.text == "kwargs";
      }
      return make_expr(token.offset, Name{symbol(token.text)});
    }
    default:
      break;
  }
  if (skip_symbol("(")) {
    HEARTH_TRY(ExprPtr inner, tuple_or_expression(true, true));
    HEARTH_TRY_STATUS(expect_symbol(")"));
    return inner;
  }
  if (at_symbol("[")) return list_display();
  if (at_symbol("{")) return dict_display();
  return unexpected("an expression");
}

Result<ExprPtr> Parser::string_literal() {
  std::uint32_t offset = current().offset;
  std::string all;
  while (current().type == TokenType::string) {
    const Token& token = next();
    auto part = unescape(token.text.substr(1, token.text.size() - 2));
    if (!part) return fail_at(token, "this string holds a malformed escape");
    all += *part;
  }
  return text_literal(offset, std::move(all));
}

Result<ExprPtr> Parser::number_literal() {
  const Token& token = next();
  std::string digits(token.text);
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  Literal literal;
  const char *begin = digits.data(), *end = begin + digits.size();
  std::from_chars_result read{};
  if (token.type == TokenType::number) {
    double value = 0;
    read = std::from_chars(begin, end, value);
    if (read.ec == std::errc::result_out_of_range)  // infinity, or zero
      read.ec = std::errc(), value = std::strtod(begin, nullptr);
    literal.value = Value::of_number(value);
  } else {
    char mark = digits.size() > 1 ? static_cast<char>(digits[1] | 0x20) : '\0';
    int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    std::int64_t value = 0;
    read = std::from_chars(base == 10 ? begin : begin + 2, end, value, base);
    literal.value = Value::of_int(value);
  }
  if (read.ec != std::errc() || read.ptr != end) return fail_at(token, "this number is too large");
  return make_expr(token.offset, std::move(literal));
}

Result<ExprPtr> Parser::list_display() {
  const Token& begin = next();
  ListDisplay made{List::Type::list, {}};
  while (!at_symbol("]")) {
    if (!made.items.empty()) HEARTH_TRY_STATUS(expect_symbol(","));
    if (at_symbol("]")) break;
    HEARTH_TRY(ExprPtr item, expression());
    made.items.push_back(std::move(item));
  }
  next();
  return make_expr(begin.offset, std::move(made));
}

Result<ExprPtr> Parser::dict_display() {
  const Token& begin = next();
  DictDisplay made;
  while (!at_symbol("}")) {
    if (!made.entries.empty()) HEARTH_TRY_STATUS(expect_symbol(","));
    if (at_symbol("}")) break;
    HEARTH_TRY(ExprPtr key, expression());
    HEARTH_TRY_STATUS(expect_symbol(":"));
    HEARTH_TRY(ExprPtr value, expression());
    made.entries.emplace_back(std::move(key), std::move(value));
  }
  next();
  return make_expr(begin.offset, std::move(made));
}

namespace {

/// Adds to the chain that `base` is, or makes it the base of one.
void add_suffix(ExprPtr& base, Suffix suffix) {
  if (!std::holds_alternative<Postfix>(base->what)) {
    std::uint32_t offset = base->offset;
    base = make_expr(offset, Postfix{std::move(base), {}});
  }
  std::get<Postfix>(base->what).suffixes.push_back(std::move(suffix));
}

}  // namespace

Result<ExprPtr> Parser::postfix(ExprPtr base) {
  while (true) {
    std::uint32_t offset = current().offset;
    if (at_symbol(".")) {
      HEARTH_TRY(Suffix suffix, dot());
      add_suffix(base, std::move(suffix));
    } else if (at_symbol("[")) {
      HEARTH_TRY(Suffix suffix, subscript());
      add_suffix(base, std::move(suffix));
    } else if (at_symbol("(")) {
      HEARTH_TRY(CallArguments arguments, call_arguments());
      add_suffix(base, {offset, Call{std::move(arguments)}});
    } else {
      return base;
    }
  }
}

Result<ExprPtr> Parser::filters_and_tests(ExprPtr base) {
  while (true) {
    std::uint32_t offset = current().offset;
    if (skip_symbol("|")) {
      HEARTH_TRY(FilterCall filter, filter_call());
      add_suffix(base, {offset, std::move(filter)});
    } else if (at_name("is")) {
      HEARTH_TRY(Suffix suffix, test());
      add_suffix(base, std::move(suffix));
    } else if (at_symbol("(")) {
      HEARTH_TRY(CallArguments arguments, call_arguments());
      add_suffix(base, {offset, Call{std::move(arguments)}});
    } else {
      return base;
    }
  }
}

Result<Suffix> Parser::dot() {
  std::uint32_t offset = next().offset;
  if (current().type == TokenType::integer) {
    HEARTH_TRY(ExprPtr key, number_literal());
    return Suffix{offset, Subscript{std::move(key)}};
  }
  if (current().type != TokenType::name) return unexpected("a name or number after '.'");
  Text name{std::string(next().text), {}};
  return Suffix{offset, AttributeOf{std::make_unique<const Text>(std::move(name))}};
}

Result<Suffix> Parser::subscript() {
  std::uint32_t offset = next().offset;
  Slice slice;
  if (!at_symbol(":")) {
    ListDisplay keys{List::Type::tuple, {}};
    do {
      HEARTH_TRY(ExprPtr key, expression());
      keys.items.push_back(std::move(key));
    } while (skip_symbol(","));
    bool one = keys.items.size() == 1;
    if (!one || !at_symbol(":")) {
      HEARTH_TRY_STATUS(expect_symbol("]"));
      ExprPtr key = one ? std::move(keys.items[0]) : make_expr(offset, std::move(keys));
      return Suffix{offset, Subscript{std::move(key)}};
    }
    slice.start = std::move(keys.items[0]);
  }
  next();  // the first ':'
  if (!at_symbol(":") && !at_symbol("]")) {
    HEARTH_TRY(slice.stop, expression());
  }
  if (skip_symbol(":") && !at_symbol("]")) {
    HEARTH_TRY(slice.step, expression());
  }
  HEARTH_TRY_STATUS(expect_symbol("]"));
  return Suffix{offset, std::move(slice)};
}

Result<FilterCall> Parser::filter_call() {
  if (current().type != TokenType::name) return unexpected("the name of a filter");
  FilterCall made;
  made.name = next().text;
  made.builtin = find_filter(made.name);
  if (at_symbol("(")) {
    HEARTH_TRY(made.arguments, call_arguments());
  }
  return made;
}

Result<Suffix> Parser::test() {
  std::uint32_t offset = next().offset;
  TestCall made;
  made.negated = skip_name("not");
  if (current().type != TokenType::name) return unexpected("the name of a test");
  made.name = next().text;
  made.builtin = find_test(made.name);
  if (at_symbol("(")) {
    HEARTH_TRY(made.arguments, call_arguments());
    return Suffix{offset, std::move(made)};
  }
  // One argument may stand without parentheses: `x is divisibleby 3`.
  const Token& token = current();
  bool operand = token.type == TokenType::string || token.type == TokenType::integer ||
                 token.type == TokenType::number || at_symbol("[") || at_symbol("{");
  if (token.type == TokenType::name)
    operand = !at_name("else") && !at_name("or") && !at_name("and");
  if (at_name("is")) return fail("tests cannot be chained with 'is'");
  if (operand) {
    HEARTH_TRY(ExprPtr argument, primary());
    HEARTH_TRY(argument, postfix(std::move(argument)));
    made.arguments.positional.push_back(std::move(argument));
  }
  return Suffix{offset, std::move(made)};
}

Result<CallArguments> Parser::call_arguments() {
  CallArguments made;
  HEARTH_TRY_STATUS(expect_symbol("("));
  bool first = true;
  while (!at_symbol(")")) {
    if (!first) HEARTH_TRY_STATUS(expect_symbol(","));
    if (at_symbol(")")) break;
    first = false;
    if (skip_symbol("**")) {
      if (made.more_named) return fail("only one ** argument is allowed");
      HEARTH_TRY(made.more_named, expression());
    } else if (skip_symbol("*")) {
      if (made.more || made.more_named) return fail("only one * argument is allowed, before **");
      HEARTH_TRY(made.more, expression());
    } else if (current().type == TokenType::name && is(ahead(), TokenType::symbol, "=")) {
      Text name{std::string(next().text), {}};
      next();
      HEARTH_TRY(ExprPtr value, expression());
      made.named.emplace_back(std::make_unique<const Text>(std::move(name)), std::move(value));
    } else {
      if (!made.named.empty() || made.more || made.more_named)
        return fail("a positional argument follows a named one");
      HEARTH_TRY(ExprPtr value, expression());
      made.positional.push_back(std::move(value));
    }
  }
  next();
  return made;
}

}  // namespace hearth::jinja
