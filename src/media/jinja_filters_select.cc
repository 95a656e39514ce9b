// Filters that apply a filter or test to every item, and `default` and `attr`.
#include "formats/quote.h"
#include "media/jinja_builtins.h"

namespace hearth::jinja {
namespace {

/// What these filters go through: Jinja lets everything falsy, none included, stand for no items.
Result<std::vector<Value>> items_of(Runtime& run, const Value& self) {
  return truthy(self) ? run.iterate(self) : std::vector<Value>();
}

/// The arguments from `skip` on: what map, select … hand to the filter or test that they name.
Arguments rest_of(const Arguments& arguments, std::size_t skip) {
  Arguments rest;
  for (std::size_t i = skip; i < arguments.positional.size(); ++i)
    rest.positional.push_back(arguments.positional[i]);
  rest.named = arguments.named;
  return rest;
}

Result<Value> map_attribute(Runtime& run, const std::vector<Value>& items,
                            const Arguments& arguments) {
  constexpr const char* kNames[] = {"attribute", "default"};
  HEARTH_TRY(auto bound, take_arguments("map", arguments, kNames, 1));
  std::vector<Value> mapped;
  for (const Value& item : items) {
    HEARTH_TRY(Value value, at_path(run, item, *bound[0]));
    if (bound[1] && value.is(Kind::undefined)) value = *bound[1];
    mapped.push_back(value);
  }
  return run.list(std::move(mapped), List::Type::generator);
}

Result<Value> map(Runtime& run, const Value& self, const Arguments& arguments) {
  Runtime::Level level(run);  // x|map('map', 'map', …) calls itself
  HEARTH_TRY_STATUS(level.check());
  HEARTH_TRY(auto items, items_of(run, self));
  if (arguments.positional.empty()) return map_attribute(run, items, arguments);
  HEARTH_TRY(const Text* name, text_or(&arguments.positional[0], nullptr, "the name of a filter"));
  Builtin filter = find_filter(name->view());
  if (!filter) return bad_input("there is no filter named " + quote_name(name->view()));
  Arguments rest = rest_of(arguments, 1);
  std::vector<Value> mapped;
  for (const Value& item : items) {
    HEARTH_TRY_STATUS(run.spend(1 + rest.positional.size() + rest.named.size()));
    HEARTH_TRY(Value value, filter(run, item, rest));
    mapped.push_back(value);
  }
  return run.list(std::move(mapped), List::Type::generator);
}

/// select, reject (`by_attribute` false), selectattr, rejectattr.
template <bool wanted, bool by_attribute>
Result<Value> choose(Runtime& run, const Value& self, const Arguments& arguments) {
  HEARTH_TRY(auto items, items_of(run, self));
  constexpr std::size_t kTestAt = by_attribute ? 1 : 0;
  if (arguments.positional.size() < kTestAt)
    return bad_input("'selectattr' and 'rejectattr' need the name of an attribute");
  Builtin test = nullptr;
  if (arguments.positional.size() > kTestAt) {
    HEARTH_TRY(const Text* name,
               text_or(&arguments.positional[kTestAt], nullptr, "the name of a test"));
    test = find_test(name->view());
    if (!test) return bad_input("there is no test named " + quote_name(name->view()));
  }
  Arguments rest = rest_of(arguments, kTestAt + 1);
  std::vector<Value> chosen;
  for (const Value& item : items) {
    HEARTH_TRY_STATUS(run.spend(1 + rest.positional.size() + rest.named.size()));
    Value value = item;
    if (by_attribute) {
      HEARTH_TRY(value, at_path(run, item, arguments.positional[0]));
    }
    if (test) {
      HEARTH_TRY(value, test(run, value, rest));
    }
    if (truthy(value) == wanted) chosen.push_back(item);
  }
  return run.list(std::move(chosen), List::Type::generator);
}

Result<Value> default_to(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"default_value", "boolean"};
  HEARTH_TRY(auto bound, take_arguments("default", arguments, kNames));
  bool replace = self.is(Kind::undefined) || (bool_or(bound[1], false) && !truthy(self));
  if (!replace) return self;
  return bound[0] ? *bound[0] : Value(run.keep("", false));
}

/// The attribute alone, never an entry of a dict.
Result<Value> attr(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"name"};
  HEARTH_TRY(auto bound, take_arguments("attr", arguments, kNames, 1));
  HEARTH_TRY(const Text* name, run.str(*bound[0]));
  if (self.is(Kind::dict) && !find_method(self, name->view()))
    return run.undefined({.owner = self, .key = name});
  if (self.is(Kind::undefined)) return undefined_error(self);
  return run.attribute(self, *name);
}

constexpr NamedBuiltin kFilters[] = {
    {"map", map},
    {"select", choose<true, false>},
    {"reject", choose<false, false>},
    {"selectattr", choose<true, true>},
    {"rejectattr", choose<false, true>},
    {"default", default_to},
    {"d", default_to},
    {"attr", attr},
};

}  // namespace

Builtin find_selection_filter(std::string_view name) { return find_in(kFilters, name); }

}  // namespace hearth::jinja
