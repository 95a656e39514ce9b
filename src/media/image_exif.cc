#include "media/image_exif.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "media/image_codecs.h"

namespace hearth::codec {
namespace {

constexpr std::uint32_t kOrientationTag = 274;
enum TiffType : std::uint32_t { kByte = 1, kShort = 3, kLong = 4 };

}  // namespace

int exif_orientation(std::span<const std::uint8_t> exif) {
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  if (exif.size() >= kPrefix.size() && std::memcmp(exif.data(), kPrefix.data(), 6) == 0)
    exif = exif.subspan(kPrefix.size());
  if (exif.size() < 8) return 1;
  const bool big = exif[0] == 'M' && exif[1] == 'M';
  if (!big && !(exif[0] == 'I' && exif[1] == 'I')) return 1;
  auto u16 = [&](std::size_t at) { return big ? be16(&exif[at]) : le16(&exif[at]); };
  auto u32 = [&](std::size_t at) { return big ? be32(&exif[at]) : le32(&exif[at]); };

  if (u16(2) != 42) return 1;
  const std::size_t directory = u32(4);
  if (directory > exif.size() - 2) return 1;
  const std::size_t entries = u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > exif.size()) return 1;
    if (u16(entry) != kOrientationTag || u32(entry + 4) != 1) continue;
    const std::uint32_t type = u16(entry + 2);
    const std::uint32_t value = type == kShort  ? u16(entry + 8)
                                : type == kLong ? u32(entry + 8)
                                : type == kByte ? exif[entry + 8]
                                                : 0;
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Image apply_orientation(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const bool turned = orientation >= 5;  // rows become columns
  const int w = image.width, h = image.height;
  Image out{turned ? h : w, turned ? w : h, std::vector<std::uint8_t>(image.rgb.size())};

  // Where the upright (x, y) is stored: start + x·step_x + y·step_y, counted in pixels.
  const std::ptrdiff_t right = 1, down = w, last_x = w - 1, last_y = std::ptrdiff_t{h - 1} * w;
  struct Walk {
    std::ptrdiff_t start, step_x, step_y;
  };
  const Walk walks[] = {
      {last_x, -right, down},            // 2: mirrored
      {last_y + last_x, -right, -down},  // 3: half a turn
      {last_y, right, -down},            // 4: upside down, mirrored
      {0, down, right},                  // 5: transposed
      {last_y, -down, right},            // 6: stored a quarter turn to the left
      {last_y + last_x, -down, -right},  // 7: transposed over the other diagonal
      {last_x, down, -right},            // 8: stored a quarter turn to the right
  };
  const Walk walk = walks[orientation - 2];

  constexpr int kBlock = 32;  // a turn reads columns: small squares keep them in the cache
  for (int y0 = 0; y0 < out.height; y0 += kBlock)
    for (int x0 = 0; x0 < out.width; x0 += kBlock)
      for (int y = y0; y < std::min(y0 + kBlock, out.height); ++y) {
        const std::ptrdiff_t row = walk.start + y * walk.step_y;
        std::uint8_t* to = &out.rgb[(std::size_t(y) * out.width + x0) * 3];
        for (int x = x0; x < std::min(x0 + kBlock, out.width); ++x, to += 3)
          std::memcpy(to, &image.rgb[3 * static_cast<std::size_t>(row + x * walk.step_x)], 3);
      }
  return out;
}

}  // namespace hearth::codec
