// Reading a Hugging Face JSON file: absent and null are the same, a wrong type is an error that
// names the file, the key and both types.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "formats/json.h"

namespace hearth {

/// A view of one object; the JSON must outlive it.
class HfConfig {
 public:
  HfConfig(const Json& json, std::string where) : json_(json), where_(std::move(where)) {}

  const Json* find(const std::string& key) const;  ///< null where absent or null
  Result<std::optional<std::int64_t>> integer(const std::string& key) const;
  Result<std::optional<double>> number(const std::string& key) const;
  Result<std::string> text(const std::string& key, std::string fallback = "") const;
  Result<bool> flag(const std::string& key, bool fallback) const;
  /// Empty where absent.
  Result<std::vector<double>> numbers(const std::string& key) const;
  /// An object inside; an empty one where absent.
  Result<HfConfig> section(const std::string& key) const;
  /// For a size that the weights tell too: an error where the file says another.
  Status agrees(const std::string& key, std::int64_t found) const;

  const std::string& where() const { return where_; }

 private:
  Error wrong(const std::string& key, const char* expected, const Json& found) const;

  const Json& json_;
  std::string where_;
};

/// The object in a file. Errors: unreadable, malformed, not an object.
Result<Json> read_json_object(const std::filesystem::path& path);

}  // namespace hearth
