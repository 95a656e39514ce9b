// Errors as values, with the names of std::expected (clang 16 with libstdc++ 12 has none).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace hearth {

/// What a caller can do about an error; the command line maps it to an exit code.
enum class ErrorKind {
  bad_input,  ///< a file, flag or prompt is wrong (exit 2)
  failed,     ///< the machine or the run failed: disk full, out of memory (exit 1)
  cancelled,  ///< the user or the client stopped it (exit 130)
};

/// One clear line: what, where, expected, found.
struct Error {
  ErrorKind kind = ErrorKind::failed;
  std::string message;
};

inline Error bad_input(std::string message) { return {ErrorKind::bad_input, std::move(message)}; }
inline Error failed(std::string message) { return {ErrorKind::failed, std::move(message)}; }
inline Error cancelled() { return {ErrorKind::cancelled, "cancelled"}; }

/// A `T` or an `Error`. Anything that can go wrong outside us returns one; reading the wrong side
/// trips CHECK.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return CHECK(has_value()), std::get<0>(state_); }
  const T& value() const& { return CHECK(has_value()), std::get<0>(state_); }
  T&& value() && { return CHECK(has_value()), std::get<0>(std::move(state_)); }
  const Error& error() const { return CHECK(!has_value()), std::get<1>(state_); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  T value_or(T fallback) && { return has_value() ? std::move(*this).value() : std::move(fallback); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const { return !error_; }
  explicit operator bool() const { return has_value(); }
  const Error& error() const { return CHECK(error_.has_value()), *error_; }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

#define HEARTH_CONCAT_(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_(a, b)

/// `HEARTH_TRY(auto file, open(path));` binds the value or returns the error.
#define HEARTH_TRY(declaration, expression) \
  HEARTH_TRY_(HEARTH_CONCAT(result_, __LINE__), declaration, expression)
#define HEARTH_TRY_(result, declaration, expression) \
  auto result = (expression);                        \
  if (!result) return result.error();                \
  declaration = *std::move(result)

/// The same for a `Status`.
#define HEARTH_TRY_STATUS(expression) \
  if (auto status = (expression); !status) return status.error()

}  // namespace hearth
