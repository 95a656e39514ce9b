// q8a rows on the CPU, with a second pass for outliers.
//
// One value a hundred times its neighbours makes a block's step so coarse that the neighbours
// vanish, and real models have such channels. Blocks like that keep what the first 8 bits missed in
// a second row; a row with any such block is multiplied twice and the products added. Which rows
// these are depends on each row alone, so rows stay independent.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace hearth::q8a {

// A row: the kernels' q8a row · another for the rest · one flag per block of 32.
inline std::size_t part_bytes(std::int64_t k) { return kernels::q8a_row_bytes(k); }
inline std::size_t row_bytes(std::int64_t k) {
  std::size_t flags = static_cast<std::size_t>(kernels::q8a_padded(k)) / 32;
  return 2 * part_bytes(k) + (flags + 63) / 64 * 64;
}

/// Values [k0, k0 + n) of a row of k; k0 and n as quantise_q8a wants them.
void quantise(const kernels::KernelTable& table, const float* x, std::int64_t n, std::byte* row,
              std::int64_t k0, std::int64_t k);

/// True where the row needs its second pass; blocks without a rest are then made zero.
bool finish_rest(std::byte* row, std::int64_t k);

}  // namespace hearth::q8a
