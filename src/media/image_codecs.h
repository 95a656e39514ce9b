// One decoder per format. Each checks the size in the header before it takes memory, and gives the
// pixels that Pillow's `convert("RGB")` gives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "media/image.h"

namespace hearth::codec {

/// A file to decode, and what its errors call it.
struct Source {
  std::span<const std::byte> bytes;
  std::string_view where;
  ImageLimits limits;

  const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }
  std::size_t size() const { return bytes.size(); }
  Error error(const std::string& message) const;
};

/// Pixels as stored, and how they are to be turned (EXIF 1…8).
struct Decoded {
  Image image;
  int orientation = 1;
};

Result<Decoded> decode_jpeg(const Source& source);
Result<Decoded> decode_png(const Source& source);
Result<Decoded> decode_webp(const Source& source);
Result<Decoded> decode_gif(const Source& source);
Result<Decoded> decode_bmp(const Source& source);

/// A black picture of that size, or the error that says which limit it breaks.
Result<Image> new_image(const Source& source, std::uint64_t width, std::uint64_t height);
/// The same check alone, for decoders that need another buffer first.
Status check_size(const Source& source, std::uint64_t width, std::uint64_t height);

/// 256 colours; what a file does not define is the grey of its index, as Pillow has it.
struct Palette {
  std::uint8_t rgb[256][3];
  Palette() {
    for (int i = 0; i < 256; ++i)
      for (auto& channel : rgb[i]) channel = static_cast<std::uint8_t>(i);
  }
};

/// Numbers in the file's own byte order; the caller has checked that the bytes are there.
inline std::uint32_t le16(const std::uint8_t* p) { return p[0] | std::uint32_t{p[1]} << 8; }
inline std::uint32_t le32(const std::uint8_t* p) { return le16(p) | le16(p + 2) << 16; }
inline std::uint32_t be16(const std::uint8_t* p) { return p[1] | std::uint32_t{p[0]} << 8; }
inline std::uint32_t be32(const std::uint8_t* p) { return be16(p + 2) | be16(p) << 16; }

}  // namespace hearth::codec
