// Statements, scopes and macros; expressions are in jinja_expressions.cc.
#include "media/jinja_interpreter.h"

#include "formats/quote.h"
#include "media/jinja_builtins.h"
#include "media/jinja_lexer.h"

namespace hearth::jinja {
namespace {

/// Control tokens come only from the template and from variables that name tokens; everything
/// else that a caller passes was written by someone.
bool is_user_data(std::string_view variable) {
  return !variable.ends_with("_token") && !variable.ends_with("_tokens");
}

}  // namespace

// ---- scopes ----

const Value* Scope::find(Symbol symbol) const {
  for (const auto& [key, value] : few_)
    if (key == symbol) return &value;
  auto there = many_.find(symbol);
  return there == many_.end() ? nullptr : &there->second;
}

void Scope::set(Symbol symbol, const Value& value) {
  for (auto& [key, old] : few_)
    if (key == symbol) {
      old = value;
      return;
    }
  if (few_.size() < kFew)
    few_.emplace_back(symbol, value);
  else
    many_[symbol] = value;
}

void Scope::clear() {
  few_.clear();
  many_.clear();
}

Scope& Interpreter::new_scope(Scope* parent) {
  Scope& made = scopes_.emplace_back();
  made.parent = parent;
  return made;
}

Value Interpreter::closure(const Macro& macro, Scope& scope) {
  for (Scope* s = &scope; s && !s->captured; s = s->parent) s->captured = true;
  Callable made;
  made.name = macro.name;
  made.macro = &macro;
  made.scope = &scope;
  return callable(made);
}

// ---- a whole run ----

Status Interpreter::set_variables(const Json& variables) {
  if (!variables.is_object()) return bad_input("the template's variables are not an object");
  Scope& root = new_scope(nullptr);
  auto given = variables.find("strftime_now");
  if (given != variables.end() && given->is_string()) fixed_time = given->get<std::string>();
  for (Symbol symbol = kKwargs + 1; symbol < template_.names.size(); ++symbol) {
    const std::string& name = template_.names[symbol];
    auto member = variables.find(name);
    if (member != variables.end() && name != "strftime_now") {
      HEARTH_TRY(Value value, from_json(*member, is_user_data(name)));
      root.set(symbol, value);
    } else if (name == "tools" || name == "documents") {
      root.set(symbol, Value());  // transformers always passes these two
    } else if (name == "add_generation_prompt") {
      root.set(symbol, Value::of_bool(false));
    }
  }
  return {};
}

Result<const Text*> Interpreter::run() {
  CHECK(!scopes_.empty());
  TextBuilder out = builder();
  auto flow = run_block(template_.body, scopes_.front(), out);
  if (flow) {
    auto text = finish(std::move(out));
    if (text) return text;
    return error_at(template_.source, offset_, text.error().message);
  }
  if (raised) return flow.error();
  return error_at(template_.source, offset_, flow.error().message);
}

// ---- statements ----

Result<Interpreter::Flow> Interpreter::run_block(const Block& block, Scope& scope,
                                                 TextBuilder& out) {
  Level level(*this);
  HEARTH_TRY_STATUS(level.check());
  for (const Statement& statement : block) {
    offset_ = statement.offset;
    HEARTH_TRY_STATUS(spend(1));
    HEARTH_TRY(Flow flow, run_statement(statement, scope, out));
    if (flow != Flow::next) return flow;
    if (out.overflowed()) return finish(std::move(out)).error();
  }
  return Flow::next;
}

Result<Interpreter::Flow> Interpreter::run_statement(const Statement& statement, Scope& scope,
                                                     TextBuilder& out) {
  struct Visitor {
    Interpreter& self;
    Scope& scope;
    TextBuilder& out;

    static Result<Flow> then_next(Status status) {
      if (!status) return status.error();
      return Flow::next;
    }
    Result<Flow> operator()(const Data& n) { return then_next(self.print_data(n, out)); }
    Result<Flow> operator()(const Print& n) { return then_next(self.print_value(n, scope, out)); }
    Result<Flow> operator()(const If& n) { return self.run_if(n, scope, out); }
    Result<Flow> operator()(const For& n) {
      HEARTH_TRY(Value items, self.eval(*n.items, scope));
      return then_next(self.run_for(n, scope, items, 0, out));
    }
    Result<Flow> operator()(const Set& n) {
      HEARTH_TRY(Value value, self.eval(*n.value, scope));
      return then_next(self.assign(n.target, value, scope));
    }
    Result<Flow> operator()(const SetBlock& n) { return then_next(self.run_set_block(n, scope)); }
    Result<Flow> operator()(const Macro& n) {
      scope.set(n.symbol, self.closure(n, scope));
      return Flow::next;
    }
    Result<Flow> operator()(const CallBlock& n) {
      return then_next(self.run_call_block(n, scope, out));
    }
    Result<Flow> operator()(const FilterBlock& n) {
      return then_next(self.run_filter_block(n, scope, out));
    }
    Result<Flow> operator()(const With& n) { return self.run_with(n, scope, out); }
    Result<Flow> operator()(const Break&) { return Flow::break_loop; }
    Result<Flow> operator()(const Continue&) { return Flow::continue_loop; }
  };
  return std::visit(Visitor{*this, scope, out}, statement.what);
}

Status Interpreter::print_data(const Data& data, TextBuilder& out) {
  HEARTH_TRY_STATUS(spend_bytes(data.text.bytes.size()));
  out.add(data.text);
  return {};
}

Status Interpreter::print_value(const Print& print, Scope& scope, TextBuilder& out) {
  HEARTH_TRY(Value value, eval(*print.value, scope));
  return Runtime::print(value, out);
}

Result<Interpreter::Flow> Interpreter::run_if(const If& node, Scope& scope, TextBuilder& out) {
  for (const auto& [test, block] : node.branches) {
    HEARTH_TRY(Value value, eval(*test, scope));
    if (truthy(value)) return run_block(block, scope, out);
  }
  return run_block(node.otherwise, scope, out);
}

Result<std::vector<Value>> Interpreter::filtered(const For& node, Scope& scope,
                                                 std::vector<Value> items) {
  if (!node.condition) return items;
  std::vector<Value> kept;
  Scope& inner = new_scope(&scope);
  for (const Value& item : items) {
    inner.clear();
    HEARTH_TRY_STATUS(assign(node.target, item, inner));
    HEARTH_TRY(Value wanted, eval(*node.condition, inner));
    if (truthy(wanted)) kept.push_back(item);
  }
  return kept;
}

Status Interpreter::run_for(const For& node, Scope& scope, const Value& value, int depth0,
                            TextBuilder& out) {
  HEARTH_TRY(std::vector<Value> all, iterate(value));
  HEARTH_TRY(all, filtered(node, scope, std::move(all)));
  HEARTH_TRY(Value items, list(std::move(all)));
  Loop* loop = new_loop();
  loop->items = &items.list->items;
  loop->depth0 = depth0;
  if (node.recursive) {
    Callable again;
    again.name = "loop";
    again.loop = &node;
    again.scope = &scope;
    again.depth0 = depth0 + 1;
    loop->recurse = callable(again).callable;
  }
  Scope* inner = &new_scope(&scope);
  for (; loop->index0 < loop->items->size(); ++loop->index0) {
    HEARTH_TRY_STATUS(spend(1));
    if (inner->captured)
      inner = &new_scope(&scope);
    else
      inner->clear();
    inner->set(kLoop, loop);
    HEARTH_TRY_STATUS(assign(node.target, (*loop->items)[loop->index0], *inner));
    HEARTH_TRY(Flow flow, run_block(node.body, *inner, out));
    if (flow == Flow::break_loop) break;
  }
  if (!loop->items->empty()) return {};
  auto flow = run_block(node.otherwise, new_scope(&scope), out);
  return flow ? Status() : flow.error();
}

Result<Value> Interpreter::captured_text(const Block& block, Scope& scope) {
  TextBuilder out = builder();
  auto flow = run_block(block, new_scope(&scope), out);
  if (!flow) return flow.error();
  HEARTH_TRY(const Text* made, finish(std::move(out)));
  return Value(made);
}

Status Interpreter::run_set_block(const SetBlock& node, Scope& scope) {
  HEARTH_TRY(Value value, captured_text(node.body, scope));
  for (const FilterCall& filter : node.filters) {
    HEARTH_TRY(value, apply_filter(filter, value, scope));
  }
  return assign(node.target, value, scope);
}

Status Interpreter::run_filter_block(const FilterBlock& node, Scope& scope, TextBuilder& out) {
  HEARTH_TRY(Value value, captured_text(node.body, scope));
  for (const FilterCall& filter : node.filters) {
    HEARTH_TRY(value, apply_filter(filter, value, scope));
  }
  return Runtime::print(value, out);
}

Status Interpreter::run_call_block(const CallBlock& node, Scope& scope, TextBuilder& out) {
  // The call is the last suffix; everything before it gives what is called.
  const auto& postfix = std::get<Postfix>(node.call->what);
  HEARTH_TRY(Value callee, eval(*postfix.base, scope));
  for (std::size_t i = 0; i + 1 < postfix.suffixes.size(); ++i) {
    HEARTH_TRY(callee, apply(postfix.suffixes[i], callee, scope));
  }
  const auto& last = std::get<Call>(postfix.suffixes.back().what);
  HEARTH_TRY(Arguments arguments, eval_arguments(last.arguments, scope));
  arguments.named.emplace_back(keep("caller", false), closure(node.caller, scope));
  offset_ = postfix.suffixes.back().offset;
  HEARTH_TRY(Value value, call(callee, arguments));
  return Runtime::print(value, out);
}

Result<Interpreter::Flow> Interpreter::run_with(const With& node, Scope& scope, TextBuilder& out) {
  Scope& inner = new_scope(&scope);
  for (const auto& [target, value] : node.assignments) {
    HEARTH_TRY(Value made, eval(*value, scope));
    HEARTH_TRY_STATUS(assign(target, made, inner));
  }
  return run_block(node.body, inner, out);
}

Status Interpreter::assign(const Target& target, const Value& value, Scope& scope) {
  if (target.is_tuple) {
    HEARTH_TRY(std::vector<Value> values, iterate(value));
    if (values.size() != target.parts.size())
      return bad_input("expected " + std::to_string(target.parts.size()) +
                       " values to unpack, found " + std::to_string(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i)
      HEARTH_TRY_STATUS(assign(target.parts[i], values[i], scope));
    return {};
  }
  if (!target.attribute) {
    scope.set(target.symbol, value);
    return {};
  }
  HEARTH_TRY(Value object, eval_node(Name{target.symbol}, scope));
  if (!object.is(Kind::name_space)) return bad_input("attributes can only be set on a namespace()");
  HEARTH_TRY_STATUS(spend_bytes(target.attribute->bytes.size()));
  object.name_space->members[target.attribute->view()] = value;
  return {};
}

// ---- calls ----

Result<Value> Interpreter::call(const Value& callee, const Arguments& arguments) {
  const Callable* target = nullptr;
  if (callee.is(Kind::callable)) target = callee.callable;
  if (callee.is(Kind::loop)) target = callee.loop->recurse;
  if (callee.is(Kind::loop) && !target) return bad_input("loop() needs {% for … recursive %}");
  if (callee.is(Kind::cycler) && callee.cycler->joiner)
    return find_method(callee, "next")(*this, callee, arguments);
  if (!target) return type_error(callee, "cannot be called");
  if (target->builtin) return target->builtin(*this, target->self, arguments);
  if (calls_ >= budget().depth) return bad_input("macros call each other too deeply");
  ++calls_;
  Result<Value> result =
      target->macro ? call_macro(*target, arguments) : call_loop(*target, arguments);
  --calls_;
  return result;
}

Result<Value> Interpreter::call_loop(const Callable& callee, const Arguments& arguments) {
  constexpr const char* kNames[] = {"iterable"};
  HEARTH_TRY(auto bound, take_arguments("loop", arguments, kNames, 1));
  TextBuilder out = builder();
  HEARTH_TRY_STATUS(run_for(*callee.loop, *callee.scope, *bound[0], callee.depth0, out));
  HEARTH_TRY(const Text* made, finish(std::move(out)));
  return Value(made);
}

Result<Value> Interpreter::call_macro(const Callable& callee, const Arguments& arguments) {
  const Macro& macro = *callee.macro;
  auto complain = [&](const std::string& what) {
    return bad_input("macro " + quote_name(macro.name) + " " + what);
  };
  Scope& scope = new_scope(callee.scope);
  std::map<std::string_view, Value> named;
  for (const auto& [name, value] : arguments.named) named[name->view()] = value;
  const auto& given = arguments.positional;
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    const Parameter& parameter = macro.parameters[i];
    HEARTH_TRY_STATUS(spend_bytes(parameter.name.size()));
    auto by_name = i < given.size() ? named.end() : named.find(parameter.name);
    if (i < given.size()) {
      scope.set(parameter.symbol, given[i]);
    } else if (by_name != named.end()) {
      scope.set(parameter.symbol, by_name->second);
      named.erase(by_name);
    } else if (parameter.fallback) {
      HEARTH_TRY(Value value, eval(*parameter.fallback, scope));
      scope.set(parameter.symbol, value);
    } else {
      Undefined missing;
      missing.hint = "a parameter of this macro was not given";
      scope.set(parameter.symbol, undefined(missing));
    }
  }
  if (macro.uses_caller) {
    auto caller = named.find("caller");
    Undefined missing;
    missing.hint = "no caller defined";
    scope.set(kCaller, caller == named.end() ? undefined(missing) : caller->second);
    if (caller != named.end()) named.erase(caller);
  }
  if (macro.uses_kwargs) {
    Dict rest;
    for (const auto& [name, value] : arguments.named)
      if (named.count(name->view())) rest.set(name, value);
    scope.set(kKwargs, dict(std::move(rest)));
  } else if (!named.empty()) {
    return complain("takes no argument named " + quote_name(named.begin()->first));
  }
  if (macro.uses_varargs) {
    std::vector<Value> rest;
    if (given.size() > macro.parameters.size())
      rest.assign(given.begin() + static_cast<std::ptrdiff_t>(macro.parameters.size()),
                  given.end());
    HEARTH_TRY(Value value, list(std::move(rest), List::Type::tuple));
    scope.set(kVarargs, value);
  } else if (given.size() > macro.parameters.size()) {
    return complain("takes at most " + std::to_string(macro.parameters.size()) + " arguments");
  }
  TextBuilder out = builder();
  auto flow = run_block(macro.body, scope, out);
  if (!flow) return flow.error();
  HEARTH_TRY(const Text* made, finish(std::move(out)));
  return Value(made);
}

}  // namespace hearth::jinja
