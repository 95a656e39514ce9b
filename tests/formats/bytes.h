// Small builders of GGUF and safetensors bytes where every field can be made wrong.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::test {

/// The little-endian bytes of a number.
template <class T>
std::string raw(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(T));
}
inline std::string u8(std::uint8_t x) { return raw(x); }
inline std::string u32(std::uint32_t x) { return raw(x); }
inline std::string u64(std::uint64_t x) { return raw(x); }
inline std::string f32(float x) { return raw(x); }
/// A GGUF string: length, then text.
inline std::string str(std::string_view text) { return u64(text.size()) + std::string(text); }

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// A valid GGUF file unless a field is set to something else.
///
///     GgufBytes().key("a.b", 4, u32(7)).tensor("w", {4}, 0, 0).data(std::string(16, 'x')).bytes()
struct GgufBytes {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::optional<std::uint64_t> said_tensors, said_keys;  ///< counts in the header, if not the true
  std::uint64_t alignment = 32;                          ///< of the data in `bytes`

  GgufBytes& key(std::string_view name, std::uint32_t type, std::string value) {
    keys_ += str(name) + u32(type) + value;
    ++n_keys_;
    return *this;
  }
  GgufBytes& tensor(std::string_view name, std::vector<std::uint64_t> dims, std::uint32_t type = 0,
                    std::uint64_t offset = 0) {
    tensors_ += str(name) + u32(static_cast<std::uint32_t>(dims.size()));
    for (auto dim : dims) tensors_ += u64(dim);
    tensors_ += u32(type) + u64(offset);
    ++n_tensors_;
    return *this;
  }
  GgufBytes& raw_tensor(std::string entry) { return tensors_ += entry, ++n_tensors_, *this; }
  GgufBytes& data(std::string bytes) { return data_ = std::move(bytes), *this; }

  std::string bytes() const {
    std::string out = magic + u32(version) + u64(said_tensors.value_or(n_tensors_)) +
                      u64(said_keys.value_or(n_keys_)) + keys_ + tensors_;
    if (!data_.empty()) out.resize((out.size() + alignment - 1) / alignment * alignment);
    return out + data_;
  }

 private:
  std::string keys_, tensors_, data_;
  std::uint64_t n_keys_ = 0, n_tensors_ = 0;
};

/// A safetensors file from the text of its header.
inline std::string safetensors_bytes(std::string_view header, std::string_view data) {
  return u64(header.size()) + std::string(header) + std::string(data);
}

/// True where `result` is a bad_input error of one line that holds every part.
template <class T>
testing::AssertionResult refuses(const Result<T>& result, std::vector<std::string> parts) {
  if (result) return testing::AssertionFailure() << "loaded";
  const Error& error = result.error();
  if (error.kind != ErrorKind::bad_input)
    return testing::AssertionFailure() << "another kind of error: " << error.message;
  if (error.message.find('\n') != std::string::npos || error.message.size() > 1000)
    return testing::AssertionFailure() << "not one short line: " << error.message;
  for (const std::string& part : parts)
    if (error.message.find(part) == std::string::npos)
      return testing::AssertionFailure() << "no \"" << part << "\" in: " << error.message;
  return testing::AssertionSuccess() << error.message;
}

template <class T>
testing::AssertionResult loads(const Result<T>& result) {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure() << result.error().message;
}

}  // namespace hearth::test
