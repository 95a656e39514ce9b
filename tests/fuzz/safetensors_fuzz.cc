// Any bytes as a safetensors file, as the JSON of an index, and as an .npy file.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/blocks.h"
#include "formats/json.h"
#include "formats/npy.h"
#include "formats/safetensors.h"

namespace {

using namespace hearth;

volatile double sink;

void touch(const SafetensorsTensor& tensor) {
  std::uint64_t elements = 1;
  for (std::uint64_t dim : tensor.shape) elements *= dim;
  if (elements != tensor.elements()) std::abort();
  std::vector<float> values(elements);
  dequantise_row(tensor.dtype, tensor.data.data(), values.data(), values.size());
  for (float x : values) sink = x;
}

void json(std::span<const std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  auto parsed = parse_json(text, "fuzz");
  if (!parsed) return;
  // What it prints is JSON again, with the same value.
  auto again = parse_json(parsed->dump(), "fuzz");
  if (!again || again->dump() != parsed->dump()) std::abort();
}

void npy(std::span<const std::byte> bytes) {
  auto array = parse_npy(bytes, "fuzz");
  if (!array) return;
  std::size_t size = 1;
  for (std::size_t dim : array->shape) size *= dim;
  if (size != array->data.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto bytes = std::as_bytes(std::span(data, size));
  json(bytes);
  npy(bytes);
  auto file = SafetensorsFile::parse(bytes, "fuzz");
  if (!file) {
    if (file.error().kind != ErrorKind::bad_input || file.error().message.empty()) std::abort();
    return 0;
  }
  std::size_t covered = 0;
  for (std::string_view name : file->names()) {
    auto tensor = file->find(name);
    if (!tensor) continue;  // a dtype that is not read
    touch(**tensor);
    covered += (*tensor)->data.size();
  }
  if (covered > size) std::abort();
  return 0;
}
