// Arguments, global functions, and the attributes of loops, cyclers and macros.
#include "media/jinja_builtins.h"

#include <algorithm>

#include "formats/quote.h"
#include "media/jinja_ast.h"
#include "media/jinja_clock.h"

namespace hearth::jinja {

// ---- arguments ----

Status bind_arguments(std::string_view function, const Arguments& arguments,
                      const char* const* names, std::size_t count, std::size_t required,
                      const Value** out) {
  auto complain = [&](const std::string& what) {
    return bad_input("'" + std::string(function) + "' " + what);
  };
  if (arguments.positional.size() > count)
    return complain("takes at most " + std::to_string(count) + " arguments, " +
                    std::to_string(arguments.positional.size()) + " were given");
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) out[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    auto at = static_cast<std::size_t>(std::find(names, names + count, name->view()) - names);
    if (at == count) return complain("takes no argument named " + quote_name(name->view()));
    if (out[at]) return complain("was given " + quote_name(name->view()) + " twice");
    out[at] = &value;
  }
  for (std::size_t i = 0; i < required; ++i)
    if (!out[i]) return complain("needs an argument '" + std::string(names[i]) + "'");
  return {};
}

Result<std::int64_t> int_or(const Value* value, std::int64_t fallback, std::string_view what) {
  if (!value) return fallback;
  if (!value->is_int()) return type_error(*value, "cannot be " + std::string(what));
  return value->as_int();
}

Result<const Text*> text_or(const Value* value, const Text* fallback, std::string_view what) {
  if (!value) return fallback;
  if (!value->is(Kind::text)) return type_error(*value, "cannot be " + std::string(what));
  return value->text;
}

Result<std::size_t> count_or(const Value* value, std::size_t fallback, std::string_view what) {
  HEARTH_TRY(std::int64_t count, int_or(value, static_cast<std::int64_t>(fallback), what));
  return static_cast<std::size_t>(std::clamp<std::int64_t>(count, 0, 1'000'000'000));
}

namespace {

// ---- global functions ----

/// strftime writes into a buffer of some size, whatever the result.
constexpr std::size_t kTimeSteps = 256;

/// As in Jinja's sandbox: longer ranges are refused.
constexpr std::int64_t kMaxRange = 100'000;

Result<Value> range(Runtime& run, const Value&, const Arguments& arguments) {
  constexpr const char* kNames[] = {"start", "stop", "step"};
  HEARTH_TRY(auto bound, take_arguments("range", arguments, kNames, 1));
  HEARTH_TRY(std::int64_t start, int_or(bound[0], 0, "a bound of range()"));
  HEARTH_TRY(std::int64_t stop, int_or(bound[1], start, "a bound of range()"));
  HEARTH_TRY(std::int64_t step, int_or(bound[2], 1, "the step of range()"));
  if (!bound[1]) start = 0;
  if (step == 0) return bad_input("range() needs a step that is not zero");
  // Differences as unsigned numbers: they cannot overflow.
  bool empty = step > 0 ? start >= stop : start <= stop;
  auto from = static_cast<std::uint64_t>(start), to = static_cast<std::uint64_t>(stop);
  std::uint64_t distance = empty ? 0 : step > 0 ? to - from : from - to;
  std::uint64_t stride = step > 0 ? static_cast<std::uint64_t>(step)
                                  : std::uint64_t{0} - static_cast<std::uint64_t>(step);
  std::uint64_t count = distance / stride + (distance % stride != 0);
  if (count > kMaxRange)
    return bad_input("range() of more than " + std::to_string(kMaxRange) + " items");
  HEARTH_TRY_STATUS(run.spend(count));
  std::vector<Value> items;
  for (std::uint64_t i = 0; i < count; ++i)
    items.push_back(
        Value::of_int(static_cast<std::int64_t>(from + i * static_cast<std::uint64_t>(step))));
  return run.list(std::move(items), List::Type::range);
}

/// The entries of dict(…) and namespace(…): of a dict or of pairs, then the named ones.
Result<Dict> entries_of(Runtime& run, std::string_view function, const Arguments& arguments) {
  Dict made;
  Arguments positional{arguments.positional, {}};
  constexpr const char* kNames[] = {"mapping"};
  HEARTH_TRY(auto bound, take_arguments(function, positional, kNames));
  if (bound[0] && bound[0]->is(Kind::dict)) {
    HEARTH_TRY_STATUS(run.spend(bound[0]->dict->entries.size()));
    made = *bound[0]->dict;
  } else if (bound[0]) {
    HEARTH_TRY(auto pairs, run.iterate(*bound[0]));
    for (const Value& pair : pairs) {
      HEARTH_TRY(auto key_value, run.iterate(pair));
      if (key_value.size() != 2) return bad_input("a dict is made of pairs");
      if (!Dict::is_key(key_value[0])) return type_error(key_value[0], "cannot be a key");
      HEARTH_TRY_STATUS(run.spend_lookup(made, key_value[0]));
      made.set(key_value[0], key_value[1]);
    }
  }
  for (const auto& [name, value] : arguments.named) {
    HEARTH_TRY_STATUS(run.spend_lookup(made, name));
    made.set(name, value);
  }
  return made;
}

Result<Value> make_dict(Runtime& run, const Value&, const Arguments& arguments) {
  HEARTH_TRY(Dict made, entries_of(run, "dict", arguments));
  return run.dict(std::move(made));
}

Result<Value> make_namespace(Runtime& run, const Value&, const Arguments& arguments) {
  HEARTH_TRY(Dict entries, entries_of(run, "namespace", arguments));
  Value made = run.name_space();
  for (const auto& [key, value] : entries.entries)
    if (key.is(Kind::text)) made.name_space->members[key.text->view()] = value;
  return made;
}

Result<Value> make_joiner(Runtime& run, const Value&, const Arguments& arguments) {
  constexpr const char* kNames[] = {"sep"};
  HEARTH_TRY(auto bound, take_arguments("joiner", arguments, kNames));
  Value separator = bound[0] ? *bound[0] : Value(run.keep(", ", false));
  return run.cycler({Value(run.keep("", false)), separator}, true);
}

Result<Value> make_cycler(Runtime& run, const Value&, const Arguments& arguments) {
  if (arguments.positional.empty()) return bad_input("cycler() needs at least one item");
  HEARTH_TRY_STATUS(run.spend(arguments.positional.size()));
  return run.cycler(arguments.positional, false);
}

Result<Value> raise_exception(Runtime& run, const Value&, const Arguments& arguments) {
  constexpr const char* kNames[] = {"message"};
  HEARTH_TRY(auto bound, take_arguments("raise_exception", arguments, kNames, 1));
  HEARTH_TRY(const Text* message, run.str(*bound[0]));
  run.raised = true;
  return bad_input(message->bytes);
}

Result<Value> strftime_now(Runtime& run, const Value&, const Arguments& arguments) {
  constexpr const char* kNames[] = {"format"};
  HEARTH_TRY(auto bound, take_arguments("strftime_now", arguments, kNames, 1));
  HEARTH_TRY(const Text* format, text_or(bound[0], nullptr, "a format of time"));
  HEARTH_TRY_STATUS(run.spend(kTimeSteps));
  HEARTH_TRY(std::string text, format_time(run.fixed_time, format->view()));
  return run.text(text, !format->marks.empty());
}

constexpr NamedBuiltin kFunctions[] = {
    {"range", range},
    {"dict", make_dict},
    {"namespace", make_namespace},
    {"joiner", make_joiner},
    {"cycler", make_cycler},
    {"raise_exception", raise_exception},
    {"strftime_now", strftime_now},
};

// ---- loop, cycler ----

Result<Value> loop_cycle(Runtime&, const Value& self, const Arguments& arguments) {
  const auto& items = arguments.positional;
  if (items.empty()) return bad_input("loop.cycle() needs at least one item");
  return items[self.loop->index0 % items.size()];
}

Result<Value> loop_changed(Runtime& run, const Value& self, const Arguments& arguments) {
  HEARTH_TRY(Value now, run.list(arguments.positional));
  bool same = false;
  if (self.loop->changed) {
    HEARTH_TRY(same, run.equal(now, self.loop->changed));
  }
  self.loop->changed = now.list;
  return Value::of_bool(!same);
}

Result<Value> cycler_next(Runtime&, const Value& self, const Arguments&) {
  Cycler& cycler = *self.cycler;
  Value item = cycler.items[cycler.position];
  // A joiner stays at its separator; a cycler starts again.
  std::size_t next = cycler.position + 1;
  cycler.position = next < cycler.items.size() ? next : cycler.joiner ? next - 1 : 0;
  return item;
}

Result<Value> cycler_reset(Runtime&, const Value& self, const Arguments&) {
  self.cycler->position = 0;
  return Value();
}

constexpr NamedBuiltin kLoopMethods[] = {{"cycle", loop_cycle}, {"changed", loop_changed}};
constexpr NamedBuiltin kCyclerMethods[] = {{"next", cycler_next}, {"reset", cycler_reset}};

// ---- list and dict ----

Result<Value> list_count(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"value"};
  HEARTH_TRY(auto bound, take_arguments("count", arguments, kNames, 1));
  std::int64_t count = 0;
  for (const Value& item : self.list->items) {
    HEARTH_TRY(bool same, run.equal(item, *bound[0]));
    count += same;
  }
  return Value::of_int(count);
}

Result<Value> list_index(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"value"};
  HEARTH_TRY(auto bound, take_arguments("index", arguments, kNames, 1));
  const auto& items = self.list->items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    HEARTH_TRY(bool same, run.equal(items[i], *bound[0]));
    if (same) return Value::of_int(static_cast<std::int64_t>(i));
  }
  return bad_input("index(): the value is not in the list");
}

Result<Value> copy(Runtime&, const Value& self, const Arguments&) { return self; }

Result<Value> dict_keys(Runtime& run, const Value& self, const Arguments&) {
  HEARTH_TRY(auto keys, run.iterate(self));
  return run.list(std::move(keys), List::Type::keys);
}

Result<Value> dict_values(Runtime& run, const Value& self, const Arguments&) {
  std::vector<Value> values;
  for (const auto& [key, value] : self.dict->entries) values.push_back(value);
  return run.list(std::move(values), List::Type::values);
}

Result<Value> dict_items(Runtime& run, const Value& self, const Arguments&) {
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict->entries) {
    HEARTH_TRY(Value pair, run.pair(key, value));
    items.push_back(pair);
  }
  return run.list(std::move(items), List::Type::items);
}

Result<Value> dict_get(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"key", "default"};
  HEARTH_TRY(auto bound, take_arguments("get", arguments, kNames, 1));
  HEARTH_TRY(bool there, run.contains(self, *bound[0]));
  if (there) return *self.dict->find(*bound[0]);
  return bound[1] ? *bound[1] : Value();
}

constexpr NamedBuiltin kListMethods[] = {
    {"count", list_count}, {"index", list_index}, {"copy", copy}};
constexpr NamedBuiltin kDictMethods[] = {{"keys", dict_keys},
                                         {"values", dict_values},
                                         {"items", dict_items},
                                         {"get", dict_get},
                                         {"copy", copy}};

}  // namespace

Builtin find_function(std::string_view name) { return find_in(kFunctions, name); }

Builtin find_filter(std::string_view name) {
  for (auto table : {find_text_filter, find_text_layout_filter, find_list_filter,
                     find_selection_filter, find_number_filter})
    if (Builtin found = table(name)) return found;
  return nullptr;
}

Builtin find_method(const Value& object, std::string_view name) {
  switch (object.kind) {
    case Kind::text:
      if (Builtin found = find_text_method(name)) return found;
      return find_text_search_method(name);
    case Kind::list:
      if (!object.list->is_subscriptable()) return nullptr;
      if (name == "copy" && object.list->type != List::Type::list) return nullptr;
      return find_in(kListMethods, name);
    case Kind::dict:
      return find_in(kDictMethods, name);
    case Kind::loop:
      return find_in(kLoopMethods, name);
    case Kind::cycler:
      return find_in(kCyclerMethods, name);
    default:
      return nullptr;
  }
}

bool is_unsafe_method(const Value& object, std::string_view name) {
  constexpr std::string_view kList[] = {"append", "clear",  "extend",  "insert",
                                        "pop",    "remove", "reverse", "sort"};
  constexpr std::string_view kDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  auto holds = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  if (object.is(Kind::list)) return object.list->type == List::Type::list && holds(kList);
  return object.is(Kind::dict) && holds(kDict);
}

std::optional<Value> special_attribute(Runtime& run, const Value& object, std::string_view name) {
  if (object.is(Kind::cycler)) {
    if (name == "current") return object.cycler->items[object.cycler->position];
    return std::nullopt;
  }
  if (object.is(Kind::callable)) {
    if (name == "name" && object.callable->macro) return run.keep(object.callable->name, false);
    return std::nullopt;
  }
  const Loop& loop = *object.loop;
  std::size_t size = loop.items->size(), index0 = loop.index0;
  auto number = [](std::size_t n) { return Value::of_int(static_cast<std::int64_t>(n)); };
  auto neighbour = [&](bool there, std::size_t at, const char* hint) {
    if (there) return (*loop.items)[at];
    Undefined missing;
    missing.hint = hint;
    return run.undefined(missing);
  };
  if (name == "index") return number(index0 + 1);
  if (name == "index0") return number(index0);
  if (name == "first") return Value::of_bool(index0 == 0);
  if (name == "last") return Value::of_bool(index0 + 1 == size);
  if (name == "length") return number(size);
  if (name == "revindex") return number(size - index0);
  if (name == "revindex0") return number(size - index0 - 1);
  if (name == "depth") return Value::of_int(loop.depth0 + 1);
  if (name == "depth0") return Value::of_int(loop.depth0);
  if (name == "previtem") return neighbour(index0 > 0, index0 - 1, "there is no previous item");
  if (name == "nextitem") return neighbour(index0 + 1 < size, index0 + 1, "there is no next item");
  return std::nullopt;
}

}  // namespace hearth::jinja
