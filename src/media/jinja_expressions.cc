// Evaluation of expressions.
#include "formats/quote.h"
#include "media/jinja_builtins.h"
#include "media/jinja_interpreter.h"

namespace hearth::jinja {

Result<Value> Interpreter::eval(const Expr& expr, Scope& scope) {
  HEARTH_TRY_STATUS(spend(1));
  offset_ = expr.offset;
  Level level(*this);
  HEARTH_TRY_STATUS(level.check());
  return std::visit([&](const auto& node) { return eval_node(node, scope); }, expr.what);
}

Result<Value> Interpreter::eval_node(const Literal& node, Scope&) { return node.value; }

Result<Value> Interpreter::eval_node(const Name& node, Scope& scope) {
  for (const Scope* s = &scope; s; s = s->parent)
    if (const Value* value = s->find(node.symbol)) return *value;
  const std::string& name = template_.names[node.symbol];
  if (Builtin function = find_function(name)) return bound(name, function, Value());
  HEARTH_TRY_STATUS(spend_bytes(name.size()));
  Undefined missing;
  missing.is_variable = true;
  missing.key = keep(name, false);
  return undefined(missing);
}

Result<Value> Interpreter::eval_node(const ListDisplay& node, Scope& scope) {
  std::vector<Value> items;
  items.reserve(node.items.size());
  for (const ExprPtr& item : node.items) {
    HEARTH_TRY(Value value, eval(*item, scope));
    items.push_back(value);
  }
  return list(std::move(items), node.type);
}

Result<Value> Interpreter::eval_node(const DictDisplay& node, Scope& scope) {
  Dict made;
  for (const auto& [key_node, value_node] : node.entries) {
    HEARTH_TRY(Value key, eval(*key_node, scope));
    HEARTH_TRY(Value value, eval(*value_node, scope));
    if (!Dict::is_key(key)) return type_error(key, "cannot be a key of a dict");
    HEARTH_TRY_STATUS(spend_lookup(made, key));
    made.set(key, value);
  }
  return dict(std::move(made));
}

Result<Value> Interpreter::eval_node(const Unary& node, Scope& scope) {
  HEARTH_TRY(Value value, eval(*node.operand, scope));
  if (node.op == UnaryOp::invert) return Value::of_bool(!truthy(value));
  if (node.op == UnaryOp::negate) return negate(value);
  if (!value.is_numeric()) return type_error(value, "has no sign");
  return value.is(Kind::boolean) ? Value::of_int(value.as_int()) : value;
}

Result<Value> Interpreter::eval_node(const Arithmetic& node, Scope& scope) {
  HEARTH_TRY(Value result, eval(*node.first, scope));
  for (const auto& [op, operand] : node.rest) {
    HEARTH_TRY(Value right, eval(*operand, scope));
    HEARTH_TRY(result, arithmetic(*this, op, result, right));
  }
  return result;
}

Result<Value> Interpreter::eval_node(const Concatenation& node, Scope& scope) {
  TextBuilder out = builder();
  for (const ExprPtr& part : node.parts) {
    HEARTH_TRY(Value value, eval(*part, scope));
    HEARTH_TRY_STATUS(print(value, out));
  }
  HEARTH_TRY(const Text* made, finish(std::move(out)));
  return Value(made);
}

Result<bool> Interpreter::compare(CompareOp op, const Value& a, const Value& b) {
  auto negated = [](Result<bool> result) {
    return result ? Result<bool>(!*result) : std::move(result);
  };
  switch (op) {
    case CompareOp::eq:
      return equal(a, b);
    case CompareOp::ne:
      return negated(equal(a, b));
    case CompareOp::lt:
      return less(a, b);
    case CompareOp::gt:
      return less(b, a);
    case CompareOp::le:
    case CompareOp::ge: {
      HEARTH_TRY(bool strictly, op == CompareOp::le ? less(a, b) : less(b, a));
      if (strictly) return true;
      return equal(a, b);
    }
    case CompareOp::in:
      return contains(b, a);
    case CompareOp::not_in:
      return negated(contains(b, a));
  }
  return false;
}

Result<Value> Interpreter::eval_node(const Comparison& node, Scope& scope) {
  HEARTH_TRY(Value left, eval(*node.first, scope));
  for (const auto& [op, operand] : node.rest) {
    HEARTH_TRY(Value right, eval(*operand, scope));
    HEARTH_TRY(bool holds, compare(op, left, right));
    if (!holds) return Value::of_bool(false);
    left = right;
  }
  return Value::of_bool(true);
}

Result<Value> Interpreter::eval_node(const Logic& node, Scope& scope) {
  Value value;
  for (const ExprPtr& operand : node.operands) {
    HEARTH_TRY(value, eval(*operand, scope));
    if (truthy(value) != node.all) return value;
  }
  return value;
}

Result<Value> Interpreter::eval_node(const Conditional& node, Scope& scope) {
  for (const auto& [value, test] : node.branches) {
    HEARTH_TRY(Value holds, eval(*test, scope));
    if (truthy(holds)) return eval(*value, scope);
  }
  if (node.otherwise) return eval(*node.otherwise, scope);
  Undefined missing;
  missing.hint = "the inline if evaluated to false and has no else";
  return undefined(missing);
}

Result<Value> Interpreter::eval_node(const Postfix& node, Scope& scope) {
  HEARTH_TRY(Value value, eval(*node.base, scope));
  for (const Suffix& suffix : node.suffixes) {
    HEARTH_TRY(value, apply(suffix, value, scope));
  }
  return value;
}

Result<Value> Interpreter::apply(const Suffix& suffix, const Value& value, Scope& scope) {
  HEARTH_TRY_STATUS(spend(1));
  offset_ = suffix.offset;
  if (auto* node = std::get_if<AttributeOf>(&suffix.what)) return attribute(value, *node->name);
  if (auto* node = std::get_if<Subscript>(&suffix.what)) {
    HEARTH_TRY(Value key, eval(*node->key, scope));
    offset_ = suffix.offset;
    return item(value, key);
  }
  if (auto* node = std::get_if<Slice>(&suffix.what)) return apply_slice(*node, value, scope);
  if (auto* node = std::get_if<FilterCall>(&suffix.what)) return apply_filter(*node, value, scope);
  if (auto* node = std::get_if<TestCall>(&suffix.what)) return apply_test(*node, value, scope);
  const auto& node = std::get<Call>(suffix.what);
  HEARTH_TRY(Arguments arguments, eval_arguments(node.arguments, scope));
  offset_ = suffix.offset;
  return call(value, arguments);
}

Result<Value> Interpreter::apply_slice(const Slice& slice, const Value& value, Scope& scope) {
  Value bounds[3];
  const Value* given[3] = {};
  const ExprPtr* nodes[3] = {&slice.start, &slice.stop, &slice.step};
  for (int i = 0; i < 3; ++i) {
    if (!*nodes[i]) continue;
    HEARTH_TRY(bounds[i], eval(**nodes[i], scope));
    given[i] = &bounds[i];
  }
  return Runtime::slice(value, given[0], given[1], given[2]);
}

Result<Value> Interpreter::apply_filter(const FilterCall& filter, const Value& value,
                                        Scope& scope) {
  std::uint32_t here = offset_;
  if (!filter.builtin) return bad_input("there is no filter named " + quote_name(filter.name));
  HEARTH_TRY(Arguments arguments, eval_arguments(filter.arguments, scope));
  offset_ = here;
  return filter.builtin(*this, value, arguments);
}

Result<Value> Interpreter::apply_test(const TestCall& test, const Value& value, Scope& scope) {
  std::uint32_t here = offset_;
  if (!test.builtin) return bad_input("there is no test named " + quote_name(test.name));
  HEARTH_TRY(Arguments arguments, eval_arguments(test.arguments, scope));
  offset_ = here;
  HEARTH_TRY(Value holds, test.builtin(*this, value, arguments));
  return Value::of_bool(truthy(holds) != test.negated);
}

Result<Arguments> Interpreter::eval_arguments(const CallArguments& nodes, Scope& scope) {
  Arguments made;
  for (const ExprPtr& node : nodes.positional) {
    HEARTH_TRY(Value value, eval(*node, scope));
    made.positional.push_back(value);
  }
  for (const auto& [name, node] : nodes.named) {
    HEARTH_TRY_STATUS(spend_bytes(name->bytes.size()));
    HEARTH_TRY(Value value, eval(*node, scope));
    made.named.emplace_back(name.get(), value);
  }
  if (nodes.more) {
    HEARTH_TRY(Value value, eval(*nodes.more, scope));
    HEARTH_TRY(std::vector<Value> more, iterate(value));
    made.positional.insert(made.positional.end(), more.begin(), more.end());
  }
  if (nodes.more_named) {
    HEARTH_TRY(Value value, eval(*nodes.more_named, scope));
    if (!value.is(Kind::dict)) return type_error(value, "cannot stand after **");
    for (const auto& [key, element] : value.dict->entries) {
      if (!key.is(Kind::text)) return type_error(key, "cannot name an argument");
      HEARTH_TRY_STATUS(spend_bytes(key.text->bytes.size()));
      made.named.emplace_back(key.text, element);
    }
  }
  return made;
}

}  // namespace hearth::jinja
