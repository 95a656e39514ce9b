// Pictures of tests/data/images (drawn by make.py there) against Pillow's pixels.
#include <gtest/gtest.h>

#include <cstdio>

#include "base/files.h"
#include "base/hash.h"
#include "formats/json.h"
#include "media/image.h"
#include "support/data.h"

namespace hearth {
namespace {

const std::filesystem::path kImages = std::filesystem::path(HEARTH_TEST_DATA) / "images";

Json crc(const Image& image) {
  char hex[9];
  std::snprintf(hex, sizeof hex, "%08x", crc32(std::as_bytes(std::span(image.rgb))));
  return hex;
}

TEST(ImageDecode, EveryFormatAndModeEqualsPillow) {
  const auto path = kImages / "expected.json";
  const Json expected = *parse_json(*read_file(path), path.string());
  EXPECT_GE(expected.size(), 70u);
  for (const auto& [name, want] : expected.items()) {
    SCOPED_TRACE(name);
    auto image = load_image(kImages / name);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(Json({image->width, image->height}), want["size"]);
    EXPECT_EQ(image->rgb.size(), std::size_t(image->width) * image->height * 3);
    EXPECT_EQ(crc(*image), want["crc"]);
  }
}

TEST(ImageDecode, CutFilesAreErrorsThatNameTheFile) {
  const auto path = kImages / "expected.json";
  const Json expected = *parse_json(*read_file(path), path.string());
  for (const auto& [name, want] : expected.items()) {
    const std::string whole = *read_file(kImages / name);
    // The last bytes of a file may be an end mark or padding that no pixel needs.
    for (std::size_t keep = 0; keep + 16 < whole.size(); keep += 1 + whole.size() / 40) {
      const auto part = std::as_bytes(std::span(whole).first(keep));
      auto image = decode_image(part, name);
      if (image) {
        // Frames and metadata after the first picture are not needed.
        EXPECT_TRUE(name.starts_with("animated") || name.starts_with("exif"))
            << name << " " << keep;
        continue;
      }
      EXPECT_EQ(image.error().kind, ErrorKind::bad_input);
      EXPECT_TRUE(image.error().message.starts_with(name)) << image.error().message;
      EXPECT_EQ(image.error().message.find('\n'), std::string::npos);
    }
  }
}

TEST(ImageDecode, ExifPhotographStandsUpright) {
  HEARTH_GOLDEN(jpeg, "preprocess/exif-orientation-6.jpg");
  HEARTH_GOLDEN(png, "preprocess/exif-orientation-6.png");
  auto got = load_image(jpeg), want = load_image(png);
  ASSERT_TRUE(got && want);
  ASSERT_EQ(got->width, 64);
  ASSERT_EQ(got->height, 96);
  for (std::size_t i = 0; i < want->rgb.size(); ++i)
    ASSERT_LE(std::abs(got->rgb[i] - want->rgb[i]), 2) << i;
}

TEST(ImageDecode, MissingFileAndFolder) {
  for (const char* name : {"no-such-file.png", "."}) {
    auto image = load_image(kImages / name);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().kind, ErrorKind::bad_input);
  }
}

}  // namespace
}  // namespace hearth
