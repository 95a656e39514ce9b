// The tree of a parsed template. Chains of operators, attributes and filters are flat lists, so
// depth in the tree is depth in the source, which the parser limits: neither the evaluator nor the
// destructors can run out of stack.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "media/jinja_operators.h"
#include "media/jinja_value.h"

namespace hearth::jinja {

/// Index into Template::names. Scopes are keyed by these, never by text.
using Symbol = std::uint32_t;

struct Expr;
struct Statement;
using ExprPtr = std::unique_ptr<Expr>;
using Block = std::vector<Statement>;
using OwnedText = std::unique_ptr<const Text>;

// ---- expressions ----

struct Literal {
  Value value;
  OwnedText text;  ///< what `value` points at when it is a text
};
struct Name {
  Symbol symbol;
};
struct ListDisplay {
  List::Type type;  ///< list or tuple
  std::vector<ExprPtr> items;
};
struct DictDisplay {
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};
enum class UnaryOp : std::uint8_t { negate, plus, invert };
struct Unary {
  UnaryOp op;
  ExprPtr operand;
};
/// first op operand op operand …, all of one precedence, left to right.
struct Arithmetic {
  ExprPtr first;
  std::vector<std::pair<Op, ExprPtr>> rest;
};
/// a ~ b ~ c
struct Concatenation {
  std::vector<ExprPtr> parts;
};
enum class CompareOp : std::uint8_t { eq, ne, lt, le, gt, ge, in, not_in };
/// a < b < c: each with its neighbour.
struct Comparison {
  ExprPtr first;
  std::vector<std::pair<CompareOp, ExprPtr>> rest;
};
struct Logic {
  bool all;  ///< `and`, else `or`
  std::vector<ExprPtr> operands;
};
/// value if test else value if test … else otherwise (null: undefined)
struct Conditional {
  std::vector<std::pair<ExprPtr, ExprPtr>> branches;  ///< value, test
  ExprPtr otherwise;
};

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<OwnedText, ExprPtr>> named;
  ExprPtr more, more_named;  ///< *args, **kwargs
};
struct AttributeOf {
  OwnedText name;
};
struct Subscript {
  ExprPtr key;
};
struct Slice {
  ExprPtr start, stop, step;  ///< null where left out
};
struct Call {
  CallArguments arguments;
};
struct FilterCall {
  std::string name;
  Builtin builtin;  ///< null: unknown, an error when it is reached
  CallArguments arguments;
};
struct TestCall {
  std::string name;
  Builtin builtin;
  CallArguments arguments;
  bool negated;
};
struct Suffix {
  std::uint32_t offset;
  std::variant<AttributeOf, Subscript, Slice, Call, FilterCall, TestCall> what;
};
/// base.attribute[key](call)|filter is test …
struct Postfix {
  ExprPtr base;
  std::vector<Suffix> suffixes;
};

struct Expr {
  std::uint32_t offset;  ///< in the source
  std::variant<Literal, Name, ListDisplay, DictDisplay, Unary, Arithmetic, Concatenation,
               Comparison, Logic, Conditional, Postfix>
      what;
};

// ---- statements ----

/// What `set` and `for` write to: a name, namespace.attribute, or several of them.
struct Target {
  std::uint32_t offset;
  Symbol symbol = 0;
  OwnedText attribute;        ///< set for `name.attribute`
  std::vector<Target> parts;  ///< set for `a, b`
  bool is_tuple = false;
};

struct Data {
  Text text;
};
struct Print {
  ExprPtr value;
};
struct If {
  std::vector<std::pair<ExprPtr, Block>> branches;
  Block otherwise;
};
struct For {
  Target target;
  ExprPtr items, condition;  ///< condition: `for … if`, may be null
  Block body, otherwise;
  bool recursive;
};
struct Set {
  Target target;
  ExprPtr value;
};
/// {% set x | filter %}…{% endset %}
struct SetBlock {
  Target target;
  std::vector<FilterCall> filters;
  Block body;
};
struct Parameter {
  Symbol symbol;
  std::string name;
  ExprPtr fallback;  ///< may be null
};
struct Macro {
  std::string name;
  Symbol symbol;
  std::vector<Parameter> parameters;
  Block body;
  /// Jinja gives these to a body that mentions them.
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
};
struct CallBlock {
  Macro caller;
  ExprPtr call;  ///< a Postfix that ends in a Call
};
struct FilterBlock {
  std::vector<FilterCall> filters;
  Block body;
};
/// {% with a = 1, b = 2 %}; {% generation %} has no assignments.
struct With {
  std::vector<std::pair<Target, ExprPtr>> assignments;
  Block body;
};
struct Break {};
struct Continue {};

struct Statement {
  std::uint32_t offset;
  std::variant<Data, Print, If, For, Set, SetBlock, Macro, CallBlock, FilterBlock, With, Break,
               Continue>
      what;
};

/// Symbols that the engine itself looks for come first in every template.
inline constexpr Symbol kLoop = 0, kCaller = 1, kVarargs = 2, kKwargs = 3;

struct Template {
  std::string source;              ///< normalised; tokens and offsets refer to it
  std::vector<std::string> names;  ///< by Symbol
  Block body;
};

}  // namespace hearth::jinja
