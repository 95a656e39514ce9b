// Any bytes as a file of packed weights: as they are, and as panels and an index before a footer
// that fits them, for no random change would keep length and checksums right.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "base/hash.h"
#include "models/packed_cache.h"

namespace {

void check(std::span<const std::byte> bytes) {
  const std::size_t size = bytes.size();
  const auto entries = hearth::parse_packed(bytes, "fuzz");
  if (!entries) {
    if (entries.error().kind != hearth::ErrorKind::bad_input) std::abort();
    return;
  }
  for (const hearth::PackedEntry& e : *entries)
    if (e.offset > size || e.bytes > size - e.offset) std::abort();
}

/// The input's first byte says how many entries, the second where the index begins.
std::vector<std::byte> with_footer(std::span<const std::byte> input) {
  std::vector<std::byte> file(input.begin() + 2, input.end());
  const std::uint64_t index =
      std::min<std::uint64_t>(static_cast<std::uint8_t>(input[1]), file.size());
  struct {
    char magic[8] = {'H', 'E', 'A', 'R', 'T', 'H', 'P', 'K'};
    std::uint32_t version = 2, checksum = 0;
    std::uint64_t file_bytes = 0, index = 0;
    std::uint32_t entries = 0, index_checksum = 0, zero[6] = {};
  } footer;
  footer.file_bytes = file.size() + sizeof footer;
  footer.index = index;
  footer.entries = static_cast<std::uint8_t>(input[0]);
  footer.index_checksum = hearth::crc32(std::span(file).subspan(index));
  const auto end = std::as_bytes(std::span(&footer, 1));
  file.insert(file.end(), end.begin(), end.end());
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  check(bytes);
  if (size >= 2) check(with_footer(bytes));
  return 0;
}
