#include "media/jinja_value.h"

#include <algorithm>

#include "formats/quote.h"

namespace hearth::jinja {

Value Value::of_bool(bool b) {
  Value v;
  v.kind = Kind::boolean;
  v.boolean = b;
  return v;
}

Value Value::of_int(std::int64_t i) {
  Value v;
  v.kind = Kind::integer;
  v.integer = i;
  return v;
}

Value Value::of_number(double d) {
  Value v;
  v.kind = Kind::number;
  v.number = d;
  return v;
}

Value Value::of_huge(std::uint64_t u) {
  if (u <= INT64_MAX) return of_int(static_cast<std::int64_t>(u));
  Value v;
  v.kind = Kind::huge;
  v.huge = u;
  return v;
}

double Value::as_number() const {
  if (kind == Kind::number) return number;
  return kind == Kind::huge ? static_cast<double>(huge) : static_cast<double>(as_int());
}

const Value* Dict::find(std::string_view key) const {
  auto at = by_text_.find(key);
  return at == by_text_.end() ? nullptr : &entries[at->second].second;
}

const Value* Dict::find(const Value& key) const {
  if (key.is(Kind::text)) return find(key.text->view());
  if (by_text_.size() == entries.size()) return nullptr;
  for (const auto& [k, value] : entries) {
    if (k.is_numeric() && key.is_numeric() && numbers_equal(k, key)) return &value;
    if (k.is(Kind::none) && key.is(Kind::none)) return &value;
  }
  return nullptr;
}

void Dict::set(const Value& key, const Value& value) {
  if (const Value* there = find(key)) {
    *const_cast<Value*>(there) = value;
    return;
  }
  if (key.is(Kind::text)) by_text_.emplace(key.text->view(), entries.size());
  entries.emplace_back(key, value);
}

bool Dict::is_key(const Value& key) {
  return key.is(Kind::text) || key.is(Kind::none) || key.is_numeric();
}

bool truthy(const Value& value) {
  switch (value.kind) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
      return value.boolean;
    case Kind::integer:
      return value.integer != 0;
    case Kind::number:
      return value.number != 0;
    case Kind::text:
      return !value.text->bytes.empty();
    case Kind::list:
      return value.list->type == List::Type::generator || !value.list->items.empty();
    case Kind::dict:
      return !value.dict->entries.empty();
    default:
      return true;
  }
}

const char* type_name(const Value& value) {
  switch (value.kind) {
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "NoneType";
    case Kind::boolean:
      return "bool";
    case Kind::integer:
    case Kind::huge:
      return "int";
    case Kind::number:
      return "float";
    case Kind::text:
      return "str";
    case Kind::list: {
      constexpr const char* kNames[] = {"list",      "tuple",       "tuple",      "range",
                                        "dict_keys", "dict_values", "dict_items", "generator"};
      return kNames[static_cast<int>(value.list->type)];
    }
    case Kind::dict:
      return "dict";
    case Kind::name_space:
      return "Namespace";
    case Kind::callable:
      return value.callable->macro ? "Macro" : "function";
    case Kind::loop:
      return "LoopContext";
    case Kind::cycler:
      return value.cycler->joiner ? "Joiner" : "Cycler";
  }
  return "object";
}

std::string complaint(const Undefined& undefined) {
  if (undefined.hint) return undefined.hint;
  bool named = undefined.key.is(Kind::text);
  std::string name = named ? quote_name(undefined.key.text->view()) : "";
  if (undefined.is_variable) return name + " is undefined";
  std::string owner =
      undefined.owner.is(Kind::none) ? "None" : std::string(type_name(undefined.owner)) + " object";
  if (named) return "'" + owner + "' has no attribute " + name;
  std::string element = undefined.key.is_int() ? std::to_string(undefined.key.as_int())
                                               : std::string(type_name(undefined.key));
  return owner + " has no element " + element;
}

bool numbers_equal(const Value& a, const Value& b) {
  if (a.is_int() && b.is_int()) return a.as_int() == b.as_int();
  if (a.is(Kind::huge) && b.is(Kind::huge)) return a.huge == b.huge;
  if (a.is(Kind::huge) != b.is(Kind::huge) && !a.is(Kind::number) && !b.is(Kind::number))
    return false;
  return a.as_number() == b.as_number();
}

}  // namespace hearth::jinja
