// giflib, first frame only: records are read one by one, so what follows costs nothing.
#include <gif_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "media/image_codecs.h"

namespace hearth::codec {
namespace {

struct Input {
  std::span<const std::byte> left;
};

int read_input(GifFileType* gif, GifByteType* to, int count) {
  auto& left = static_cast<Input*>(gif->UserData)->left;
  const std::size_t n = std::min(static_cast<std::size_t>(count), left.size());
  if (n) std::memcpy(to, left.data(), n);
  left = left.subspan(n);
  return static_cast<int>(n);
}

std::string reason(int code) {
  if (code == D_GIF_ERR_READ_FAILED || code == D_GIF_ERR_EOF_TOO_SOON)
    return "the GIF is truncated";
  const char* text = GifErrorString(code);
  return std::string("the GIF cannot be read: ") + (text ? text : "unknown error");
}

/// Reads on to the first frame's descriptor; false on giflib's error or the end of the file.
bool find_frame(GifFileType* gif, std::optional<std::uint8_t>& transparent, bool& ended) {
  for (;;) {
    GifRecordType record;
    if (DGifGetRecordType(gif, &record) == GIF_ERROR) return false;
    if (record == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) == GIF_OK;
    if (record == TERMINATE_RECORD_TYPE) return ended = true, false;
    int code;
    GifByteType* block;  // its first byte is its length
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) return false;
    if (code == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= 4 && (block[1] & 1))
      transparent = block[4];
    while (block)
      if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return false;
  }
}

Palette palette_of(const GifFileType& gif) {
  Palette palette;
  const ColorMapObject* map = gif.Image.ColorMap ? gif.Image.ColorMap : gif.SColorMap;
  for (int i = 0; map && i < std::min(map->ColorCount, 256); ++i) {
    const GifColorType& colour = map->Colors[i];
    const std::uint8_t rgb[] = {colour.Red, colour.Green, colour.Blue};
    std::memcpy(palette.rgb[i], rgb, 3);
  }
  return palette;
}

/// The frame's rows, in the order of the file.
bool read_frame(GifFileType* gif, const Palette& palette, Image& image) {
  struct Pass {
    int first, step;
  };
  constexpr Pass kPlain[] = {{0, 1}}, kInterlaced[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
  const auto& frame = gif->Image;
  std::vector<GifByteType> row(static_cast<std::size_t>(frame.Width));
  for (const Pass& pass :
       frame.Interlace ? std::span<const Pass>(kInterlaced) : std::span<const Pass>(kPlain))
    for (int y = pass.first; y < frame.Height; y += pass.step) {
      if (DGifGetLine(gif, row.data(), frame.Width) == GIF_ERROR) return false;
      const std::size_t at = std::size_t(frame.Top + y) * image.width + frame.Left;
      std::uint8_t* to = &image.rgb[at * 3];
      for (GifByteType index : row) std::memcpy(to, palette.rgb[index], 3), to += 3;
    }
  return true;
}

}  // namespace

Result<Decoded> decode_gif(const Source& source) {
  Input input{source.bytes};
  int code = 0;
  auto close = [](GifFileType* gif) { DGifCloseFile(gif, nullptr); };
  std::unique_ptr<GifFileType, decltype(close)> gif(DGifOpen(&input, read_input, &code), close);
  if (!gif) return source.error(reason(code));

  std::optional<std::uint8_t> transparent;
  bool ended = false;
  if (!find_frame(gif.get(), transparent, ended))
    return source.error(ended ? "the GIF holds no picture" : reason(gif->Error));
  // A frame that reaches out of the screen widens it, as in Pillow.
  const auto& frame = gif->Image;
  HEARTH_TRY_STATUS(check_size(source, static_cast<std::uint64_t>(frame.Width),
                               static_cast<std::uint64_t>(frame.Height)));
  Decoded decoded;
  HEARTH_TRY(
      decoded.image,
      new_image(source, static_cast<std::uint64_t>(std::max(gif->SWidth, frame.Left + frame.Width)),
                static_cast<std::uint64_t>(std::max(gif->SHeight, frame.Top + frame.Height))));
  // Around the frame: the transparent colour, else the palette's first.
  const Palette palette = palette_of(*gif);
  const std::uint8_t* around = palette.rgb[transparent.value_or(0)];
  for (std::size_t i = 0; i < decoded.image.rgb.size(); i += 3)
    std::memcpy(&decoded.image.rgb[i], around, 3);
  if (!read_frame(gif.get(), palette, decoded.image)) return source.error(reason(gif->Error));
  return decoded;
}

}  // namespace hearth::codec
