// Filters that make, order and join sequences.
#include <algorithm>
#include <numeric>

#include "media/jinja_builtins.h"
#include "media/jinja_operators.h"
#include "media/unicode.h"

namespace hearth::jinja {

Result<Value> fold_case(Runtime& run, const Value& value) {
  return value.is(Kind::text) ? change_case(run, *value.text, Case::lower) : value;
}

Result<Value> at_path(Runtime& run, const Value& value, const Value& path) {
  if (!path.is(Kind::text)) return run.item(value, path);
  Value here = value;
  std::string_view rest = path.text->view();
  while (true) {
    HEARTH_TRY_STATUS(run.spend(1));
    std::size_t dot = rest.find('.');
    std::string_view part = rest.substr(0, dot);
    bool digits =
        !part.empty() && part.size() < 18 &&
        std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    Value key = digits ? Value::of_int(std::stoll(std::string(part))) : Value(path.text);
    if (!digits && part.size() != path.text->bytes.size()) {
      HEARTH_TRY(key, run.text(part));
    }
    HEARTH_TRY(here, run.item(here, key));
    if (dot == rest.npos) return here;
    rest.remove_prefix(dot + 1);
  }
}

namespace {

/// Merge sort: unlike std::stable_sort it bears a comparison that fails half-way.
Status merge_sort(Runtime& run, const std::vector<Value>& keys, std::vector<std::size_t>& order) {
  std::vector<std::size_t> merged(order.size());
  for (std::size_t width = 1; width < order.size(); width *= 2) {
    for (std::size_t begin = 0; begin < order.size(); begin += 2 * width) {
      std::size_t middle = std::min(begin + width, order.size());
      std::size_t end = std::min(begin + 2 * width, order.size());
      std::size_t left = begin, right = middle, out = begin;
      while (left < middle && right < end) {
        HEARTH_TRY(bool second, run.less(keys[order[right]], keys[order[left]]));
        merged[out++] = second ? order[right++] : order[left++];
      }
      while (left < middle) merged[out++] = order[left++];
      while (right < end) merged[out++] = order[right++];
    }
    order.swap(merged);
  }
  return {};
}

}  // namespace

Status sort_by(Runtime& run, std::vector<Value>& items, const std::vector<Value>& keys,
               bool reverse) {
  HEARTH_TRY_STATUS(run.spend(items.size()));
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), 0);
  // Python keeps equal items in their order also when it sorts downwards.
  if (reverse) std::reverse(order.begin(), order.end());
  HEARTH_TRY_STATUS(merge_sort(run, keys, order));
  if (reverse) std::reverse(order.begin(), order.end());
  std::vector<Value> sorted;
  for (std::size_t i : order) sorted.push_back(items[i]);
  items = std::move(sorted);
  return {};
}

namespace {

/// The values that `sort`, `unique`, `min` … compare: items, or what lies at a path in them.
Result<std::vector<Value>> keys_of(Runtime& run, const std::vector<Value>& items, const Value* path,
                                   bool case_sensitive) {
  std::vector<Value> keys;
  for (const Value& item : items) {
    Value key = item;
    if (path && !path->is(Kind::none)) {
      HEARTH_TRY(key, at_path(run, item, *path));
    }
    if (!case_sensitive) {
      HEARTH_TRY(key, fold_case(run, key));
    }
    keys.push_back(key);
  }
  return keys;
}

Result<Value> length(Runtime& run, const Value& self, const Arguments&) {
  HEARTH_TRY(std::size_t size, run.length(self));
  return Value::of_int(static_cast<std::int64_t>(size));
}

Result<Value> list(Runtime& run, const Value& self, const Arguments&) {
  HEARTH_TRY(auto items, run.iterate(self));
  return run.list(std::move(items));
}

Result<Value> nothing(Runtime& run, const char* hint) {
  Undefined missing;
  missing.hint = hint;
  return run.undefined(missing);
}

Result<Value> first(Runtime& run, const Value& self, const Arguments&) {
  if (self.is(Kind::list)) {
    const List& list = *self.list;
    if (list.consumed >= list.items.size()) return nothing(run, "there is no first item");
    return list.items[list.type == List::Type::generator ? list.consumed++ : 0];
  }
  if (self.is(Kind::text) && !self.text->bytes.empty())
    return run.slice(*self.text, 0, unicode::decode(self.text->bytes, 0).length);
  HEARTH_TRY(auto items, run.iterate(self));
  return items.empty() ? nothing(run, "there is no first item") : Result<Value>(items.front());
}

Result<Value> last(Runtime& run, const Value& self, const Arguments&) {
  if (self.is(Kind::list) && self.list->type == List::Type::generator)
    return type_error(self, "has no last item");
  if (self.is(Kind::text) && !self.text->bytes.empty()) {
    std::size_t end = self.text->bytes.size();
    return run.slice(*self.text, end - unicode::decode_before(self.text->bytes, end).length, end);
  }
  if (self.is(Kind::list) && !self.list->items.empty()) return self.list->items.back();
  HEARTH_TRY(auto items, run.iterate(self));
  return items.empty() ? nothing(run, "there is no last item") : Result<Value>(items.back());
}

Result<Value> join(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"d", "attribute"};
  HEARTH_TRY(auto bound, take_arguments("join", arguments, kNames));
  HEARTH_TRY(auto items, run.iterate(self));
  HEARTH_TRY(items, keys_of(run, items, bound[1], true));
  HEARTH_TRY(const Text* separator, run.str(bound[0] ? *bound[0] : Value(run.keep("", false))));
  TextBuilder out = run.builder();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) {
      HEARTH_TRY_STATUS(run.print(separator, out));
    }
    HEARTH_TRY_STATUS(run.print(items[i], out));
  }
  HEARTH_TRY(const Text* made, run.finish(std::move(out)));
  return Value(made);
}

Result<Value> reverse(Runtime& run, const Value& self, const Arguments&) {
  if (self.is(Kind::text)) {
    Value back = Value::of_int(-1);
    return run.slice(self, nullptr, nullptr, &back);
  }
  HEARTH_TRY(auto items, run.iterate(self));
  std::reverse(items.begin(), items.end());
  return run.list(std::move(items), List::Type::generator);
}

Result<Value> sort(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"reverse", "case_sensitive", "attribute"};
  HEARTH_TRY(auto bound, take_arguments("sort", arguments, kNames));
  HEARTH_TRY(auto items, run.iterate(self));
  bool sensitive = bool_or(bound[1], false);
  std::vector<Value> keys;
  if (bound[2] && bound[2]->is(Kind::text) &&
      bound[2]->text->bytes.find(',') != std::string::npos) {
    // Several attributes, most important first.
    HEARTH_TRY(Value comma, run.text(","));
    HEARTH_TRY(Value paths, split_text(run, *bound[2]->text, comma.text, -1, false));
    for (const Value& item : items) {
      std::vector<Value> parts;
      for (const Value& path : paths.list->items) {
        HEARTH_TRY(auto one, keys_of(run, {item}, &path, sensitive));
        parts.push_back(one[0]);
      }
      HEARTH_TRY(Value key, run.list(std::move(parts)));
      keys.push_back(key);
    }
  } else {
    HEARTH_TRY(keys, keys_of(run, items, bound[2], sensitive));
  }
  HEARTH_TRY_STATUS(sort_by(run, items, keys, bool_or(bound[0], false)));
  return run.list(std::move(items));
}

Result<Value> dictsort(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"case_sensitive", "by", "reverse"};
  HEARTH_TRY(auto bound, take_arguments("dictsort", arguments, kNames));
  if (!self.is(Kind::dict)) return type_error(self, "is not a mapping");
  bool by_value = bound[1] && bound[1]->is(Kind::text) && bound[1]->text->bytes == "value";
  std::vector<Value> items, parts;
  for (const auto& [key, value] : self.dict->entries) {
    HEARTH_TRY(Value pair, run.pair(key, value));
    items.push_back(pair);
    parts.push_back(by_value ? value : key);
  }
  HEARTH_TRY(auto keys, keys_of(run, parts, nullptr, bool_or(bound[0], false)));
  HEARTH_TRY_STATUS(sort_by(run, items, keys, bool_or(bound[2], false)));
  return run.list(std::move(items));
}

Result<Value> items(Runtime& run, const Value& self, const Arguments&) {
  std::vector<Value> pairs;
  if (self.is(Kind::undefined)) return run.list({}, List::Type::generator);
  if (!self.is(Kind::dict)) return bad_input("Can only get item pairs from a mapping.");
  for (const auto& [key, value] : self.dict->entries) {
    HEARTH_TRY(Value pair, run.pair(key, value));
    pairs.push_back(pair);
  }
  return run.list(std::move(pairs), List::Type::generator);
}

Result<Value> unique(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"case_sensitive", "attribute"};
  HEARTH_TRY(auto bound, take_arguments("unique", arguments, kNames));
  HEARTH_TRY(auto all, run.iterate(self));
  HEARTH_TRY(auto keys, keys_of(run, all, bound[1], bool_or(bound[0], false)));
  Dict seen;
  std::vector<Value> kept;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!Dict::is_key(keys[i])) return type_error(keys[i], "cannot be told unique");
    HEARTH_TRY_STATUS(run.spend_lookup(seen, keys[i]));
    if (seen.find(keys[i])) continue;
    seen.set(keys[i], Value());
    kept.push_back(all[i]);
  }
  return run.list(std::move(kept), List::Type::generator);
}

Result<Value> groupby(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"attribute", "default", "case_sensitive"};
  HEARTH_TRY(auto bound, take_arguments("groupby", arguments, kNames, 1));
  HEARTH_TRY(auto all, run.iterate(self));
  HEARTH_TRY(auto names, keys_of(run, all, bound[0], true));
  if (bound[1])
    for (Value& name : names)
      if (name.is(Kind::undefined)) name = *bound[1];
  HEARTH_TRY(auto keys, keys_of(run, names, nullptr, bool_or(bound[2], false)));
  std::vector<Value> order;
  for (std::size_t i = 0; i < all.size(); ++i)
    order.push_back(Value::of_int(static_cast<std::int64_t>(i)));
  HEARTH_TRY_STATUS(sort_by(run, order, keys, false));
  std::vector<Value> groups, members;
  for (std::size_t i = 0; i < order.size(); ++i) {
    auto at = static_cast<std::size_t>(order[i].integer);
    members.push_back(all[at]);
    bool ends = i + 1 == order.size();
    if (!ends) {
      HEARTH_TRY(bool same,
                 run.equal(keys[at], keys[static_cast<std::size_t>(order[i + 1].integer)]));
      ends = !same;
    }
    if (!ends) continue;
    auto first_member = static_cast<std::size_t>(order[i + 1 - members.size()].integer);
    HEARTH_TRY(Value group, run.list(std::exchange(members, {})));
    HEARTH_TRY(Value entry, run.pair(names[first_member], group, List::Type::group));
    groups.push_back(entry);
  }
  return run.list(std::move(groups));
}

Result<Value> batch(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"linecount", "fill_with"};
  HEARTH_TRY(auto bound, take_arguments("batch", arguments, kNames, 1));
  HEARTH_TRY(std::size_t size, count_or(bound[0], 1, "a line count"));
  HEARTH_TRY(auto all, run.iterate(self));
  if (size == 0) return bad_input("'batch' needs a line count of at least 1");
  std::vector<Value> lines;
  for (std::size_t begin = 0; begin < all.size(); begin += size) {
    std::size_t end = std::min(begin + size, all.size());
    std::vector<Value> line(all.begin() + static_cast<std::ptrdiff_t>(begin),
                            all.begin() + static_cast<std::ptrdiff_t>(end));
    if (bound[1] && !bound[1]->is(Kind::none) && line.size() < size) {
      HEARTH_TRY_STATUS(run.spend(size - line.size()));
      line.resize(size, *bound[1]);
    }
    HEARTH_TRY(Value made, run.list(std::move(line)));
    lines.push_back(made);
  }
  return run.list(std::move(lines), List::Type::generator);
}

Result<Value> slice(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"slices", "fill_with"};
  HEARTH_TRY(auto bound, take_arguments("slice", arguments, kNames, 1));
  HEARTH_TRY(std::size_t count, count_or(bound[0], 1, "a number of slices"));
  HEARTH_TRY(auto all, run.iterate(self));
  if (count == 0) return bad_input("'slice' needs at least 1 slice");
  HEARTH_TRY_STATUS(run.spend(count));
  std::size_t longer = all.size() % count, begin = 0;
  std::vector<Value> slices;
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t end = begin + all.size() / count + (i < longer);
    std::vector<Value> part(all.begin() + static_cast<std::ptrdiff_t>(begin),
                            all.begin() + static_cast<std::ptrdiff_t>(end));
    if (bound[1] && !bound[1]->is(Kind::none) && i >= longer) part.push_back(*bound[1]);
    HEARTH_TRY(Value made, run.list(std::move(part)));
    slices.push_back(made);
    begin = end;
  }
  return run.list(std::move(slices), List::Type::generator);
}

template <bool largest>
Result<Value> extreme(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"case_sensitive", "attribute"};
  HEARTH_TRY(auto bound, take_arguments(largest ? "max" : "min", arguments, kNames));
  HEARTH_TRY(auto all, run.iterate(self));
  HEARTH_TRY(auto keys, keys_of(run, all, bound[1], bool_or(bound[0], false)));
  if (all.empty()) return nothing(run, "no item of an empty sequence");
  std::size_t best = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    HEARTH_TRY(bool better,
               largest ? run.less(keys[best], keys[i]) : run.less(keys[i], keys[best]));
    if (better) best = i;
  }
  return all[best];
}

Result<Value> sum(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"attribute", "start"};
  HEARTH_TRY(auto bound, take_arguments("sum", arguments, kNames));
  HEARTH_TRY(auto all, run.iterate(self));
  HEARTH_TRY(all, keys_of(run, all, bound[0], true));
  Value total = bound[1] ? *bound[1] : Value::of_int(0);
  if (total.is(Kind::text)) return type_error(total, "cannot be summed to; use join");
  for (const Value& item : all) {
    HEARTH_TRY(total, arithmetic(run, Op::add, total, item));
  }
  return total;
}

constexpr NamedBuiltin kFilters[] = {
    {"length", length},     {"count", length}, {"list", list},       {"first", first},
    {"last", last},         {"join", join},    {"reverse", reverse}, {"sort", sort},
    {"dictsort", dictsort}, {"items", items},  {"unique", unique},   {"groupby", groupby},
    {"batch", batch},       {"slice", slice},  {"sum", sum},         {"min", extreme<false>},
    {"max", extreme<true>},
};

}  // namespace

Builtin find_list_filter(std::string_view name) { return find_in(kFilters, name); }

}  // namespace hearth::jinja
