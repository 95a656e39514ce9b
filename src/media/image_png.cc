// libspng behind a filter: it sees only the chunks that make pixels, so that no text, colour
// profile or unknown chunk can cost memory or fail a picture.
#include <spng.h>

#include <cstring>
#include <memory>

#include "media/image_codecs.h"
#include "media/image_exif.h"

namespace hearth::codec {
namespace {

constexpr std::size_t kSignature = 8, kChunkHead = 8, kChunkCrc = 4;
constexpr std::size_t kHeaderChunk = kChunkHead + 13 + kChunkCrc;

struct Chunks {
  std::vector<std::uint8_t> pixels;  ///< a PNG of IHDR, PLTE, IDAT…, IEND
  int orientation = 1;
};

Result<Chunks> pick_chunks(const Source& source) {
  const std::uint8_t* p = source.data();
  const char* text = reinterpret_cast<const char*>(p);
  Chunks chunks;
  chunks.pixels.assign(p, p + kSignature);
  auto append = [&](std::size_t begin, std::size_t end) {
    chunks.pixels.insert(chunks.pixels.end(), p + begin, p + end);
  };
  bool indexed = false, header = false, data = false;
  for (std::size_t at = kSignature;;) {
    const std::size_t left = source.size() - at;
    const std::size_t length = left >= kChunkHead ? be32(p + at) : 0;
    const std::string_view type(left >= kChunkHead ? text + at + 4 : "",
                                left >= kChunkHead ? 4 : 0);
    if (left < kChunkHead + kChunkCrc || length > left - kChunkHead - kChunkCrc) {
      if (data && type != "IDAT") break;  // what is cut off comes after the pixels
      return source.error("the PNG is truncated: a chunk at byte " + std::to_string(at) +
                          " needs " + std::to_string(length + kChunkHead + kChunkCrc) + " bytes, " +
                          std::to_string(left) + " are left");
    }
    const std::size_t begin = at;
    at += kChunkHead + length + kChunkCrc;
    if (!header && (type != "IHDR" || length != 13))
      return source.error("the PNG does not begin with its header (IHDR)");
    if (type == "IHDR" && header) return source.error("the PNG has two headers (IHDR)");
    if (type == "IHDR") header = true, indexed = p[begin + kChunkHead + 9] == 3;
    if (type == "IHDR" || type == "IDAT" || (type == "PLTE" && indexed)) append(begin, at);
    if (type == "eXIf") chunks.orientation = exif_orientation({p + begin + kChunkHead, length});
    if (type == "IDAT") data = true;
    if (type == "IEND") break;
  }
  constexpr std::uint8_t kEnd[] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
  chunks.pixels.insert(chunks.pixels.end(), std::begin(kEnd), std::end(kEnd));
  return chunks;
}

/// 16-bit grey is clipped, not scaled: Pillow reads it as integers.
void clip_grey(const std::vector<std::uint16_t>& grey, Image& image) {
  std::uint8_t* to = image.rgb.data();
  for (std::uint16_t value : grey)
    for (int c = 0; c < 3; ++c) *to++ = static_cast<std::uint8_t>(value > 255 ? 255 : value);
}

}  // namespace

Result<Decoded> decode_png(const Source& source) {
  // The size stands at a fixed place: it is checked before anything is copied.
  if (source.size() < kSignature + kHeaderChunk)
    return source.error("the PNG is truncated: " + std::to_string(source.size()) +
                        " bytes, its header alone needs " +
                        std::to_string(kSignature + kHeaderChunk));
  const std::uint8_t* header = source.data() + kSignature + kChunkHead;
  HEARTH_TRY_STATUS(check_size(source, be32(header), be32(header + 4)));
  HEARTH_TRY(Chunks chunks, pick_chunks(source));

  std::unique_ptr<spng_ctx, decltype(&spng_ctx_free)> png(spng_ctx_new(0), spng_ctx_free);
  if (!png) return failed(std::string(source.where) + ": out of memory");
  int status = spng_set_png_buffer(png.get(), chunks.pixels.data(), chunks.pixels.size());
  spng_ihdr info{};
  if (!status) status = spng_get_ihdr(png.get(), &info);
  if (status) return source.error(std::string("the PNG cannot be read: ") + spng_strerror(status));

  Decoded decoded;
  HEARTH_TRY(decoded.image, new_image(source, info.width, info.height));
  decoded.orientation = chunks.orientation;
  if (info.color_type == SPNG_COLOR_TYPE_GRAYSCALE && info.bit_depth == 16) {
    std::vector<std::uint16_t> grey(decoded.image.rgb.size() / 3);
    status = spng_decode_image(png.get(), grey.data(), grey.size() * 2, SPNG_FMT_PNG, 0);
    if (!status) clip_grey(grey, decoded.image);
  } else {
    status = spng_decode_image(png.get(), decoded.image.rgb.data(), decoded.image.rgb.size(),
                               SPNG_FMT_RGB8, 0);
  }
  if (status) return source.error(std::string("the PNG cannot be read: ") + spng_strerror(status));
  return decoded;
}

}  // namespace hearth::codec
