#include "models/hf_config.h"

#include <algorithm>

#include "base/files.h"

namespace hearth {

const Json* HfConfig::find(const std::string& key) const {
  auto it = json_.find(key);
  return it == json_.end() || it->is_null() ? nullptr : &*it;
}

Result<std::optional<std::int64_t>> HfConfig::integer(const std::string& key) const {
  const Json* v = find(key);
  if (!v) return std::optional<std::int64_t>{};
  if (!v->is_number_integer()) return wrong(key, "an integer", *v);
  // No range goes as far as 2^63: out of range stays out of range.
  if (v->is_number_unsigned())
    return std::optional(
        static_cast<std::int64_t>(std::min<std::uint64_t>(v->get<std::uint64_t>(), INT64_MAX)));
  return std::optional(v->get<std::int64_t>());
}

Result<std::optional<double>> HfConfig::number(const std::string& key) const {
  const Json* v = find(key);
  if (!v) return std::optional<double>{};
  if (!v->is_number()) return wrong(key, "a number", *v);
  return std::optional(v->get<double>());
}

Result<std::string> HfConfig::text(const std::string& key, std::string fallback) const {
  const Json* v = find(key);
  if (!v) return fallback;
  if (!v->is_string()) return wrong(key, "a string", *v);
  return v->get<std::string>();
}

Result<bool> HfConfig::flag(const std::string& key, bool fallback) const {
  const Json* v = find(key);
  if (!v) return fallback;
  if (!v->is_boolean()) return wrong(key, "true or false", *v);
  return v->get<bool>();
}

Result<std::vector<double>> HfConfig::numbers(const std::string& key) const {
  std::vector<double> values;
  const Json* v = find(key);
  if (!v) return values;
  if (!v->is_array()) return wrong(key, "an array of numbers", *v);
  for (const Json& element : *v) {
    if (!element.is_number()) return wrong(key, "an array of numbers", element);
    values.push_back(element.get<double>());
  }
  return values;
}

Result<HfConfig> HfConfig::section(const std::string& key) const {
  static const Json kNone = Json::object();
  const Json* v = find(key);
  if (v && !v->is_object()) return wrong(key, "an object", *v);
  return HfConfig(v ? *v : kNone, where_ + ": " + key);
}

Status HfConfig::agrees(const std::string& key, std::int64_t found) const {
  HEARTH_TRY(auto given, integer(key));
  if (!given || *given == found) return {};
  return bad_input(where_ + ": " + key + " is " + std::to_string(*given) + ", the weights have " +
                   std::to_string(found));
}

Error HfConfig::wrong(const std::string& key, const char* expected, const Json& found) const {
  return bad_input(where_ + ": " + key + ": expected " + expected + ", found " + found.type_name());
}

Result<Json> read_json_object(const std::filesystem::path& path) {
  HEARTH_TRY(std::string text, read_file(path));
  HEARTH_TRY(Json json, parse_json(text, path.string()));
  if (!json.is_object())
    return bad_input(path.string() + ": expected an object, found " + json.type_name());
  return json;
}

}  // namespace hearth
