// Any bytes as a GGUF file: parse, then touch everything that a caller could.
#include <cstdint>
#include <cstdlib>

#include "base/blocks.h"
#include "formats/gguf.h"

namespace {

using namespace hearth;

/// Keeps the optimiser from dropping reads.
volatile double sink;

void touch(const gguf::Array& array) {
  double sum = 0;
  for (std::string_view s : array.strings)
    for (char c : s) sum += c;
  if (array.element != gguf::Type::string && array.element != gguf::Type::array)
    for (std::uint64_t i = 0; i < array.count; ++i)
      sum += array.number(i) + static_cast<double>(array.integer(i));
  sink = sum;
}

void touch(const gguf::File& file, std::string_view key) {
  (void)file.get_int(key, INT64_MIN, INT64_MAX);
  (void)file.get_int(key, 1, 100);
  (void)file.get_float(key);
  (void)file.get_bool(key);
  if (auto s = file.get_string(key); s && *s)
    for (char c : **s) sink = c;
  for (auto get : {&gguf::File::get_strings, &gguf::File::get_ints, &gguf::File::get_floats})
    if (auto array = (file.*get)(key); array && *array) touch(**array);
  if (const auto* array = std::get_if<gguf::Array>(&file.find(key)->data)) touch(*array);
}

void touch(const gguf::TensorInfo& tensor) {
  const DTypeInfo& type = dtype_info(tensor.type);
  if (tensor.elements() != tensor.data.size() / type.block_bytes * type.block_elems) std::abort();
  std::vector<float> row(tensor.dims[0]);
  std::size_t bytes = row_bytes(tensor.type, row.size());
  for (std::size_t at = 0; at < tensor.data.size(); at += bytes)
    dequantise_row(tensor.type, tensor.data.data() + at, row.data(), row.size());
  sink = row[0];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto file = gguf::File::parse(std::as_bytes(std::span(data, size)), "fuzz");
  if (!file) {
    if (file.error().kind != ErrorKind::bad_input || file.error().message.empty()) std::abort();
    return 0;
  }
  for (const auto& [key, value] : file->metadata()) touch(*file, key);
  for (const gguf::TensorInfo& tensor : file->tensors()) {
    if (file->find_tensor(tensor.name) != &tensor) std::abort();
    touch(tensor);
  }
  return 0;
}
