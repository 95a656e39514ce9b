// Random weights in any stored type, made as bytes at the speed of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/dtype.h"

namespace hearth {

/// Fills `bytes` (whole blocks) with random values of about this standard deviation, mean near 0.
void fill_random(DType type, float deviation, std::uint64_t seed, std::span<std::byte> bytes);

}  // namespace hearth
