// Runs a parsed template: scopes, statements, macros, expressions.
#pragma once

#include <deque>
#include <map>

#include "media/jinja_ast.h"
#include "media/jinja_runtime.h"

namespace hearth::jinja {

/// The variables of one block that has its own. Macros keep the scope of their definition alive
/// (all scopes live as long as the run) and see later changes in it, as Python's closures do.
struct Scope {
  Scope* parent = nullptr;
  bool captured = false;  ///< a macro refers to it: it must not be used for another iteration

  const Value* find(Symbol symbol) const;
  void set(Symbol symbol, const Value& value);
  void clear();

 private:
  static constexpr std::size_t kFew = 16;
  std::vector<std::pair<Symbol, Value>> few_;  // searched in a row
  std::map<Symbol, Value> many_;               // what does not fit there
};

class Interpreter final : public Runtime {
 public:
  Interpreter(const Template& source, const TemplateBudget& budget)
      : Runtime(budget), template_(source) {}

  /// Takes those of the JSON object's members that the template names.
  Status set_variables(const Json& variables);
  /// The rendering. Errors carry line and column, except what the template itself raised.
  Result<const Text*> run();

  Result<Value> call(const Value& callee, const Arguments& arguments) override;

 private:
  enum class Flow { next, break_loop, continue_loop };

  // ---- statements ----
  Result<Flow> run_block(const Block& block, Scope& scope, TextBuilder& out);
  Result<Flow> run_statement(const Statement& statement, Scope& scope, TextBuilder& out);
  Status print_data(const Data& data, TextBuilder& out);
  Status print_value(const Print& print, Scope& scope, TextBuilder& out);
  Result<Flow> run_if(const If& node, Scope& scope, TextBuilder& out);
  Status run_for(const For& node, Scope& scope, const Value& items, int depth0, TextBuilder& out);
  Result<std::vector<Value>> filtered(const For& node, Scope& scope, std::vector<Value> items);
  Status run_set_block(const SetBlock& node, Scope& scope);
  Status run_call_block(const CallBlock& node, Scope& scope, TextBuilder& out);
  Status run_filter_block(const FilterBlock& node, Scope& scope, TextBuilder& out);
  Result<Flow> run_with(const With& node, Scope& scope, TextBuilder& out);
  Status assign(const Target& target, const Value& value, Scope& scope);
  /// The text of a block run in a scope of its own.
  Result<Value> captured_text(const Block& block, Scope& scope);
  Scope& new_scope(Scope* parent);
  Value closure(const Macro& macro, Scope& scope);
  Result<Value> call_macro(const Callable& callee, const Arguments& arguments);
  Result<Value> call_loop(const Callable& callee, const Arguments& arguments);

  // ---- expressions ----
  Result<Value> eval(const Expr& expr, Scope& scope);
  Result<Value> eval_node(const Literal& node, Scope& scope);
  Result<Value> eval_node(const Name& node, Scope& scope);
  Result<Value> eval_node(const ListDisplay& node, Scope& scope);
  Result<Value> eval_node(const DictDisplay& node, Scope& scope);
  Result<Value> eval_node(const Unary& node, Scope& scope);
  Result<Value> eval_node(const Arithmetic& node, Scope& scope);
  Result<Value> eval_node(const Concatenation& node, Scope& scope);
  Result<Value> eval_node(const Comparison& node, Scope& scope);
  Result<Value> eval_node(const Logic& node, Scope& scope);
  Result<Value> eval_node(const Conditional& node, Scope& scope);
  Result<Value> eval_node(const Postfix& node, Scope& scope);
  Result<bool> compare(CompareOp op, const Value& a, const Value& b);
  Result<Value> apply(const Suffix& suffix, const Value& value, Scope& scope);
  Result<Value> apply_slice(const Slice& slice, const Value& value, Scope& scope);
  Result<Value> apply_filter(const FilterCall& filter, const Value& value, Scope& scope);
  Result<Value> apply_test(const TestCall& test, const Value& value, Scope& scope);
  Result<Arguments> eval_arguments(const CallArguments& arguments, Scope& scope);

  const Template& template_;
  std::deque<Scope> scopes_;
  int calls_ = 0;
  std::uint32_t offset_ = 0;  ///< of what is being evaluated, for errors
};

}  // namespace hearth::jinja
