// The weights behind `resize`, for one direction.
#pragma once

#include <cstdint>
#include <vector>

#include "media/image.h"

namespace hearth {

/// Output i = clamp((half + Σ_t weight[t] · input[first + t]) >> bits) over `count` inputs.
struct Taps {
  struct Span {
    int first, count;
    std::size_t weights;  ///< where its weights begin
  };
  std::vector<Span> outputs;
  std::vector<std::int32_t> weights;
  int bits = 0;  ///< a weight of 1.0 is 1 << bits
};

/// From `in` to `out` samples (both ≥ 1).
Taps make_taps(int in, int out, Resample filter);

/// `resize` without the loops built for wider vectors: tests compare the two.
Image resize_plain(const Image& image, int width, int height, Resample filter);

}  // namespace hearth
