#include "formats/gguf_writer.h"

#include <set>

#include "base/check.h"
#include "base/files.h"
#include "formats/quote.h"

namespace hearth::gguf {
namespace {

constexpr std::uint64_t kAlignment = 32;
constexpr std::size_t kLongestTensorName = 63;  // llama.cpp keeps 64 bytes with the final zero

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}
void put_string(std::string& out, std::string_view text) {
  put(out, std::uint64_t{text.size()});
  out += text;
}

std::uint64_t padding_after(std::uint64_t n) { return (kAlignment - n % kAlignment) % kAlignment; }

}  // namespace

// ---- metadata ----

std::string& Writer::entry(std::string_view key, Type type) {
  std::string& value = metadata_.emplace_back(key, std::string()).second;
  put(value, static_cast<std::uint32_t>(type));
  return value;
}

template <class T>
void Writer::scalar(std::string_view key, Type type, T value) {
  put(entry(key, type), value);
}

template <class T>
void Writer::array(std::string_view key, Type element, std::span<const T> values) {
  std::string& out = entry(key, Type::array);
  put(out, static_cast<std::uint32_t>(element));
  put(out, std::uint64_t{values.size()});
  for (const T& value : values) {
    if constexpr (std::is_same_v<T, std::string>)
      put_string(out, value);
    else
      put(out, value);
  }
}

void Writer::u32(std::string_view key, std::uint32_t value) { scalar(key, Type::u32, value); }
void Writer::i32(std::string_view key, std::int32_t value) { scalar(key, Type::i32, value); }
void Writer::u64(std::string_view key, std::uint64_t value) { scalar(key, Type::u64, value); }
void Writer::f32(std::string_view key, float value) { scalar(key, Type::f32, value); }
void Writer::boolean(std::string_view key, bool value) {
  scalar(key, Type::boolean, std::uint8_t{value});
}
void Writer::string(std::string_view key, std::string_view value) {
  put_string(entry(key, Type::string), value);
}
void Writer::strings(std::string_view key, std::span<const std::string> values) {
  array(key, Type::string, values);
}
void Writer::i32s(std::string_view key, std::span<const std::int32_t> values) {
  array(key, Type::i32, values);
}
void Writer::u32s(std::string_view key, std::span<const std::uint32_t> values) {
  array(key, Type::u32, values);
}
void Writer::f32s(std::string_view key, std::span<const float> values) {
  array(key, Type::f32, values);
}
void Writer::bools(std::string_view key, const std::vector<bool>& values) {
  std::vector<std::uint8_t> bytes(values.begin(), values.end());
  array(key, Type::boolean, std::span<const std::uint8_t>(bytes));
}

// ---- tensors ----

void Writer::tensor(std::string_view name, DType type, std::vector<std::uint64_t> dims,
                    std::span<const std::byte> bytes) {
  tensor(name, type, std::move(dims), [bytes](const Sink& sink) { return sink(bytes); });
}

void Writer::tensor(std::string_view name, DType type, std::vector<std::uint64_t> dims,
                    Producer producer) {
  tensors_.push_back({std::string(name), type, std::move(dims), std::move(producer)});
}

std::uint64_t Writer::Tensor::bytes() const {
  std::uint64_t elements = 1;
  for (std::uint64_t dim : dims) elements *= dim;
  return row_bytes(type, elements);
}

Status Writer::check() const {
  std::set<std::string_view> keys, names;
  for (const auto& [key, value] : metadata_) {
    if (key.empty() || !keys.insert(key).second)
      return bad_input("GGUF metadata key " + quote_name(key) + " is empty or appears twice");
  }
  for (const Tensor& t : tensors_) {
    if (t.name.empty() || t.name.size() > kLongestTensorName || !names.insert(t.name).second) {
      return bad_input("GGUF tensor name " + quote_name(t.name) +
                       " is empty, longer than 63 bytes or appears twice");
    }
    std::uint64_t product = dtype_info(t.type).block_bytes;
    bool good = !t.dims.empty() && t.dims.size() <= 4;
    for (std::uint64_t dim : t.dims)
      good = good && dim >= 1 && !__builtin_mul_overflow(product, dim, &product);
    if (!good || t.dims[0] % dtype_info(t.type).block_elems != 0) {
      return bad_input("GGUF tensor " + quote_name(t.name) +
                       ": the shape has no place in a GGUF file as " + name_of(t.type));
    }
  }
  return {};
}

std::string Writer::header() const {
  std::string out = "GGUF";
  put(out, std::uint32_t{3});
  put(out, std::uint64_t{tensors_.size()});
  put(out, std::uint64_t{metadata_.size()});
  for (const auto& [key, value] : metadata_) {
    put_string(out, key);
    out += value;
  }
  std::uint64_t offset = 0;
  for (const Tensor& t : tensors_) {
    put_string(out, t.name);
    put(out, static_cast<std::uint32_t>(t.dims.size()));
    for (std::uint64_t dim : t.dims) put(out, dim);
    put(out, static_cast<std::uint32_t>(t.type));
    put(out, offset);
    offset += t.bytes() + padding_after(t.bytes());
  }
  out.append(padding_after(out.size()), '\0');
  return out;
}

Status Writer::write(const std::filesystem::path& path) const {
  HEARTH_TRY_STATUS(check());
  HEARTH_TRY(AtomicFile file, AtomicFile::create(path));
  HEARTH_TRY_STATUS(file.write(header()));
  for (const Tensor& t : tensors_) {
    std::uint64_t written = 0;
    HEARTH_TRY_STATUS(t.producer([&](std::span<const std::byte> bytes) -> Status {
      written += bytes.size();
      return file.write(bytes);
    }));
    CHECK(written == t.bytes());
    HEARTH_TRY_STATUS(file.write(std::string(padding_after(written), '\0')));
  }
  return file.commit();
}

}  // namespace hearth::gguf
