// libwebp for the pixels. The container is walked here: it is a dozen lines, and the first frame
// of an animation and the EXIF block come out of it.
#include <webp/decode.h>

#include <string_view>

#include "media/image_codecs.h"
#include "media/image_exif.h"

namespace hearth::codec {
namespace {

/// What to decode and where it goes.
struct Layout {
  std::uint32_t canvas_width = 0, canvas_height = 0;  // of an animation
  std::uint32_t x = 0, y = 0;
  std::span<const std::uint8_t> frame;  // an animation's first frame
  bool animated = false;
  int orientation = 1;
};

std::uint32_t le24(const std::uint8_t* p) { return le16(p) | std::uint32_t{p[2]} << 16; }

Layout read_container(const Source& source) {
  constexpr std::size_t kRiffHead = 12, kChunkHead = 8, kFrameHead = 16;
  constexpr std::uint8_t kAnimation = 2;
  const std::uint8_t* p = source.data();
  Layout layout;
  for (std::size_t at = kRiffHead; source.size() - at >= kChunkHead;) {
    const std::string_view type(reinterpret_cast<const char*>(p + at), 4);
    const std::size_t length = le32(p + at + 4);
    at += kChunkHead;
    if (length > source.size() - at) break;
    std::span<const std::uint8_t> body(p + at, length);
    if (type == "VP8X" && length >= 10) {
      layout.animated = body[0] & kAnimation;
      layout.canvas_width = le24(&body[4]) + 1;
      layout.canvas_height = le24(&body[7]) + 1;
    } else if (type == "ANMF" && length >= kFrameHead && layout.frame.empty()) {
      layout.x = 2 * le24(&body[0]);
      layout.y = 2 * le24(&body[3]);
      layout.frame = body.subspan(kFrameHead);
    } else if (type == "EXIF") {
      layout.orientation = exif_orientation(body);
    }
    at += std::min(length + (length & 1), source.size() - at);
  }
  return layout;
}

const char* reason(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return "out of memory";
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return "the WebP is truncated";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "the WebP uses a feature that is not supported";
    default:
      return "the WebP is corrupt";
  }
}

}  // namespace

Result<Decoded> decode_webp(const Source& source) {
  const Layout layout = read_container(source);
  if (layout.animated && layout.frame.empty())
    return source.error("the WebP animation has no whole frame: truncated?");
  std::span<const std::uint8_t> data(source.data(), source.size());
  if (layout.animated) data = layout.frame;

  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return failed("libwebp has another version at run time");
  if (auto status = WebPGetFeatures(data.data(), data.size(), &config.input))
    return source.error(reason(status));
  const auto width = static_cast<std::uint32_t>(config.input.width);
  const auto height = static_cast<std::uint32_t>(config.input.height);
  if (layout.animated && (std::uint64_t{layout.x} + width > layout.canvas_width ||
                          std::uint64_t{layout.y} + height > layout.canvas_height))
    return source.error("the WebP animation's first frame lies outside its canvas");

  Decoded decoded;
  HEARTH_TRY(decoded.image, new_image(source, layout.animated ? layout.canvas_width : width,
                                      layout.animated ? layout.canvas_height : height));
  decoded.orientation = layout.orientation;
  const std::size_t stride = std::size_t(decoded.image.width) * 3;
  const std::size_t first = layout.y * stride + std::size_t{layout.x} * 3;
  config.output.colorspace = MODE_RGB;  // transparent pixels keep their colour
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {decoded.image.rgb.data() + first, static_cast<int>(stride),
                          decoded.image.rgb.size() - first};
  if (auto status = WebPDecode(data.data(), data.size(), &config))
    return source.error(reason(status));
  return decoded;
}

}  // namespace hearth::codec
