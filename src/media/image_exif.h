// EXIF: only the orientation (tag 274 of the first directory).
#pragma once

#include <cstdint>
#include <span>

#include "media/image.h"

namespace hearth::codec {

/// 1…8 from a TIFF block, with or without "Exif\0\0" before it; 1 where it says nothing usable.
int exif_orientation(std::span<const std::uint8_t> exif);

/// The picture upright: mirrored or turned as `orientation` says.
Image apply_orientation(Image image, int orientation);

}  // namespace hearth::codec
