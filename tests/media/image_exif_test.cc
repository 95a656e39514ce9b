#include "media/image_exif.h"

#include <gtest/gtest.h>

#include <string>

namespace hearth {
namespace {

std::span<const std::uint8_t> bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

using codec::exif_orientation;

const std::string kMotorola("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0", 22);
const std::string kIntel("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0", 22);

TEST(ImageExif, BothByteOrdersWithAndWithoutPrefix) {
  EXPECT_EQ(exif_orientation(bytes(kMotorola)), 6);
  EXPECT_EQ(exif_orientation(bytes(kIntel)), 8);
  EXPECT_EQ(exif_orientation(bytes(std::string("Exif\0\0", 6) + kMotorola)), 6);
}

TEST(ImageExif, AnythingElseIsUpright) {
  EXPECT_EQ(exif_orientation({}), 1);
  EXPECT_EQ(exif_orientation(bytes("not a TIFF block at all")), 1);
  for (std::size_t n = 0; n < kMotorola.size(); ++n)
    EXPECT_EQ(exif_orientation(bytes(kMotorola.substr(0, n))), 1) << n;
  std::string far = kIntel;
  for (char offset : {'\x7f', '\xff'}) {  // a directory past the end
    far[4] = far[5] = far[6] = far[7] = offset;
    EXPECT_EQ(exif_orientation(bytes(far)), 1);
  }
  std::string many = kIntel;  // 65,535 entries promised, none of them ours
  many[8] = many[9] = '\xff', many[10] = 0;
  EXPECT_EQ(exif_orientation(bytes(many)), 1);
  std::string nine = kMotorola;
  nine[19] = 9;
  EXPECT_EQ(exif_orientation(bytes(nine)), 1);
}

TEST(ImageExif, EightOrientations) {
  // 3 x 2 pixels as stored:  a b c
  //                          d e f
  Image stored{3, 2, {}};
  for (char name : std::string("abcdef")) stored.rgb.insert(stored.rgb.end(), 3, name);
  const char* upright[] = {"abcdef", "cbafed", "fedcba", "defabc",
                           "adbecf", "daebfc", "fcebda", "cfbead"};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image image = codec::apply_orientation(stored, orientation);
    EXPECT_EQ(image.width, orientation >= 5 ? 2 : 3);
    EXPECT_EQ(image.height, orientation >= 5 ? 3 : 2);
    std::string names;
    for (std::size_t i = 0; i < image.rgb.size(); i += 3) names += image.rgb[i];
    EXPECT_EQ(names, upright[orientation - 1]) << orientation;
  }
}

TEST(ImageExif, LargeTurnsKeepEveryPixel) {
  Image image{70, 45, {}};
  for (int i = 0; i < 70 * 45 * 3; ++i) image.rgb.push_back(static_cast<std::uint8_t>(i * 31 >> 3));
  for (int orientation = 2; orientation <= 8; ++orientation) {
    const int back = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
    const Image turned = codec::apply_orientation(image, orientation);
    EXPECT_EQ(codec::apply_orientation(turned, back).rgb, image.rgb) << orientation;
  }
}

}  // namespace
}  // namespace hearth
