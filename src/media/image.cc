#include "media/image.h"

#include <algorithm>
#include <cstring>

#include "base/files.h"
#include "media/image_codecs.h"
#include "media/image_exif.h"

namespace hearth {
namespace codec {
namespace {

std::string size_text(std::uint64_t width, std::uint64_t height) {
  return std::to_string(width) + " x " + std::to_string(height);
}

}  // namespace

Error Source::error(const std::string& message) const {
  return bad_input(std::string(where) + ": " + message);
}

Status check_size(const Source& source, std::uint64_t width, std::uint64_t height) {
  const std::string found = "the picture is " + size_text(width, height) + " pixels";
  if (width == 0 || height == 0) return source.error(found + ", at least 1 x 1 is expected");
  if (std::max(width, height) > source.limits.edge)
    return source.error(found + ", the limit is " + std::to_string(source.limits.edge) +
                        " along an edge");
  // Both are below 2^32 here, so the product fits.
  if (width * height > source.limits.pixels)
    return source.error(found + ", the limit is " + std::to_string(source.limits.pixels) +
                        " pixels in all");
  return {};
}

Result<Image> new_image(const Source& source, std::uint64_t width, std::uint64_t height) {
  HEARTH_TRY_STATUS(check_size(source, width, height));
  return Image{static_cast<int>(width), static_cast<int>(height),
               std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3))};
}

}  // namespace codec

namespace {

struct Format {
  Result<codec::Decoded> (*decode)(const codec::Source&);
  bool (*is)(std::string_view head);
};

constexpr Format kFormats[] = {
    {codec::decode_jpeg, [](std::string_view head) { return head.starts_with("\xff\xd8\xff"); }},
    {codec::decode_png,
     [](std::string_view head) { return head.starts_with("\x89PNG\r\n\x1a\n"); }},
    {codec::decode_webp,
     [](std::string_view head) {
       return head.starts_with("RIFF") && head.substr(4).substr(4).starts_with("WEBP");
     }},
    {codec::decode_gif,
     [](std::string_view head) {
       return head.starts_with("GIF87a") || head.starts_with("GIF89a");
     }},
    {codec::decode_bmp, [](std::string_view head) { return head.starts_with("BM"); }},
};

}  // namespace

Result<Image> decode_image(std::span<const std::byte> file, std::string_view where,
                           const ImageLimits& limits) {
  const codec::Source source{file, where, limits};
  if (file.empty()) return source.error("the file is empty, a picture is expected");
  char head[12] = {};
  std::memcpy(head, file.data(), std::min(file.size(), sizeof head));
  for (const Format& format : kFormats) {
    if (!format.is({head, sizeof head})) continue;
    HEARTH_TRY(codec::Decoded decoded, format.decode(source));
    return codec::apply_orientation(std::move(decoded.image), decoded.orientation);
  }
  return source.error("not a picture of a known format (JPEG, PNG, WebP, GIF or BMP)");
}

Result<Image> load_image(const std::filesystem::path& path) {
  HEARTH_TRY(MappedFile file, MappedFile::open(path));
  return decode_image(file.bytes(), path.string());
}

}  // namespace hearth
