#include "media/tokenizer_json_parts.h"

#include "formats/quote.h"

namespace hearth::json_parts {
namespace {

using Impl = Tokenizer::Impl;
namespace dom = simdjson::dom;

/// A part and, where it is a Sequence, the parts of it in order. `list` is the key of that list.
Result<std::vector<Object>> flatten(const Object& root, const char* key, const char* list) {
  std::vector<Object> parts;
  if (!root.has(key)) return parts;
  HEARTH_TRY(Object part, root.object(key));
  HEARTH_TRY(auto type, part.text("type"));
  if (type != "Sequence") {
    parts.push_back(part);
    return parts;
  }
  HEARTH_TRY(auto elements, part.array(list));
  if (!elements) return part.wrong(std::string("a Sequence without \"") + list + "\"");
  for (dom::element element : *elements) {
    HEARTH_TRY(Object child, Object::from(element, root.where() + ": " + key));
    parts.push_back(child);
  }
  return parts;
}

std::string type_of(const Object& part) {
  auto type = part.text("type");
  return type && *type ? std::string(**type) : "(no type)";
}

/// {"pattern": {"String": …}} or {"pattern": {"Regex": …}}
Result<std::optional<std::string_view>> pattern(const Object& part, const char* kind) {
  HEARTH_TRY(Object pattern, part.object("pattern"));
  return pattern.text(kind);
}

/// Whether `part` replaces `from` by `to`, both plain texts.
Result<bool> replaces(const Object& part, std::string_view from, std::string_view to) {
  HEARTH_TRY(auto found, pattern(part, "String"));
  HEARTH_TRY(auto content, part.text("content"));
  return found == from && content == to;
}

Status read_metaspace(const Object& part, Impl& impl) {
  HEARTH_TRY(auto replacement, part.text("replacement"));
  if (replacement.value_or(kLowerBlock) != kLowerBlock)
    return part.wrong("Metaspace replacement " + quote_name(*replacement) + " is not supported");
  HEARTH_TRY(auto scheme, part.text("prepend_scheme"));
  HEARTH_TRY(bool prefix, part.flag("add_prefix_space", true));
  if (!scheme) scheme = prefix ? "always" : "never";
  if (scheme == "always")
    impl.space_prefix = Impl::SpacePrefix::always;
  else if (scheme == "first")
    impl.space_prefix = Impl::SpacePrefix::first;
  else if (scheme != "never")
    return part.wrong("prepend_scheme " + quote_name(*scheme) + " is unknown");
  HEARTH_TRY(impl.split_at_blocks, part.flag("split", true));
  impl.prefix_even_if_space = false;
  impl.blocks = true;
  return {};
}

/// Split(" ", MergedWithPrevious) where the normalizer has left no space: it never cuts.
Result<bool> never_splits(const Object& part, const Impl& impl) {
  HEARTH_TRY(auto text, pattern(part, "String"));
  return impl.blocks && text == " ";
}

/// Our patterns match every character, so that "remove what does not match" is the same as
/// "isolate what does".
Result<Pretokenizer> read_split(const Object& part) {
  HEARTH_TRY(auto regex, pattern(part, "Regex"));
  if (!regex) return part.wrong("Split needs a \"Regex\" pattern");
  auto kind = find_split_pattern(*regex);
  if (!kind)
    return part.wrong("Split pattern " + quote_name(*regex) +
                      " is unknown (known: those of GPT-2, Llama 3, Qwen2, GPT-4o and Tekken)");
  HEARTH_TRY(auto behavior, part.text("behavior"));
  HEARTH_TRY(bool invert, part.flag("invert", false));
  if (!(behavior == "Isolated" && !invert) && !(behavior == "Removed" && invert))
    return part.wrong("Split behavior " + quote_name(behavior.value_or("")) +
                      " is not supported (known: Isolated)");
  return *kind;
}

Status read_byte_level(const std::vector<Object>& parts, Impl& impl) {
  const Object& last = parts.back();
  HEARTH_TRY(bool regex, last.flag("use_regex", true));
  HEARTH_TRY(bool prefix, last.flag("add_prefix_space", true));
  impl.model = Impl::Model::byte_level;
  if (parts.size() == 1) {
    impl.pretokenizer = regex ? Pretokenizer::gpt2 : Pretokenizer::none;
    if (prefix) impl.space_prefix = Impl::SpacePrefix::always;
    impl.prefix_even_if_space = false;
    return {};
  }
  if (prefix) return last.wrong("add_prefix_space behind another part is not supported");
  const std::string first = type_of(parts[0]);
  if (first == "Digits" && regex) {
    HEARTH_TRY(bool single, parts[0].flag("individual_digits", false));
    if (!single) return parts[0].wrong("Digits without individual_digits is not supported");
    impl.pretokenizer = Pretokenizer::smollm;
    return {};
  }
  if (first == "Split" && !regex) {
    HEARTH_TRY(impl.pretokenizer, read_split(parts[0]));
    return {};
  }
  return last.wrong("ByteLevel behind " + quote_name(first) + " is not supported");
}

Status read_strip(const Object& part, Impl& impl) {
  HEARTH_TRY(auto content, part.text("content"));
  HEARTH_TRY(auto start, part.number("start"));
  HEARTH_TRY(auto stop, part.number("stop"));
  if (content != " " || start.value_or(0) > 1 || stop.value_or(0) != 0)
    return part.wrong("Strip of anything but one space at the start is not supported");
  impl.strip_first_space = start == 1;
  return {};
}

Status read_template(const Object& part, AddedIds& ids) {
  HEARTH_TRY(auto single, part.array("single"));
  if (!single) return part.wrong("TemplateProcessing without \"single\"");
  std::vector<std::uint64_t>* side = &ids.prefix;
  for (dom::element element : *single) {
    HEARTH_TRY(Object item, Object::from(element, part.where()));
    if (item.has("Sequence")) {
      if (side == &ids.suffix) return part.wrong("TemplateProcessing with two texts");
      side = &ids.suffix;
      continue;
    }
    HEARTH_TRY(Object special, item.object("SpecialToken"));
    HEARTH_TRY(auto name, special.text("id"));
    HEARTH_TRY(Object known, part.object("special_tokens"));
    HEARTH_TRY(Object token, known.object(std::string(name.value_or("")).c_str()));
    HEARTH_TRY(auto numbers, token.array("ids"));
    if (!numbers) return token.wrong("a special token without \"ids\"");
    for (dom::element number : *numbers) {
      std::uint64_t id;
      if (number.get(id)) return token.wrong("\"ids\" must hold whole numbers");
      side->push_back(id);
    }
  }
  return {};
}

}  // namespace

// ---- Object ----

Result<Object> Object::from(dom::element element, std::string where) {
  dom::object object;
  if (element.get(object)) return bad_input(where + ": expected an object");
  return Object(object, std::move(where));
}

std::optional<dom::element> Object::find(const char* key) const {
  dom::element element;
  if (object_.at_key(key).get(element) || element.is_null()) return std::nullopt;
  return element;
}

bool Object::has(const char* key) const { return find(key).has_value(); }

Result<Object> Object::object(const char* key) const {
  auto element = find(key);
  if (!element) return wrong("\"" + std::string(key) + "\" is missing");
  return from(*element, where_ + ": " + key);
}

Result<std::optional<dom::array>> Object::array(const char* key) const {
  auto element = find(key);
  if (!element) return std::optional<dom::array>();
  dom::array value;
  if (element->get(value)) return wrong("\"" + std::string(key) + "\" is not an array");
  return std::optional(value);
}

Result<std::optional<std::string_view>> Object::text(const char* key) const {
  auto element = find(key);
  if (!element) return std::optional<std::string_view>();
  std::string_view value;
  if (element->get(value)) return wrong("\"" + std::string(key) + "\" is not a string");
  return std::optional(value);
}

Result<std::optional<std::uint64_t>> Object::number(const char* key) const {
  auto element = find(key);
  if (!element) return std::optional<std::uint64_t>();
  std::uint64_t value;
  if (element->get(value)) return wrong("\"" + std::string(key) + "\" is not a whole number");
  return std::optional(value);
}

Result<bool> Object::flag(const char* key, bool otherwise) const {
  auto element = find(key);
  if (!element) return otherwise;
  bool value;
  if (element->get(value)) return wrong("\"" + std::string(key) + "\" is not true or false");
  return value;
}

// ---- parts ----

Status read_normalizer(const Object& root, Impl& impl) {
  HEARTH_TRY(auto parts, flatten(root, "normalizer", "normalizers"));
  for (const Object& part : parts) {
    const std::string type = type_of(part);
    bool known = type == "NFC";
    if (known) impl.compose = true;
    if (type == "Prepend") {
      HEARTH_TRY(auto text, part.text("prepend"));
      known = text == kLowerBlock;
      impl.space_prefix = Impl::SpacePrefix::always;
    }
    if (type == "Replace") {
      HEARTH_TRY(known, replaces(part, " ", kLowerBlock));
      impl.blocks = true;
    }
    if (!known) return root.wrong("normalizer " + quote_name(type) + " is not supported");
  }
  return {};
}

Status read_pre_tokenizer(const Object& root, Impl& impl) {
  HEARTH_TRY(auto parts, flatten(root, "pre_tokenizer", "pretokenizers"));
  impl.model = Impl::Model::characters;
  if (parts.empty()) return {};
  const std::string last = type_of(parts.back());
  if (last == "ByteLevel" && parts.size() <= 2) return read_byte_level(parts, impl);
  if (last == "Metaspace" && parts.size() == 1) return read_metaspace(parts[0], impl);
  if (last == "Split" && parts.size() == 1) {
    HEARTH_TRY(bool never, never_splits(parts[0], impl));
    if (never) return {};
  }
  std::string types;
  for (const Object& part : parts) types += (types.empty() ? "" : ", ") + type_of(part);
  return root.wrong("pre_tokenizer " + quote_name(types) + " is not supported");
}

Status read_decoder(const Object& root, Impl& impl) {
  HEARTH_TRY(auto parts, flatten(root, "decoder", "decoders"));
  for (const Object& part : parts) {
    const std::string type = type_of(part);
    bool known = type == "ByteLevel" || type == "ByteFallback" || type == "Fuse";
    if (type == "Replace") {
      HEARTH_TRY(known, replaces(part, kLowerBlock, " "));
    }
    if (type == "Strip") {
      HEARTH_TRY_STATUS(read_strip(part, impl));
      known = true;
    }
    if (type == "Metaspace") {
      HEARTH_TRY(auto scheme, part.text("prepend_scheme"));
      HEARTH_TRY(bool prefix, part.flag("add_prefix_space", true));
      impl.strip_first_space = scheme ? scheme != "never" : prefix;
      known = true;
    }
    if (!known) return root.wrong("decoder " + quote_name(type) + " is not supported");
  }
  return {};
}

Result<AddedIds> read_post_processor(const Object& root) {
  AddedIds ids;
  HEARTH_TRY(auto parts, flatten(root, "post_processor", "processors"));
  for (const Object& part : parts) {
    const std::string type = type_of(part);
    if (type == "ByteLevel") continue;  // offsets only
    if (type != "TemplateProcessing")
      return root.wrong("post_processor " + quote_name(type) + " is not supported");
    HEARTH_TRY_STATUS(read_template(part, ids));
  }
  return ids;
}

}  // namespace hearth::json_parts
