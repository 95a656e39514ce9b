// The public Result, and the two macros that our own code reads with.
#pragma once

#include "base/check.h"
#include "hearth/result.h"

#define HEARTH_CONCAT_(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_(a, b)

/// `HEARTH_TRY(auto file, open(path));` binds the value or returns the error. It is several
/// statements: in a one-line `if` or `for` it needs braces.
#define HEARTH_TRY(declaration, expression) \
  HEARTH_TRY_(HEARTH_CONCAT(result_, __LINE__), declaration, expression)
#define HEARTH_TRY_(result, declaration, expression) \
  auto result = (expression);                        \
  if (!result) return result.error();                \
  declaration = *std::move(result)

/// The same for a `Status`.
#define HEARTH_TRY_STATUS(expression) \
  if (auto status = (expression); !status) return status.error()
