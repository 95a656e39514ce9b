// From the largest magnitude of 32 activations to their scale: shared by every kernel set.
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

}  // namespace
}  // namespace hearth::kernels
