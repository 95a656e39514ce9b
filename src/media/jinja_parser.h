// Tokens to tree. Recursive descent with a depth limit.
#pragma once

#include <map>
#include <memory>

#include "base/result.h"
#include "media/jinja_ast.h"
#include "media/jinja_lexer.h"

namespace hearth::jinja {

/// Parses a template whose expressions and blocks nest at most `max_depth` deep. Errors
/// (`bad_input`) give line and column.
Result<std::shared_ptr<const Template>> parse(std::string_view source, int max_depth);

/// The parser proper; a class so that expressions and statements can live in two files.
class Parser {
 public:
  Parser(Template& into, std::vector<Token> tokens, int max_depth);
  Result<Block> parse_template();

 private:
  // ---- tokens ----
  const Token& current() const { return tokens_[at_]; }
  const Token& next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  bool at_symbol(std::string_view s) const { return is(current(), TokenType::symbol, s); }
  bool at_name(std::string_view s) const { return is(current(), TokenType::name, s); }
  static bool is(const Token& token, TokenType type, std::string_view text) {
    return token.type == type && token.text == text;
  }
  bool skip_symbol(std::string_view s) { return at_symbol(s) && (next(), true); }
  bool skip_name(std::string_view s) { return at_name(s) && (next(), true); }
  Status expect_symbol(std::string_view s);
  Status expect_name(std::string_view s);
  Status expect_tag_end();
  Error fail(std::string_view message) const { return fail_at(current(), message); }
  Error fail_at(const Token& token, std::string_view message) const;
  Error unexpected(std::string_view expected) const;
  Symbol symbol(std::string_view name);

  // ---- statements ----
  /// Statements up to a tag whose word is in `ends`; that word is left as the current token.
  Result<Block> body_until(std::initializer_list<std::string_view> ends, const Token& opened);
  /// The same for a body with only one possible end; the whole end tag is consumed.
  Result<Block> body(std::string_view end, const Token& opened);
  Status statement(Block& into);
  Status print_statement(Block& into);
  Status if_statement(const Token& tag, Block& into);
  Status for_statement(const Token& tag, Block& into);
  Status set_statement(const Token& tag, Block& into);
  Status macro_statement(const Token& tag, Block& into);
  Status call_statement(const Token& tag, Block& into);
  Status filter_statement(const Token& tag, Block& into);
  Status with_statement(const Token& tag, Block& into);
  Status generation_statement(const Token& tag, Block& into);
  Status loop_control(const Token& tag, Block& into);
  Result<Target> target(bool namespaces);
  Result<Target> single_target(bool namespaces);
  Status parameters(Macro& macro);
  Status macro_body(std::string_view end, const Token& tag, Macro& macro);

  // ---- expressions, loosest binding first ----
  Result<ExprPtr> tuple_or_expression(bool conditional, bool parentheses = false);
  Result<ExprPtr> expression();
  Result<ExprPtr> logic_or();
  Result<ExprPtr> logic_and();
  Result<ExprPtr> logic_not();
  Result<ExprPtr> comparison();
  Result<ExprPtr> sum();
  Result<ExprPtr> concatenation();
  Result<ExprPtr> product();
  Result<ExprPtr> power();
  Result<ExprPtr> unary(bool filters);
  Result<ExprPtr> primary();
  Result<ExprPtr> string_literal();
  Result<ExprPtr> number_literal();
  Result<ExprPtr> list_display();
  Result<ExprPtr> dict_display();
  Result<ExprPtr> postfix(ExprPtr base);
  Result<ExprPtr> filters_and_tests(ExprPtr base);
  Result<ExprPtr> left_chain(Result<ExprPtr> (Parser::*operand)(),
                             std::initializer_list<std::pair<std::string_view, Op>> operators);
  Result<Suffix> dot();
  Result<Suffix> subscript();
  Result<FilterCall> filter_call();
  Result<Suffix> test();
  Result<CallArguments> call_arguments();
  bool at_tuple_end() const;

  Template& template_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_left_;
  int loops_ = 0;  ///< around the current statement, within its macro
  std::vector<Macro*> macros_;
  std::map<std::string, Symbol, std::less<>> symbols_;

  /// Holds one level of nesting for as long as it lives.
  struct Level {
    explicit Level(Parser& p) : parser(p) { --parser.depth_left_; }
    ~Level() { ++parser.depth_left_; }
    bool too_deep() const { return parser.depth_left_ < 0; }
    Parser& parser;
  };
};

/// Wraps a node with its place.
template <class What>
ExprPtr make_expr(std::uint32_t offset, What what) {
  return std::make_unique<Expr>(Expr{offset, std::move(what)});
}

}  // namespace hearth::jinja
