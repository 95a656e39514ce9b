// Rows of every stored dtype to and from f32, one value at a time: the specification of the block
// formats (ggml's). Kernels pack from these bytes themselves; tests compare them with this.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"

namespace hearth {

/// The 16 levels of IQ4_NL and IQ4_XS.
inline constexpr std::int8_t kIq4Levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};

/// The 6-bit scale and minimum of sub-block `g` (0..7) of a Q4_K or Q5_K block's 12 scale bytes.
struct ScaleMin {
  std::uint8_t scale, min;
};
ScaleMin k_scale_min(const std::uint8_t* scales12, int g);
/// The signed 6-bit scale of sub-block `s` (0..15) of a Q3_K block's 12 scale bytes, minus 32.
int q3_k_scale(const std::uint8_t* scales12, int s);

/// `n` values (a multiple of the block) starting at a block boundary, with ggml's evaluation order:
/// d·scale is rounded first, then ·q, then the rounded dmin·min is subtracted.
void dequantise_row(DType type, const std::byte* row, float* out, std::size_t n);

/// Quantises or narrows `n` values; f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1 follow ggml's
/// reference; the other types use a simple nearest-level fit (good enough for synthetic weights).
void quantise_row(DType type, const float* row, std::byte* out, std::size_t n);

}  // namespace hearth
