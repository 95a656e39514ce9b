// GGUF v2 and v3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), little endian.
// Everything is checked while parsing; afterwards no access can fail for memory reasons.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/dtype.h"
#include "base/files.h"
#include "base/result.h"

namespace hearth::gguf {

/// Value types with the numbers of the format.
enum class Type : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};

/// A homogeneous array. Strings are views into the file; numbers are read through
/// `number`/`integer`.
struct Array {
  Type element = Type::u8;
  std::uint64_t count = 0;
  std::span<const std::byte> raw;         ///< numbers and booleans, unaligned
  std::vector<std::string_view> strings;  ///< when element == string

  double number(std::uint64_t i) const;         ///< element i as a double; 0 for strings
  std::int64_t integer(std::uint64_t i) const;  ///< element i as an integer; 0 for strings
};

/// One metadata value.
struct Value {
  Type type = Type::u8;
  std::variant<std::uint64_t, std::int64_t, double, bool, std::string_view, Array> data;
};

/// One tensor: dims[0] is the row length (fastest), as the file has it. Unused dims are 1.
struct TensorInfo {
  std::string_view name;
  DType type = DType::f32;
  int n_dims = 1;
  std::array<std::uint64_t, 4> dims{1, 1, 1, 1};
  std::span<const std::byte> data;  ///< exactly the tensor's bytes, inside the file

  std::uint64_t elements() const { return dims[0] * dims[1] * dims[2] * dims[3]; }
};

class File {
 public:
  /// Maps and checks a file. Errors are `bad_input` and name the file, the key or tensor, what was
  /// expected and what was found.
  static Result<File> open(const std::filesystem::path& path);
  /// The same over memory that outlives the result (embedded models, fuzzers).
  static Result<File> parse(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const { return name_; }
  std::uint32_t version() const { return version_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const TensorInfo* find_tensor(std::string_view name) const;
  const std::vector<std::pair<std::string_view, Value>>& metadata() const { return metadata_; }
  const Value* find(std::string_view key) const;

  // Typed getters: nullopt where the key is absent; an error where its type or range is wrong.
  // Integers accept any integer type whose value fits; floats accept f32, f64 and integers.
  Result<std::optional<std::int64_t>> get_int(std::string_view key, std::int64_t min,
                                              std::int64_t max) const;
  Result<std::optional<double>> get_float(std::string_view key) const;  ///< finite
  Result<std::optional<bool>> get_bool(std::string_view key) const;
  Result<std::optional<std::string_view>> get_string(std::string_view key) const;
  /// Array of the wanted kind (`string`, or any integer / any float type), else an error.
  Result<const Array*> get_strings(std::string_view key) const;  ///< null where absent
  Result<const Array*> get_ints(std::string_view key) const;     ///< null where absent
  Result<const Array*> get_floats(std::string_view key) const;   ///< null where absent

 private:
  std::string name_;
  std::optional<MappedFile> map_;
  std::span<const std::byte> bytes_;
  std::uint32_t version_ = 0;
  std::vector<std::pair<std::string_view, Value>> metadata_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string_view, std::size_t> key_index_, tensor_index_;
};

}  // namespace hearth::gguf
