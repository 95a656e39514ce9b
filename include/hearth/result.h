// Errors as values, with the names of std::expected (clang 16 with libstdc++ 12 has none).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace hearth {

/// What a caller can do about an error; the command line maps it to an exit code.
enum class ErrorKind {
  bad_input,  ///< a file, flag, prompt or place to write is wrong (exit 2)
  too_long,   ///< the context does not hold the prompt (exit 2)
  failed,     ///< the machine or the run failed: out of memory (exit 1)
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
/// The same error with the name of the file it is about in front.
inline Error about(const std::string& file, Error error) {
  error.message = file + ": " + error.message;
  return error;
}

/// A `T` or an `Error`. Anything that can go wrong outside us returns one; reading the side that
/// is not there throws std::bad_variant_access.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  const Error& error() const { return std::get<1>(state_); }

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
  const Error& error() const { return error_.value(); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace hearth
