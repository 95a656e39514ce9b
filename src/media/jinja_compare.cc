// Equality, order and membership, as Python has them. Marks play no part.
#include <algorithm>

#include "media/jinja_runtime.h"

namespace hearth::jinja {
namespace {

Error too_deep() { return bad_input("a value is nested too deeply to be compared"); }

}  // namespace

Result<bool> Runtime::equal(const Value& a, const Value& b, int depth) {
  if (depth > kMaxValueDepth) return too_deep();
  HEARTH_TRY_STATUS(spend(1));
  if (a.is_numeric() && b.is_numeric()) return numbers_equal(a, b);
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::text:
      if (a.text->bytes.size() != b.text->bytes.size()) return false;
      HEARTH_TRY_STATUS(spend_bytes(a.text->bytes.size()));
      return a.text->bytes == b.text->bytes;
    case Kind::list: {
      const List &x = *a.list, &y = *b.list;
      if (&x == &y) return true;
      if (x.is_tuple() != y.is_tuple() || (!x.is_tuple() && x.type != y.type)) return false;
      if (!x.is_subscriptable() || x.items.size() != y.items.size()) return false;
      for (std::size_t i = 0; i < x.items.size(); ++i) {
        HEARTH_TRY(bool same, equal(x.items[i], y.items[i], depth + 1));
        if (!same) return false;
      }
      return true;
    }
    case Kind::dict: {
      const Dict &x = *a.dict, &y = *b.dict;
      if (&x == &y) return true;
      if (x.entries.size() != y.entries.size()) return false;
      for (const auto& [key, value] : x.entries) {
        HEARTH_TRY_STATUS(spend_lookup(y, key));
        const Value* other = y.find(key);
        if (!other) return false;
        HEARTH_TRY(bool same, equal(value, *other, depth + 1));
        if (!same) return false;
      }
      return true;
    }
    case Kind::name_space:
      return a.name_space == b.name_space;
    case Kind::callable:
      return a.callable == b.callable;
    case Kind::loop:
      return a.loop == b.loop;
    case Kind::cycler:
      return a.cycler == b.cycler;
    default:
      return false;
  }
}

Result<bool> Runtime::less(const Value& a, const Value& b, int depth) {
  if (depth > kMaxValueDepth) return too_deep();
  HEARTH_TRY_STATUS(spend(1));
  if (a.is(Kind::undefined)) return undefined_error(a);
  if (b.is(Kind::undefined)) return undefined_error(b);
  if (a.is_int() && b.is_int()) return a.as_int() < b.as_int();
  if (a.is(Kind::huge) && b.is(Kind::huge)) return a.huge < b.huge;
  if (a.is_numeric() && b.is_numeric()) return a.as_number() < b.as_number();
  if (a.is(Kind::text) && b.is(Kind::text)) {
    HEARTH_TRY_STATUS(spend_bytes(std::min(a.text->bytes.size(), b.text->bytes.size())));
    return a.text->bytes < b.text->bytes;  // the order of UTF-8 is the order of code points
  }
  if (a.is(Kind::list) && b.is(Kind::list) && a.list->is_tuple() == b.list->is_tuple() &&
      a.list->type < List::Type::range && b.list->type < List::Type::range) {
    const auto &x = a.list->items, &y = b.list->items;
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      HEARTH_TRY(bool same, equal(x[i], y[i], depth + 1));
      if (!same) return less(x[i], y[i], depth + 1);
    }
    return x.size() < y.size();
  }
  return bad_input(std::string("no order between values of types ") + type_name(a) + " and " +
                   type_name(b));
}

Result<bool> Runtime::contains(const Value& container, const Value& item) {
  switch (container.kind) {
    case Kind::undefined:
      return false;
    case Kind::text:
      if (!item.is(Kind::text)) return type_error(item, "cannot be searched for in a text");
      HEARTH_TRY_STATUS(spend_bytes(container.text->bytes.size()));
      return find(container.text->view(), item.text->view()) != std::string::npos;
    case Kind::dict:
      if (!Dict::is_key(item)) {
        if (item.is(Kind::undefined)) return false;
        if (item.is(Kind::list) && item.list->is_tuple()) return false;
        return type_error(item, "cannot be a key");
      }
      HEARTH_TRY_STATUS(spend_lookup(*container.dict, item));
      return container.dict->find(item) != nullptr;
    case Kind::list: {
      const List& list = *container.list;
      bool generator = list.type == List::Type::generator;
      for (std::size_t i = list.consumed; i < list.items.size(); ++i) {
        if (generator) list.consumed = i + 1;
        HEARTH_TRY(bool same, equal(list.items[i], item));
        if (same) return true;
      }
      return false;
    }
    default:
      return type_error(container, "is not iterable");
  }
}

}  // namespace hearth::jinja
