#include "tensor/cpu_q8a.h"

#include <algorithm>
#include <cstring>

namespace hearth::q8a {
namespace {

constexpr std::int64_t kBlock = 32;

// An outlier block: without its largest value (code ±127) the others' root mean square is below 8
// codes, a sixteenth of it. Normal and even heavy-tailed blocks of 32 lie well above.
constexpr std::int32_t kLoudest = 127 * 127, kQuiet = 31 * 8 * 8;

std::int32_t sum_of_squares(const std::int8_t* codes) {
  std::int32_t sum = 0;
  for (int i = 0; i < kBlock; ++i) sum += std::int32_t{codes[i]} * codes[i];
  return sum;
}

std::uint8_t* flags_of(std::byte* row, std::int64_t k) {
  return reinterpret_cast<std::uint8_t*>(row + 2 * part_bytes(k));
}

/// A block that holds one value alone (all others zero) is exact already.
bool is_outlier(std::int32_t squares) { return squares < kLoudest + kQuiet && squares >= kLoudest; }

}  // namespace

void quantise(const kernels::KernelTable& table, const float* x, std::int64_t n, std::byte* row,
              std::int64_t k0, std::int64_t k) {
  table.quantise_q8a(x, n, row, k0, k);
  const std::int8_t* codes = kernels::q8a_codes(row) + k0;
  std::uint8_t* flags = flags_of(row, k) + k0 / kBlock;
  for (std::int64_t b = 0; b * kBlock < n; ++b) {
    flags[b] = is_outlier(sum_of_squares(codes + b * kBlock));
    if (!flags[b]) continue;
    const float scale = kernels::q8a_scales(row, k)[k0 / kBlock + b];
    const std::int64_t count = std::min(kBlock, n - b * kBlock);
    float rest[kBlock];
    for (std::int64_t i = 0; i < count; ++i)
      rest[i] = x[b * kBlock + i] - scale * static_cast<float>(codes[b * kBlock + i]);
    table.quantise_q8a(rest, count, row + part_bytes(k), k0 + b * kBlock, k);
  }
}

bool finish_rest(std::byte* row, std::int64_t k) {
  const std::int64_t blocks = kernels::q8a_padded(k) / kBlock;
  const std::uint8_t* flags = flags_of(row, k);
  if (!std::memchr(flags, 1, static_cast<std::size_t>(blocks))) return false;
  std::byte* rest = row + part_bytes(k);
  for (std::int64_t b = 0; b < blocks; ++b) {
    if (flags[b]) continue;
    std::memset(const_cast<std::int8_t*>(kernels::q8a_codes(rest)) + b * kBlock, 0, kBlock);
    const_cast<float*>(kernels::q8a_scales(rest, k))[b] = 0;
    std::int32_t* sums = const_cast<std::int32_t*>(kernels::q8a_sums(rest, k)) + b * 2;
    sums[0] = sums[1] = 0;
  }
  return true;
}

}  // namespace hearth::q8a
