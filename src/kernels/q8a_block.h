// How 32 activations become 8 bits: what every kernel set shares.
#pragma once

#include <cstdint>

namespace hearth::kernels {
namespace {

struct Q8aScale {
  float scale, inverse;  ///< amax/127 and 127/amax; inverse 0: all codes are 0
};

/// `magnitude`: the bits of max |x|. They compare like the floats, and NaN above infinity.
/// Infinities and NaNs give a NaN scale, so they stay visible. Below 2^-100, far under anything a
/// model makes, 127/amax might overflow: that is zero.
inline Q8aScale q8a_scale(std::int32_t magnitude) {
  if (magnitude >= 0x7f800000) return {__builtin_nanf(""), 0};
  if (magnitude < (127 - 100) << 23) return {0, 0};
  float amax;
  __builtin_memcpy(&amax, &magnitude, 4);
  return {amax / 127.0f, 127.0f / amax};
}

/// What quantising a block tells beside its codes.
struct Q8aBlock {
  float scale;
  std::int32_t squares;  ///< Σ code²
};

/// One value a hundred times its neighbours makes the step so coarse that the neighbours vanish,
/// and real models have such channels. A block of 32 codes is one of those when without its largest
/// (±127) the others' root mean square is below 8, a sixteenth of it; normal and even heavy-tailed
/// blocks lie well above. A value quite alone is exact already.
inline bool q8a_is_outlier(std::int32_t squares) {
  constexpr std::int32_t kLoudest = 127 * 127, kQuiet = 31 * 8 * 8;
  return squares > kLoudest && squares < kLoudest + kQuiet;
}

/// What the first 8 bits missed: x − scale·code.
inline void q8a_missed(const float* x, const std::int8_t* codes, float scale, float* rest) {
  for (int i = 0; i < 32; ++i) rest[i] = x[i] - scale * static_cast<float>(codes[i]);
}

}  // namespace
}  // namespace hearth::kernels
