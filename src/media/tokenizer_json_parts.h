// The parts of a tokenizer.json around its model: what is done to a text before, and to ids after.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/tokenizer_impl.h"

namespace hearth::json_parts {

/// A JSON object with typed look-ups whose errors say where. `null` counts as absent.
class Object {
 public:
  static Result<Object> from(simdjson::dom::element element, std::string where);

  bool has(const char* key) const;
  Result<Object> object(const char* key) const;  ///< an error where absent
  Result<std::optional<simdjson::dom::array>> array(const char* key) const;
  Result<std::optional<std::string_view>> text(const char* key) const;
  Result<std::optional<std::uint64_t>> number(const char* key) const;
  Result<bool> flag(const char* key, bool otherwise) const;
  const std::string& where() const { return where_; }
  simdjson::dom::object fields() const { return object_; }
  Error wrong(const std::string& message) const { return bad_input(where_ + ": " + message); }

 private:
  Object(simdjson::dom::object object, std::string where)
      : object_(object), where_(std::move(where)) {}
  std::optional<simdjson::dom::element> find(const char* key) const;

  simdjson::dom::object object_;
  std::string where_;
};

// Each reads its part of the file's root object into `impl`; kinds that we do not know are errors
// that name them.
Status read_normalizer(const Object& root, Tokenizer::Impl& impl);
Status read_pre_tokenizer(const Object& root, Tokenizer::Impl& impl);
Status read_decoder(const Object& root, Tokenizer::Impl& impl);

struct AddedIds {
  std::vector<std::uint64_t> prefix, suffix;
};
Result<AddedIds> read_post_processor(const Object& root);

}  // namespace hearth::json_parts
