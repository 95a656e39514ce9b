// Pictures that attack: sizes that would fill the memory, passes without end, files that are not
// what they say. Each must give one clear line, at once.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/files.h"
#include "base/hash.h"
#include "media/image.h"
#include "support/data.h"

namespace hearth {
namespace {

std::string le(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i);
  return text;
}
std::string be(std::uint64_t value, int bytes) {
  const std::string text = le(value, bytes);
  return {text.rbegin(), text.rend()};
}

std::string fixture(const char* name) {
  return *read_file(std::filesystem::path(HEARTH_TEST_DATA) / "images" / name);
}

Result<Image> decode(const std::string& file, const ImageLimits& limits = {}) {
  return decode_image(std::as_bytes(std::span(file)), "photo", limits);
}

std::string error_of(const std::string& file) {
  auto image = decode(file);
  if (image) return "no error";
  EXPECT_EQ(image.error().kind, ErrorKind::bad_input);
  EXPECT_EQ(image.error().message.find('\n'), std::string::npos);
  return image.error().message;
}

std::string png_chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  return be(data.size(), 4) + body + be(crc32(std::as_bytes(std::span(body))), 4);
}

std::string png(std::uint32_t width, std::uint32_t height, const std::string& chunks = "") {
  return "\x89PNG\r\n\x1a\n" +
         png_chunk("IHDR", be(width, 4) + be(height, 4) + std::string("\x08\x02\0\0\0", 5)) +
         chunks + png_chunk("IEND", "");
}

std::string bmp(std::uint32_t width, std::uint32_t height, int bits = 24) {
  return "BM" + le(54, 4) + le(0, 4) + le(54, 4) + le(40, 4) + le(width, 4) + le(height, 4) +
         le(1, 2) + le(bits, 2) + std::string(24, '\0');
}

std::string gif(int screen_width, int screen_height, int frame_width, int frame_height) {
  return "GIF89a" + le(screen_width, 2) + le(screen_height, 2) + le(0, 3) + "," + le(0, 4) +
         le(frame_width, 2) + le(frame_height, 2) + le(0, 1) + "\x02\x02\x4c\x01" + le(0, 1) + ";";
}

std::string jpeg(int width, int height) {
  std::string file = fixture("444.jpg");
  const std::size_t sof = file.find("\xff\xc0");
  return file.replace(sof + 5, 4, be(height, 2) + be(width, 2));
}

std::string webp_lossless(std::uint32_t width, std::uint32_t height) {
  std::string file = fixture("lossless.webp");
  return file.replace(file.find("VP8L") + 9, 4, le((width - 1) | (height - 1) << 14, 4));
}

std::string webp_canvas(std::uint32_t width, std::uint32_t height) {
  std::string file = fixture("animated-offset.webp");
  return file.replace(file.find("VP8X") + 12, 6, le(width - 1, 3) + le(height - 1, 3));
}

TEST(ImageHostile, BombsAreRefusedByTheSizeInTheirHeader) {
  struct Bomb {
    const char* name;
    std::string file, found;
  };
  const Bomb bombs[] = {
      {"png", png(50000, 50000), "50000 x 50000"},
      {"png at 2^31", png(0x7fffffff, 0x7fffffff), "2147483647 x 2147483647"},
      {"png past 2^31", png(0xffffffff, 1), "4294967295 x 1"},
      {"png strip", png(2000000, 1), "2000000 x 1"},
      {"bmp", bmp(30000, 30000), "30000 x 30000"},
      {"bmp upside down", bmp(30000, 0x80000000), "30000 x 2147483648"},
      {"gif screen", gif(65535, 65535, 1, 1), "65535 x 65535"},
      {"gif frame", gif(1, 1, 65535, 65535), "65535 x 65535"},
      {"jpeg", jpeg(65500, 65500), "65500 x 65500"},
      {"webp", webp_lossless(16384, 16384), "16384 x 16384"},
      {"webp canvas", webp_canvas(60000, 60000), "60000 x 60000"},
  };
  for (const Bomb& bomb : bombs) {
    const std::string error = error_of(bomb.file);
    EXPECT_NE(error.find(bomb.found), std::string::npos) << bomb.name << ": " << error;
    EXPECT_NE(error.find("limit is 1000000"), std::string::npos) << bomb.name << ": " << error;
  }
}

TEST(ImageHostile, TheLimitHoldsForEveryDecoder) {
  for (const char* name : {"rgb.png", "grey16.png", "444.jpg", "lossy.webp", "animated-offset.webp",
                           "plain.gif", "24.bmp"}) {
    const auto file = fixture(name);
    const auto whole = decode(file);
    ASSERT_TRUE(whole);
    const std::uint64_t pixels = std::uint64_t(whole->width) * whole->height;
    EXPECT_TRUE(decode(file, {.pixels = pixels})) << name;
    EXPECT_FALSE(decode(file, {.pixels = pixels - 1})) << name;
    EXPECT_FALSE(decode(file, {.edge = std::uint64_t(whole->width) - 1})) << name;
  }
}

TEST(ImageHostile, NoPixelsAtAll) {
  for (const std::string& file :
       {png(0, 5), png(5, 0), bmp(0, 1), bmp(1, 0), gif(5, 5, 0, 1), gif(5, 5, 1, 0)})
    EXPECT_NE(error_of(file).find("at least 1 x 1"), std::string::npos) << error_of(file);
}

TEST(ImageHostile, ProgressiveJpegWithThousandsOfScans) {
  const std::string file = fixture("progressive.jpg");
  const std::size_t last = file.rfind("\xff\xda"), end = file.rfind("\xff\xd9");
  const std::string scan = file.substr(last, end - last);
  std::string bomb = file.substr(0, end);
  for (int i = 0; i < 20000; ++i) bomb += scan;
  bomb += "\xff\xd9";
  EXPECT_EQ(error_of(bomb), "photo: the JPEG has more than 100 scans");
}

TEST(ImageHostile, NotPictures) {
  EXPECT_EQ(error_of(""), "photo: the file is empty, a picture is expected");
  for (const std::string& file :
       {std::string("x"), std::string("BA"), std::string(5000, '\0'), std::string("GIF88a......"),
        std::string("RIFF\x10\0\0\0WAVEfmt ", 16), std::string("<svg></svg>"),
        std::string("%PDF-")})
    EXPECT_EQ(error_of(file),
              "photo: not a picture of a known format (JPEG, PNG, WebP, GIF or BMP)");
  for (const char* head :
       {"\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "RIFF\xff\xff\xff\xffWEBP", "GIF89a", "BM"}) {
    EXPECT_TRUE(error_of(head).starts_with("photo: ")) << head;
    EXPECT_TRUE(error_of(head + std::string(3000, '\xff')).starts_with("photo: ")) << head;
    EXPECT_TRUE(error_of(head + std::string(3000, '\0')).starts_with("photo: ")) << head;
  }
}

TEST(ImageHostile, ChunksThatAreNotPixelsCostNothing) {
  // Many empty private chunks, and a text chunk that claims 2 GB.
  std::string chunks;
  for (int i = 0; i < 200000; ++i) chunks += png_chunk("prIv", "");
  const std::string pixel = fixture("1x1.png");
  const std::size_t data = pixel.find("IDAT") - 4;
  auto image = decode(pixel.substr(0, data) + chunks + pixel.substr(data));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->rgb, decode(pixel)->rgb);
  const std::string lying = pixel.substr(0, data) + be(0x7ffffff0, 4) + "tEXt" + pixel.substr(data);
  EXPECT_NE(error_of(lying).find("truncated"), std::string::npos);
}

TEST(ImageHostile, BmpNumbersOutOfRange) {
  EXPECT_NE(error_of(bmp(4, 4)).find("truncated"), std::string::npos);
  EXPECT_NE(error_of(bmp(4, 4, 0)).find("0 bits"), std::string::npos);
  EXPECT_NE(error_of(bmp(4, 4, 65535)).find("65535 bits"), std::string::npos);
  std::string file = bmp(1, 1) + "rgb";
  EXPECT_TRUE(decode(file));
  for (std::uint32_t offset : {55u, 0x7fffffffu, 0xffffffffu})
    EXPECT_NE(error_of(std::string(file).replace(10, 4, le(offset, 4))).find("truncated"),
              std::string::npos);
  EXPECT_NE(error_of(std::string(file).replace(30, 4, le(1, 4))).find("compression 1"),
            std::string::npos);
  EXPECT_NE(error_of(std::string(file).replace(14, 4, le(0xffffffff, 4))).find("header"),
            std::string::npos);
  // Masks that no channel has: empty, with holes, wider than a byte.
  for (std::uint32_t mask : {0u, 0xf0f000u, 0xfff000u}) {
    std::string odd =
        bmp(1, 1, 32).replace(30, 4, le(3, 4)) + le(mask, 4) + le(0xff00, 4) + le(0xff, 4);
    EXPECT_NE(error_of(odd + le(0, 4)).find("masks"), std::string::npos) << mask;
  }
}

TEST(ImageHostile, GifWithoutAPicture) {
  EXPECT_EQ(error_of("GIF89a" + le(1, 2) + le(1, 2) + le(0, 3) + ";"),
            "photo: the GIF holds no picture");
}

}  // namespace
}  // namespace hearth
