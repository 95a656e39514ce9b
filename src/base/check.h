// Broken invariants throw: they are bugs of ours, never input. The API boundary turns them into
// error values, so the library neither prints nor aborts.
#pragma once

#include <stdexcept>
#include <string>

namespace hearth {

struct CheckFailure : std::logic_error {
  using std::logic_error::logic_error;
};

[[noreturn]] inline void check_failed(const char* expression, const char* file, int line) {
  throw CheckFailure(std::string(file) + ":" + std::to_string(line) +
                     ": check failed: " + expression);
}

#define CHECK(expression) \
  ((expression) ? void() : ::hearth::check_failed(#expression, __FILE__, __LINE__))

}  // namespace hearth
