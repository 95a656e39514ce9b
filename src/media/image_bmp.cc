// BMP: 1, 4 and 8 bits with a palette, 16, 24 and 32 bits, rows either way up. Run-length
// compression is refused by name.
#include <cstring>

#include "media/image_codecs.h"

namespace hearth::codec {
namespace {

enum Compression : std::uint32_t { kNone = 0, kBitfields = 3 };

struct Header {
  std::uint64_t width, height;
  bool top_down = false;
  std::uint32_t bits, compression = kNone, colours = 0;
  std::uint32_t red = 0, green = 0, blue = 0;  // masks
  std::size_t palette_at, palette_entry, pixels_at;
};

constexpr std::size_t kFileHeader = 14;

Result<Header> read_header(const Source& source) {
  const std::uint8_t* p = source.data();
  auto needs = [&](std::size_t bytes) { return source.size() < bytes; };
  auto truncated = [&](std::size_t bytes) {
    return source.error("the BMP is truncated: its header needs " + std::to_string(bytes) +
                        " bytes, the file has " + std::to_string(source.size()));
  };
  if (needs(kFileHeader + 12)) return truncated(kFileHeader + 12);
  Header h{};
  h.pixels_at = le32(p + 10);
  const std::size_t size = le32(p + 14);
  if (size != 12 && size != 40 && size != 52 && size != 56 && size != 64 && size != 108 &&
      size != 124)
    return source.error("a BMP header of 12, 40, 52, 56, 64, 108 or 124 bytes is expected, found " +
                        std::to_string(size));
  if (needs(kFileHeader + size)) return truncated(kFileHeader + size);
  const std::uint8_t* info = p + kFileHeader;
  h.palette_at = kFileHeader + size;
  if (size == 12) {
    h.width = le16(info + 4), h.height = le16(info + 6), h.bits = le16(info + 10);
    h.palette_entry = 3;
    return h;
  }
  h.width = le32(info + 4), h.height = le32(info + 8);
  h.top_down = h.height >> 31;
  if (h.top_down) h.height = (std::uint64_t{1} << 32) - h.height;
  h.bits = le16(info + 14), h.compression = le32(info + 16), h.colours = le32(info + 32);
  h.palette_entry = 4;
  if (h.compression == kBitfields) {  // the masks stand at one place, in or after the header
    if (needs(kFileHeader + 40 + 12)) return truncated(kFileHeader + 40 + 12);
    h.red = le32(info + 40), h.green = le32(info + 44), h.blue = le32(info + 48);
  }
  return h;
}

/// Where a channel lies in a pixel: value = (pixel >> shift & most) scaled from 0…most to 0…255.
struct Channel {
  std::uint32_t shift, most;
  std::uint8_t of(std::uint32_t pixel) const {
    return static_cast<std::uint8_t>((pixel >> shift & most) * 255 / most);
  }
};

/// One run of 1 to 8 bits within a pixel of `bits` bits.
bool make_channel(std::uint32_t mask, std::uint32_t bits, Channel& channel) {
  if (!mask || (bits < 32 && mask >> bits)) return false;
  channel.shift = static_cast<std::uint32_t>(__builtin_ctz(mask));
  channel.most = mask >> channel.shift;
  return channel.most <= 255 && (channel.most & (channel.most + 1)) == 0;
}

/// Red, green, blue; false for masks that are no channels.
bool read_channels(const Header& h, Channel (&channels)[3]) {
  std::uint32_t masks[] = {0xff0000, 0xff00, 0xff};
  if (h.bits == 16) masks[0] = 0x7c00, masks[1] = 0x3e0, masks[2] = 0x1f;
  if (h.compression == kBitfields) masks[0] = h.red, masks[1] = h.green, masks[2] = h.blue;
  for (int c = 0; c < 3; ++c)
    if (!make_channel(masks[c], h.bits, channels[c])) return false;
  return true;
}

/// The colours that the file holds, up to where its pixels begin.
Palette read_palette(const Source& source, const Header& h) {
  Palette palette;
  std::size_t count = std::size_t{1} << h.bits;
  if (h.colours) count = std::min<std::size_t>(count, h.colours);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = h.palette_at + i * h.palette_entry;
    if (at + 3 > source.size()) break;
    const std::uint8_t* bgr = source.data() + at;
    for (int c = 0; c < 3; ++c) palette.rgb[i][c] = bgr[2 - c];
  }
  return palette;
}

void indexed_row(const std::uint8_t* row, const Header& h, const Palette& palette,
                 std::uint8_t* rgb) {
  for (std::size_t x = 0; x < h.width; ++x, rgb += 3) {
    const std::size_t bit = x * h.bits;
    const std::uint32_t index = row[bit / 8] >> (8 - h.bits - bit % 8) & ((1u << h.bits) - 1);
    std::memcpy(rgb, palette.rgb[index], 3);
  }
}

void direct_row(const std::uint8_t* row, const Header& h, const Channel (&channels)[3],
                std::uint8_t* rgb) {
  const std::uint32_t bytes = h.bits / 8;
  for (std::size_t x = 0; x < h.width; ++x, row += bytes, rgb += 3) {
    std::uint32_t pixel = le16(row);
    if (bytes > 2) pixel |= std::uint32_t{row[2]} << 16;
    if (bytes > 3) pixel |= std::uint32_t{row[3]} << 24;
    for (int c = 0; c < 3; ++c) rgb[c] = channels[c].of(pixel);
  }
}

}  // namespace

Result<Decoded> decode_bmp(const Source& source) {
  HEARTH_TRY(const Header h, read_header(source));
  HEARTH_TRY_STATUS(check_size(source, h.width, h.height));
  const bool indexed = h.bits == 1 || h.bits == 4 || h.bits == 8;
  const bool direct = h.bits == 16 || h.bits == 24 || h.bits == 32;
  Channel channels[3] = {};
  if ((!indexed && !direct) || (h.compression != kNone && (indexed || h.compression != kBitfields)))
    return source.error("BMP of " + std::to_string(h.bits) + " bits with compression " +
                        std::to_string(h.compression) +
                        " is not supported (1, 4, 8, 16, 24 or 32 bits, uncompressed)");
  if (direct && !read_channels(h, channels))
    return source.error("the BMP's colour masks are not supported");

  const std::size_t stride = (h.width * h.bits + 31) / 32 * 4;
  // The padding after the last row is often missing.
  const std::size_t needed = (h.height - 1) * stride + (h.width * h.bits + 7) / 8;
  if (h.pixels_at > source.size() || source.size() - h.pixels_at < needed)
    return source.error("the BMP is truncated: " + std::to_string(needed) +
                        " bytes of pixels are expected at byte " + std::to_string(h.pixels_at) +
                        ", the file has " + std::to_string(source.size()) + " bytes");
  Decoded decoded;
  HEARTH_TRY(decoded.image, new_image(source, h.width, h.height));
  const Palette palette = indexed ? read_palette(source, h) : Palette();
  for (std::size_t y = 0; y < h.height; ++y) {
    const std::uint8_t* row = source.data() + h.pixels_at + y * stride;
    std::uint8_t* to = &decoded.image.rgb[(h.top_down ? y : h.height - 1 - y) * h.width * 3];
    if (indexed)
      indexed_row(row, h, palette, to);
    else
      direct_row(row, h, channels, to);
  }
  return decoded;
}

}  // namespace hearth::codec
