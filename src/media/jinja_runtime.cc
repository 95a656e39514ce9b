#include "media/jinja_runtime.h"

#include <algorithm>

#include "formats/quote.h"
#include "media/jinja_builtins.h"
#include "media/unicode.h"

namespace hearth::jinja {

Error undefined_error(const Value& value) { return bad_input(complaint(*value.undefined)); }

Error type_error(const Value& value, std::string_view what) {
  if (value.is(Kind::undefined)) return undefined_error(value);
  return bad_input("a value of type " + std::string(type_name(value)) + " " + std::string(what));
}

// ---- the budget ----

Status Runtime::spend(std::size_t steps) {
  if (steps > steps_left_) {
    steps_left_ = 0;
    return bad_input("the template needs more than " + std::to_string(budget_.steps) +
                     " steps: it is taken for hostile");
  }
  steps_left_ -= steps;
  return {};
}

Status Runtime::Level::check() const {
  if (run_.depth_ <= kLevelsPerDepth * run_.budget_.depth) return {};
  return bad_input("the template nests its evaluation too deeply");
}

// ---- making values ----

Result<const Text*> Runtime::finish(TextBuilder&& builder, bool safe) {
  if (builder.overflowed())
    return bad_input("the template makes a text of more than " +
                     std::to_string(budget_.output_bytes) + " bytes");
  Text text = std::move(builder).take();
  text.safe = safe;
  HEARTH_TRY_STATUS(spend(text.bytes.size() / kBytesPerStep + text.marks.size() + 1));
  return &texts_.emplace_back(std::move(text));
}

Result<Value> Runtime::text(std::string_view bytes, bool marked) {
  TextBuilder out = builder();
  out.add(bytes, marked);
  HEARTH_TRY(const Text* made, finish(std::move(out)));
  return Value(made);
}

Result<Value> Runtime::slice(const Text& text, std::size_t begin, std::size_t end) {
  if (begin == 0 && end == text.bytes.size()) return Value(&text);
  TextBuilder out = builder();
  out.add(text, begin, end);
  HEARTH_TRY(const Text* made, finish(std::move(out), text.safe));
  return Value(made);
}

Result<const Text*> Runtime::escaped(const Text& text) {
  if (text.safe) return &text;
  constexpr std::string_view kFrom = "&<>'\"";
  constexpr std::string_view kTo[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
  TextBuilder out = builder();
  std::size_t done = 0;
  for (std::size_t at = text.bytes.find_first_of(kFrom); at != std::string::npos;
       at = text.bytes.find_first_of(kFrom, done)) {
    out.add(text, done, at);
    out.add(kTo[kFrom.find(text.bytes[at])], is_marked(text, at, at + 1));
    done = at + 1;
  }
  out.add(text, done, text.bytes.size());
  return finish(std::move(out), true);
}

Result<Value> Runtime::list(std::vector<Value> items, List::Type type) {
  HEARTH_TRY_STATUS(spend(items.size() + 1));
  List made;
  made.type = type;
  made.items = std::move(items);
  return Value(&lists_.emplace_back(std::move(made)));
}

Result<Value> Runtime::pair(const Value& first, const Value& second, List::Type type) {
  return list({first, second}, type);
}

Value Runtime::cycler(std::vector<Value> items, bool joiner) {
  return &cyclers_.emplace_back(Cycler{std::move(items), 0, joiner});
}

Value Runtime::bound(std::string_view name, Builtin method, const Value& self) {
  Callable made;
  made.name = name;
  made.builtin = method;
  made.self = self;
  return callable(made);
}

const Text* Runtime::keep(std::string_view bytes, bool marked) {
  Text& text = texts_.emplace_back();
  text.bytes = bytes;
  if (marked && !bytes.empty()) text.marks.push_back({0, bytes.size()});
  return &text;
}

Result<Value> Runtime::from_json(const Json& json, bool marked, int depth) {
  if (depth > kMaxValueDepth) return bad_input("the template's variables are nested too deeply");
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value::of_bool(json.get<bool>());
    case Json::value_t::number_integer:
      return Value::of_int(json.get<std::int64_t>());
    case Json::value_t::number_unsigned:
      return Value::of_huge(json.get<std::uint64_t>());
    case Json::value_t::number_float:
      return Value::of_number(json.get<double>());
    case Json::value_t::string:
      return Value(keep(json.get_ref<const std::string&>(), marked));
    case Json::value_t::array: {
      List made;
      made.items.reserve(json.size());
      for (const Json& element : json) {
        HEARTH_TRY(Value value, from_json(element, marked, depth + 1));
        made.items.push_back(value);
      }
      return Value(&lists_.emplace_back(std::move(made)));
    }
    case Json::value_t::object: {
      Dict made;
      for (const auto& [key, element] : json.items()) {
        HEARTH_TRY(Value value, from_json(element, marked, depth + 1));
        made.set(keep(key, marked), value);
      }
      return dict(std::move(made));
    }
    default:
      return Value();
  }
}

Status Runtime::spend_lookup(const Dict& dict, const Value& key) {
  return key.is(Kind::text) ? spend_bytes(key.text->bytes.size()) : spend(dict.entries.size());
}

// ---- iteration ----

Result<std::vector<Value>> Runtime::iterate(const Value& value) {
  std::vector<Value> items;
  switch (value.kind) {
    case Kind::undefined:
      return items;
    case Kind::list: {
      const List& list = *value.list;
      HEARTH_TRY_STATUS(spend(list.items.size() - list.consumed));
      items.assign(list.items.begin() + static_cast<std::ptrdiff_t>(list.consumed),
                   list.items.end());
      if (list.type == List::Type::generator) list.consumed = list.items.size();
      return items;
    }
    case Kind::dict:
      HEARTH_TRY_STATUS(spend(value.dict->entries.size()));
      for (const auto& [key, unused] : value.dict->entries) items.push_back(key);
      return items;
    case Kind::text: {
      const Text& text = *value.text;
      HEARTH_TRY_STATUS(spend_chars(text.bytes.size()));
      for (std::size_t at = 0; at < text.bytes.size();) {
        std::size_t next = at + unicode::decode(text.bytes, at).length;
        HEARTH_TRY(Value letter, slice(text, at, next));
        items.push_back(letter);
        at = next;
      }
      return items;
    }
    default:
      return type_error(value, "is not iterable");
  }
}

Result<std::size_t> Runtime::length(const Value& value) {
  switch (value.kind) {
    case Kind::undefined:
      return std::size_t{0};
    case Kind::text:
      HEARTH_TRY_STATUS(spend_bytes(value.text->bytes.size()));
      return count_chars(value.text->view());
    case Kind::list:
      if (value.list->type == List::Type::generator) break;
      return value.list->items.size();
    case Kind::dict:
      return value.dict->entries.size();
    case Kind::loop:
      return value.loop->items->size();
    default:
      break;
  }
  return type_error(value, "has no length");
}

// ---- attributes and elements ----

Result<Value> Runtime::attribute(const Value& object, const Text& name) {
  std::string_view key = name.view();
  HEARTH_TRY_STATUS(spend(key.size() / kBytesPerStep));
  switch (object.kind) {
    case Kind::undefined:
      return undefined_error(object);
    case Kind::name_space:
      if (auto member = object.name_space->members.find(key);
          member != object.name_space->members.end())
        return member->second;
      break;
    case Kind::callable:
      HEARTH_TRY_STATUS(spend_bytes(object.callable->name.size()));
      [[fallthrough]];
    case Kind::loop:
    case Kind::cycler:
      if (auto value = special_attribute(*this, object, key)) return *value;
      break;
    case Kind::list:
      if (object.list->type == List::Type::group && (key == "grouper" || key == "list"))
        return object.list->items[key == "list"];
      break;
    default:
      break;
  }
  if (Builtin method = find_method(object, key)) return bound(key, method, object);
  if (is_unsafe_method(object, key)) {
    Undefined refused;
    refused.hint = "the sandbox refuses methods that change a list or dict (append, update, …)";
    return undefined(refused);
  }
  // Only now the entries of a dict: `d.items` is the method also where a key has that name.
  if (object.is(Kind::dict))
    if (const Value* value = object.dict->find(key)) return *value;
  return undefined({.owner = object, .key = &name});
}

Result<Value> Runtime::item(const Value& object, const Value& key) {
  if (object.is(Kind::undefined)) return undefined_error(object);
  if (object.is(Kind::dict) && Dict::is_key(key)) {
    HEARTH_TRY_STATUS(spend_lookup(*object.dict, key));
    if (const Value* value = object.dict->find(key)) return *value;
  }
  if (key.is_int() && object.is(Kind::list) && object.list->is_subscriptable()) {
    auto size = static_cast<std::int64_t>(object.list->items.size());
    std::int64_t index = key.as_int() < 0 ? key.as_int() + size : key.as_int();
    if (index >= 0 && index < size) return object.list->items[static_cast<std::size_t>(index)];
  }
  if (key.is_int() && object.is(Kind::text)) {
    std::int64_t index = key.as_int(), after = index == -1 ? INT64_MAX : index + 1;
    if (index < INT64_MAX) {
      Value from = Value::of_int(index), to = Value::of_int(after);
      HEARTH_TRY(Value letter, slice(object, &from, &to, nullptr));
      if (truthy(letter)) return letter;
    }
  }
  if (!key.is(Kind::text)) return undefined({.owner = object, .key = key});
  // Jinja tries the attribute last, so that d['items'] is the method when the key is absent.
  if (object.is(Kind::dict) && !find_method(object, key.text->view()))
    return undefined({.owner = object, .key = key});
  return attribute(object, *key.text);
}

namespace {

/// What slice(start, stop, step).indices(size) gives, as the list of picked indices.
Result<std::vector<std::size_t>> picked_indices(Runtime& run, std::size_t count, const Value* start,
                                                const Value* stop, const Value* step) {
  auto given = [](const Value* v) { return v && !v->is(Kind::none); };
  for (const Value* v : {start, stop, step})
    if (given(v) && !v->is_int()) return type_error(*v, "cannot be a slice index");
  auto size = static_cast<std::int64_t>(count);
  std::int64_t by = given(step) ? step->as_int() : 1;
  if (by == 0) return bad_input("slice step cannot be zero");
  std::int64_t lowest = by > 0 ? 0 : -1, highest = by > 0 ? size : size - 1;
  auto clamp = [&](const Value* v, std::int64_t fallback) {
    if (!given(v)) return fallback;
    std::int64_t i = v->as_int();
    return std::clamp(i < 0 ? i + size : i, lowest, highest);
  };
  std::int64_t at = clamp(start, by > 0 ? lowest : highest);
  std::int64_t end = clamp(stop, by > 0 ? highest : lowest);
  by = std::clamp(by, -size - 1, size + 1);  // a longer stride picks no more than one
  std::vector<std::size_t> picked;
  for (; by > 0 ? at < end : at > end; at += by) picked.push_back(static_cast<std::size_t>(at));
  HEARTH_TRY_STATUS(run.spend(picked.size()));
  return picked;
}

}  // namespace

Result<Value> Runtime::slice(const Value& object, const Value* start, const Value* stop,
                             const Value* step) {
  if (object.is(Kind::list) && object.list->is_subscriptable()) {
    const List& from = *object.list;
    HEARTH_TRY(auto picked, picked_indices(*this, from.items.size(), start, stop, step));
    std::vector<Value> items;
    for (std::size_t i : picked) items.push_back(from.items[i]);
    return list(std::move(items), from.is_tuple() ? List::Type::tuple : from.type);
  }
  if (!object.is(Kind::text)) return type_error(object, "cannot be sliced");
  const Text& text = *object.text;
  HEARTH_TRY_STATUS(spend_bytes(text.bytes.size()));
  std::vector<std::size_t> offsets = char_offsets(text.view());
  HEARTH_TRY(auto picked, picked_indices(*this, offsets.size() - 1, start, stop, step));
  if (picked.empty()) return this->text("");
  bool in_a_row = picked.back() - picked.front() + 1 == picked.size();
  if (in_a_row) return slice(text, offsets[picked.front()], offsets[picked.back() + 1]);
  TextBuilder out = builder();
  for (std::size_t i : picked) out.add(text, offsets[i], offsets[i + 1]);
  HEARTH_TRY(const Text* made, finish(std::move(out), text.safe));
  return Value(made);
}

}  // namespace hearth::jinja
