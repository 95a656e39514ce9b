#include "media/jinja_operators.h"

#include <cmath>

#include "media/jinja_builtins.h"

namespace hearth::jinja {
namespace {

constexpr const char* kSymbols[] = {"+", "-", "*", "/", "//", "%", "**"};

Error mismatch(Op op, const Value& a, const Value& b) {
  return bad_input(std::string("unsupported operand types for ") + kSymbols[static_cast<int>(op)] +
                   ": " + type_name(a) + " and " + type_name(b));
}

Error overflow() { return bad_input("integer beyond 64 bits"); }

Result<Value> int_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return bad_input("0 cannot be raised to a negative power");
    return Value::of_number(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  std::int64_t result = 1;
  // Only -1, 0 and 1 have powers above 63 that fit: at most 64 rounds for all others.
  if (base == 0 || base == 1) return Value::of_int(exponent == 0 ? 1 : base);
  if (base == -1) return Value::of_int(exponent % 2 ? -1 : 1);
  for (; exponent > 0; --exponent)
    if (__builtin_mul_overflow(result, base, &result)) return overflow();
  return Value::of_int(result);
}

Result<Value> int_arithmetic(Op op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (op) {
    case Op::add:
      if (__builtin_add_overflow(a, b, &result)) return overflow();
      return Value::of_int(result);
    case Op::subtract:
      if (__builtin_sub_overflow(a, b, &result)) return overflow();
      return Value::of_int(result);
    case Op::multiply:
      if (__builtin_mul_overflow(a, b, &result)) return overflow();
      return Value::of_int(result);
    case Op::divide:
      if (b == 0) return bad_input("division by zero");
      return Value::of_number(static_cast<double>(a) / static_cast<double>(b));
    case Op::floor_divide:
    case Op::modulo: {
      if (b == 0) return bad_input("integer division or modulo by zero");
      if (b == -1) return op == Op::modulo ? Value::of_int(0) : int_arithmetic(Op::subtract, 0, a);
      std::int64_t quotient = a / b, rest = a % b;
      if (rest != 0 && (rest < 0) != (b < 0)) --quotient, rest += b;  // Python rounds down
      return Value::of_int(op == Op::modulo ? rest : quotient);
    }
    case Op::power:
      return int_power(a, b);
  }
  return overflow();
}

Result<Value> float_arithmetic(Op op, double a, double b) {
  switch (op) {
    case Op::add:
      return Value::of_number(a + b);
    case Op::subtract:
      return Value::of_number(a - b);
    case Op::multiply:
      return Value::of_number(a * b);
    case Op::divide:
      if (b == 0) return bad_input("float division by zero");
      return Value::of_number(a / b);
    case Op::floor_divide:
    case Op::modulo: {
      if (b == 0) return bad_input("float floor division or modulo by zero");
      double rest = std::fmod(a, b);
      if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
      if (op == Op::modulo) return Value::of_number(rest == 0 ? std::copysign(0.0, b) : rest);
      double quotient = (a - rest) / b;
      return Value::of_number(quotient == 0 ? std::copysign(0.0, a / b) : std::round(quotient));
    }
    case Op::power: {
      if (a == 0 && b < 0) return bad_input("0.0 cannot be raised to a negative power");
      double result = std::pow(a, b);
      if (std::isnan(result) && !std::isnan(a) && !std::isnan(b))
        return bad_input("a power of a negative number is not real");
      if (std::isinf(result) && std::isfinite(a) && std::isfinite(b))
        return bad_input("numerical result out of range");
      return Value::of_number(result);
    }
  }
  return overflow();
}

/// text + text, list + list, tuple + tuple.
Result<Value> concatenate(Runtime& run, const Value& a, const Value& b) {
  if (a.is(Kind::text) && b.is(Kind::text)) {
    const Text *left = a.text, *right = b.text;
    bool safe = left->safe || right->safe;
    if (safe) {
      HEARTH_TRY(left, run.escaped(*left));
      HEARTH_TRY(right, run.escaped(*right));
    }
    TextBuilder out = run.builder();
    out.add(*left);
    out.add(*right);
    HEARTH_TRY(const Text* both, run.finish(std::move(out), safe));
    return Value(both);
  }
  bool lists = a.is(Kind::list) && b.is(Kind::list) && a.list->is_tuple() == b.list->is_tuple() &&
               a.list->type < List::Type::range && b.list->type < List::Type::range;
  if (!lists) return mismatch(Op::add, a, b);
  HEARTH_TRY_STATUS(run.spend(a.list->items.size() + b.list->items.size()));
  std::vector<Value> items = a.list->items;
  items.insert(items.end(), b.list->items.begin(), b.list->items.end());
  return run.list(std::move(items), a.list->is_tuple() ? List::Type::tuple : List::Type::list);
}

/// text * n, list * n.
Result<Value> repeat(Runtime& run, const Value& what, std::int64_t times) {
  std::size_t count = times < 0 ? 0 : static_cast<std::size_t>(times);
  if (what.is(Kind::text)) {
    TextBuilder out = run.builder();
    if (!what.text->bytes.empty()) out.fill(*what.text, count);
    HEARTH_TRY(const Text* all, run.finish(std::move(out), what.text->safe));
    return Value(all);
  }
  const std::vector<Value>& items = what.list->items;
  if (!items.empty() && count > run.budget().steps / items.size())
    return run.spend(run.budget().steps + 1).error();
  HEARTH_TRY_STATUS(run.spend(items.size() * count));
  std::vector<Value> all;
  all.reserve(items.size() * count);
  if (!items.empty())
    for (std::size_t i = 0; i < count; ++i) all.insert(all.end(), items.begin(), items.end());
  return run.list(std::move(all), what.list->is_tuple() ? List::Type::tuple : List::Type::list);
}

bool is_repeatable(const Value& value) {
  return value.is(Kind::text) || (value.is(Kind::list) && value.list->type < List::Type::range);
}

}  // namespace

Result<Value> arithmetic(Runtime& run, Op op, const Value& a, const Value& b) {
  if (a.is(Kind::undefined)) return undefined_error(a);
  // Python lets the text format an undefined value; every other operator refuses.
  if (op == Op::modulo && a.is(Kind::text)) return percent_format(run, *a.text, b);
  if (b.is(Kind::undefined)) return undefined_error(b);
  if (a.is_int() && b.is_int()) return int_arithmetic(op, a.as_int(), b.as_int());
  if (a.is_numeric() && b.is_numeric()) {
    if (!a.is(Kind::number) && !b.is(Kind::number) && op != Op::divide) return overflow();
    return float_arithmetic(op, a.as_number(), b.as_number());
  }
  if (op == Op::add) return concatenate(run, a, b);
  if (op == Op::multiply && is_repeatable(a) && b.is_int()) return repeat(run, a, b.as_int());
  if (op == Op::multiply && is_repeatable(b) && a.is_int()) return repeat(run, b, a.as_int());
  return mismatch(op, a, b);
}

Result<Value> negate(const Value& value) {
  if (value.is(Kind::undefined)) return undefined_error(value);
  if (value.is_int()) return int_arithmetic(Op::subtract, 0, value.as_int());
  if (value.is_numeric()) return Value::of_number(-value.as_number());
  return type_error(value, "cannot be negated");
}

}  // namespace hearth::jinja
