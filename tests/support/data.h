// Where test data lies: a committed copy first, then the shared folder beside the checkout.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace hearth::test {

inline std::filesystem::path shared_dir() {
  const char* dir = std::getenv("HEARTH_SHARED_DIR");
  return dir ? dir : HEARTH_SHARED;
}

/// `golden("text/a-f32.gguf")`: tests/data/goldens first, else ../shared/goldens, else empty.
inline std::filesystem::path golden(const std::string& name) {
  for (auto root : {std::filesystem::path(HEARTH_TEST_DATA) / "goldens", shared_dir() / "goldens"})
    if (std::filesystem::exists(root / name)) return root / name;
  return {};
}

/// Skips with one clear line where a golden is absent (a fresh clone holds only the small ones).
#define HEARTH_GOLDEN(variable, name)                                \
  const std::filesystem::path variable = hearth::test::golden(name); \
  if (variable.empty()) GTEST_SKIP() << (name) << " is not here"

}  // namespace hearth::test
