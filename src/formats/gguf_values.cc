// Reading what the parser has checked: arrays, look-ups, typed getters.
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "formats/gguf.h"
#include "formats/quote.h"

namespace hearth::gguf {
namespace {

template <class T>
T load(std::span<const std::byte> raw, std::uint64_t i) {
  CHECK(i < raw.size() / sizeof(T));
  T value;
  std::memcpy(&value, raw.data() + i * sizeof(T), sizeof(T));
  return value;
}

/// Calls `use` with element i in its own type.
template <class Out, class Use>
Out visit_element(const Array& array, std::uint64_t i, Use&& use) {
  switch (array.element) {
    case Type::u8:
    case Type::boolean:
      return use(load<std::uint8_t>(array.raw, i));
    case Type::i8:
      return use(load<std::int8_t>(array.raw, i));
    case Type::u16:
      return use(load<std::uint16_t>(array.raw, i));
    case Type::i16:
      return use(load<std::int16_t>(array.raw, i));
    case Type::u32:
      return use(load<std::uint32_t>(array.raw, i));
    case Type::i32:
      return use(load<std::int32_t>(array.raw, i));
    case Type::u64:
      return use(load<std::uint64_t>(array.raw, i));
    case Type::i64:
      return use(load<std::int64_t>(array.raw, i));
    case Type::f32:
      return use(load<float>(array.raw, i));
    case Type::f64:
      return use(load<double>(array.raw, i));
    case Type::string:
    case Type::array:
      break;
  }
  return Out{};
}

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kSmallest = std::numeric_limits<std::int64_t>::min();

/// Towards zero and saturating; NaN is 0.
std::int64_t to_integer(double x) {
  if (std::isnan(x)) return 0;
  if (x >= 0x1p63) return kLargest;
  if (x < -0x1p63) return kSmallest;
  return static_cast<std::int64_t>(x);
}
std::int64_t to_integer(std::uint64_t x) {
  return x > std::uint64_t{kLargest} ? kLargest : static_cast<std::int64_t>(x);
}

bool is_integer(Type type) {
  switch (type) {
    case Type::u8:
    case Type::i8:
    case Type::u16:
    case Type::i16:
    case Type::u32:
    case Type::i32:
    case Type::u64:
    case Type::i64:
      return true;
    default:
      return false;
  }
}
bool is_float(Type type) { return type == Type::f32 || type == Type::f64; }

const char* text_of(Type type) {
  static constexpr const char* kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                           "bool", "string", "array", "u64", "i64", "f64"};
  return kNames[static_cast<std::uint32_t>(type)];
}

std::string text_of(const Value& value) {
  if (const Array* array = std::get_if<Array>(&value.data))
    return std::string("an array of ") + text_of(array->element);
  return std::string("type ") + text_of(value.type);
}

Error wrong(const File& file, std::string_view key, const std::string& expected,
            const std::string& found) {
  return bad_input(file.name() + ": metadata " + quote_name(key) + ": expected " + expected +
                   ", found " + found);
}

template <class Accept>
Result<const Array*> get_array(const File& file, std::string_view key, const char* expected,
                               Accept&& accept) {
  const Value* value = file.find(key);
  if (!value) return static_cast<const Array*>(nullptr);
  const Array* array = std::get_if<Array>(&value->data);
  // An empty array may have been written with any element type.
  if (!array || !(accept(array->element) || array->count == 0))
    return wrong(file, key, expected, text_of(*value));
  return array;
}

}  // namespace

double Array::number(std::uint64_t i) const {
  return visit_element<double>(*this, i, [](auto x) { return static_cast<double>(x); });
}

std::int64_t Array::integer(std::uint64_t i) const {
  return visit_element<std::int64_t>(*this, i, [](auto x) -> std::int64_t {
    if constexpr (std::is_floating_point_v<decltype(x)>)
      return to_integer(double{x});
    else if constexpr (std::is_same_v<decltype(x), std::uint64_t>)
      return to_integer(x);
    else
      return x;
  });
}

const TensorInfo* File::find_tensor(std::string_view name) const {
  auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

const Value* File::find(std::string_view key) const {
  auto found = key_index_.find(key);
  return found == key_index_.end() ? nullptr : &metadata_[found->second].second;
}

Result<std::optional<std::int64_t>> File::get_int(std::string_view key, std::int64_t min,
                                                  std::int64_t max) const {
  using Out = std::optional<std::int64_t>;
  const Value* value = find(key);
  if (!value) return Out{};
  std::string range = "an integer from " + std::to_string(min) + " to " + std::to_string(max);
  if (const auto* u = std::get_if<std::uint64_t>(&value->data)) {
    if (*u > std::uint64_t{kLargest} || std::int64_t(*u) < min || std::int64_t(*u) > max)
      return wrong(*this, key, range, std::to_string(*u));
    return Out{static_cast<std::int64_t>(*u)};
  }
  if (const auto* i = std::get_if<std::int64_t>(&value->data)) {
    if (*i < min || *i > max) return wrong(*this, key, range, std::to_string(*i));
    return Out{*i};
  }
  return wrong(*this, key, range, text_of(*value));
}

Result<std::optional<double>> File::get_float(std::string_view key) const {
  using Out = std::optional<double>;
  const Value* value = find(key);
  if (!value) return Out{};
  if (const auto* u = std::get_if<std::uint64_t>(&value->data)) return Out{double(*u)};
  if (const auto* i = std::get_if<std::int64_t>(&value->data)) return Out{double(*i)};
  const auto* f = std::get_if<double>(&value->data);
  if (!f) return wrong(*this, key, "a number", text_of(*value));
  if (!std::isfinite(*f)) return wrong(*this, key, "a finite number", std::to_string(*f));
  return Out{*f};
}

Result<std::optional<bool>> File::get_bool(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return std::optional<bool>{};
  const bool* b = std::get_if<bool>(&value->data);
  if (!b) return wrong(*this, key, "type bool", text_of(*value));
  return std::optional<bool>{*b};
}

Result<std::optional<std::string_view>> File::get_string(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return std::optional<std::string_view>{};
  const auto* s = std::get_if<std::string_view>(&value->data);
  if (!s) return wrong(*this, key, "type string", text_of(*value));
  return std::optional<std::string_view>{*s};
}

Result<const Array*> File::get_strings(std::string_view key) const {
  return get_array(*this, key, "an array of strings",
                   [](Type type) { return type == Type::string; });
}
Result<const Array*> File::get_ints(std::string_view key) const {
  return get_array(*this, key, "an array of integers", is_integer);
}
Result<const Array*> File::get_floats(std::string_view key) const {
  return get_array(*this, key, "an array of floats", is_float);
}

}  // namespace hearth::gguf
