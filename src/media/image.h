// Pictures: decoding through well-kept libraries, and resampling that is byte-exact with Pillow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

/// 8-bit RGB, rows top to bottom: rgb[(y · width + x) · 3 + c].
struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
};

inline constexpr std::uint64_t kMaxPixels = 100'000'000;

/// Compared with the size in a picture's header, before any memory is taken.
struct ImageLimits {
  std::uint64_t pixels = kMaxPixels;
  std::uint64_t edge = 1'000'000;  ///< the longer side: resampling cost grows with it
};

/// JPEG, PNG, WebP, GIF (first frame), BMP, told apart by their first bytes. EXIF orientation is
/// applied; alpha is dropped, as transformers' `load_image` does. `where` names the picture in
/// errors (`bad_input`): unknown format (the known are listed), truncated, too large (limit given).
Result<Image> decode_image(std::span<const std::byte> file, std::string_view where,
                           const ImageLimits& limits = {});
Result<Image> load_image(const std::filesystem::path& path);

enum class Resample {
  pillow_lanczos,
  pillow_bicubic,
  pillow_bilinear,
  torchvision_bicubic,  ///< ATen's int16 antialiased kernel for uint8 tensors
};

/// Resizes to width × height (≥ 1). Bit-exact with Pillow 9.4 / ATen. Arithmetic: spec §2.4, §2.5.
Image resize(const Image& image, int width, int height, Resample filter);

}  // namespace hearth
