// Jinja's tests: what may stand after `is`.
#include <cmath>

#include "media/jinja_builtins.h"
#include "media/unicode.h"

namespace hearth::jinja {
namespace {

using Predicate = bool (*)(const Value&);

/// A test of the value alone.
template <Predicate holds>
Result<Value> plain(Runtime&, const Value& self, const Arguments& arguments) {
  if (!arguments.positional.empty() || !arguments.named.empty())
    return bad_input("this test takes no argument");
  return Value::of_bool(holds(self));
}

bool is_defined(const Value& v) { return !v.is(Kind::undefined); }
bool is_undefined(const Value& v) { return v.is(Kind::undefined); }
bool is_none(const Value& v) { return v.is(Kind::none); }
bool is_boolean(const Value& v) { return v.is(Kind::boolean); }
bool is_true(const Value& v) { return v.is(Kind::boolean) && v.boolean; }
bool is_false(const Value& v) { return v.is(Kind::boolean) && !v.boolean; }
bool is_integer(const Value& v) { return v.is(Kind::integer) || v.is(Kind::huge); }
bool is_float(const Value& v) { return v.is(Kind::number); }
bool is_number(const Value& v) { return v.is_numeric(); }
bool is_string(const Value& v) { return v.is(Kind::text); }
bool is_mapping(const Value& v) { return v.is(Kind::dict); }
bool is_iterable(const Value& v) {
  return v.is(Kind::undefined) || v.is(Kind::text) || v.is(Kind::list) || v.is(Kind::dict) ||
         v.is(Kind::loop);
}
bool is_sequence(const Value& v) {
  if (v.is(Kind::list)) return v.list->is_subscriptable();
  return v.is(Kind::undefined) || v.is(Kind::text) || v.is(Kind::dict);
}
bool is_callable(const Value& v) {
  return v.is(Kind::callable) || v.is(Kind::undefined) || v.is(Kind::loop) ||
         (v.is(Kind::cycler) && v.cycler->joiner);
}
bool is_escaped(const Value& v) { return v.is(Kind::text) && v.text->safe; }

/// Has at least one letter with case, and all of them the wanted one.
template <bool (*wanted)(char32_t)>
Result<Value> all_cased(Runtime& run, const Value& self, const Arguments&) {
  HEARTH_TRY(const Text* text, run.str(self));
  HEARTH_TRY_STATUS(run.spend_bytes(text->bytes.size()));
  bool any = false;
  for (std::size_t at = 0; at < text->bytes.size();) {
    auto c = unicode::decode(text->bytes, at);
    if (is_cased(c.code) && !wanted(c.code)) return Value::of_bool(false);
    any |= is_cased(c.code);
    at += c.length;
  }
  return Value::of_bool(any);
}

Result<std::int64_t> whole(const Value& value) {
  if (!value.is_int()) return type_error(value, "is not an integer");
  return value.as_int();
}

template <int rest>
Result<Value> parity(Runtime&, const Value& self, const Arguments&) {
  HEARTH_TRY(std::int64_t number, whole(self));
  return Value::of_bool((number % 2 != 0) == (rest != 0));
}

/// A test against one other value.
using Comparison = Result<bool> (*)(Runtime&, const Value&, const Value&);
template <Comparison holds>
Result<Value> against(Runtime& run, const Value& self, const Arguments& arguments) {
  constexpr const char* kNames[] = {"other"};
  HEARTH_TRY(auto bound, take_arguments("a test", arguments, kNames, 1));
  HEARTH_TRY(bool result, holds(run, self, *bound[0]));
  return Value::of_bool(result);
}

Result<bool> divisible(Runtime&, const Value& a, const Value& b) {
  HEARTH_TRY(std::int64_t number, whole(a));
  HEARTH_TRY(std::int64_t divisor, whole(b));
  if (divisor == 0) return bad_input("nothing is divisible by zero");
  return divisor == -1 || number % divisor == 0;
}
Result<bool> eq(Runtime& run, const Value& a, const Value& b) { return run.equal(a, b); }
Result<bool> ne(Runtime& run, const Value& a, const Value& b) {
  HEARTH_TRY(bool same, run.equal(a, b));
  return !same;
}
Result<bool> lt(Runtime& run, const Value& a, const Value& b) { return run.less(a, b); }
Result<bool> gt(Runtime& run, const Value& a, const Value& b) { return run.less(b, a); }
Result<bool> le(Runtime& run, const Value& a, const Value& b) {
  HEARTH_TRY(bool strictly, run.less(a, b));
  return strictly ? Result<bool>(true) : run.equal(a, b);
}
Result<bool> ge(Runtime& run, const Value& a, const Value& b) { return le(run, b, a); }
Result<bool> in(Runtime& run, const Value& a, const Value& b) { return run.contains(b, a); }

/// Python's `is`: the same object. Small values are equal and of one type.
Result<bool> same(Runtime& run, const Value& a, const Value& b) {
  if (a.kind != b.kind) return false;
  if (a.is(Kind::list)) return a.list == b.list;
  if (a.is(Kind::dict)) return a.dict == b.dict;
  return run.equal(a, b);
}

Result<bool> names_a(Builtin (*find)(std::string_view), const Value& name) {
  if (!name.is(Kind::text)) return false;
  return find(name.text->view()) != nullptr;
}
Result<Value> is_filter(Runtime&, const Value& self, const Arguments&) {
  HEARTH_TRY(bool known, names_a(find_filter, self));
  return Value::of_bool(known);
}
Result<Value> is_test(Runtime&, const Value& self, const Arguments&) {
  HEARTH_TRY(bool known, names_a(find_test, self));
  return Value::of_bool(known);
}

constexpr NamedBuiltin kTests[] = {
    {"defined", plain<is_defined>},
    {"undefined", plain<is_undefined>},
    {"none", plain<is_none>},
    {"boolean", plain<is_boolean>},
    {"true", plain<is_true>},
    {"false", plain<is_false>},
    {"integer", plain<is_integer>},
    {"float", plain<is_float>},
    {"number", plain<is_number>},
    {"string", plain<is_string>},
    {"mapping", plain<is_mapping>},
    {"iterable", plain<is_iterable>},
    {"sequence", plain<is_sequence>},
    {"callable", plain<is_callable>},
    {"escaped", plain<is_escaped>},
    {"lower", all_cased<is_lower>},
    {"upper", all_cased<is_upper>},
    {"odd", parity<1>},
    {"even", parity<0>},
    {"divisibleby", against<divisible>},
    {"eq", against<eq>},
    {"==", against<eq>},
    {"equalto", against<eq>},
    {"ne", against<ne>},
    {"!=", against<ne>},
    {"lt", against<lt>},
    {"<", against<lt>},
    {"lessthan", against<lt>},
    {"gt", against<gt>},
    {">", against<gt>},
    {"greaterthan", against<gt>},
    {"le", against<le>},
    {"<=", against<le>},
    {"ge", against<ge>},
    {">=", against<ge>},
    {"in", against<in>},
    {"sameas", against<same>},
    {"filter", is_filter},
    {"test", is_test},
};

}  // namespace

Builtin find_test(std::string_view name) { return find_in(kTests, name); }

}  // namespace hearth::jinja
