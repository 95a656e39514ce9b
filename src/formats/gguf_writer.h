// Writes GGUF v3 as llama.cpp reads it: metadata, tensor entries, data aligned to 32 bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/result.h"
#include "formats/gguf.h"

namespace hearth::gguf {

/// Collects metadata and tensors, then writes them in the order given.
///
///     Writer out;
///     out.string("general.architecture", "llama");
///     out.tensor("token_embd.weight", DType::f16, {576, 49280}, bytes);
///     HEARTH_TRY_STATUS(out.write(path));
class Writer {
 public:
  void u32(std::string_view key, std::uint32_t value);
  void i32(std::string_view key, std::int32_t value);
  void u64(std::string_view key, std::uint64_t value);
  void f32(std::string_view key, float value);
  void boolean(std::string_view key, bool value);
  void string(std::string_view key, std::string_view value);
  void strings(std::string_view key, std::span<const std::string> values);
  void i32s(std::string_view key, std::span<const std::int32_t> values);
  void u32s(std::string_view key, std::span<const std::uint32_t> values);
  void f32s(std::string_view key, std::span<const float> values);
  void bools(std::string_view key, const std::vector<bool>& values);

  /// `dims` fastest first, as GGUF has them. `bytes` must live until `write` returns.
  void tensor(std::string_view name, DType type, std::vector<std::uint64_t> dims,
              std::span<const std::byte> bytes);

  /// Takes the next bytes of a tensor.
  using Sink = std::function<Status(std::span<const std::byte>)>;
  /// Gives all bytes of a tensor to `sink`, in pieces of any size; called once by `write`.
  using Producer = std::function<Status(const Sink& sink)>;
  void tensor(std::string_view name, DType type, std::vector<std::uint64_t> dims,
              Producer producer);

  /// Writes the file; it appears whole or not at all. Errors: what the disk says; `bad_input` for
  /// names or shapes that readers refuse (twice the same, 64 bytes or longer, rows of half blocks);
  /// whatever a producer returns.
  Status write(const std::filesystem::path& path) const;

 private:
  struct Tensor {
    std::string name;
    DType type;
    std::vector<std::uint64_t> dims;
    Producer producer;
    std::uint64_t bytes() const;
  };

  /// Begins an entry of the metadata.
  std::string& entry(std::string_view key, Type type);
  template <class T>
  void scalar(std::string_view key, Type type, T value);
  template <class T>
  void array(std::string_view key, Type element, std::span<const T> values);
  Status check() const;
  std::string header() const;

  std::vector<std::pair<std::string, std::string>> metadata_;  ///< key → encoded type and value
  std::vector<Tensor> tensors_;
};

}  // namespace hearth::gguf
