// Any bytes as a file of packed weights.
#include <cstdint>
#include <cstdlib>

#include "models/packed_cache.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto entries = hearth::parse_packed(bytes, "fuzz");
  if (!entries) {
    if (entries.error().kind != hearth::ErrorKind::bad_input) std::abort();
    return 0;
  }
  for (const hearth::PackedEntry& e : *entries)
    if (e.offset > size || e.bytes > size - e.offset) std::abort();
  return 0;
}
