// Python's arithmetic on values.
#pragma once

#include "media/jinja_runtime.h"

namespace hearth::jinja {

enum class Op : std::uint8_t { add, subtract, multiply, divide, floor_divide, modulo, power };

/// Errors: types that do not go together, division by zero, integers beyond 64 bits.
Result<Value> arithmetic(Runtime& run, Op op, const Value& a, const Value& b);
Result<Value> negate(const Value& value);

}  // namespace hearth::jinja
