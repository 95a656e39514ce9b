#include "media/resample.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <random>

#include "base/check.h"
#include "base/files.h"
#include "base/hash.h"
#include "formats/json.h"
#include "support/data.h"

namespace hearth {
namespace {

constexpr Resample kFilters[] = {Resample::pillow_lanczos, Resample::pillow_bicubic,
                                 Resample::pillow_bilinear, Resample::torchvision_bicubic};

Image random_image(int width, int height, unsigned seed) {
  std::mt19937 random(seed);
  Image image{width, height, std::vector<std::uint8_t>(std::size_t(width) * height * 3)};
  // Black, white and grey: overshoot on both sides is clamped.
  for (auto& v : image.rgb)
    v = static_cast<std::uint8_t>(random() % 4 ? random() : 255 * (random() % 2));
  return image;
}

TEST(Resample, TinyPicturesEqualPillow) {
  HEARTH_GOLDEN(path, "preprocess/synthetic.json");
  const Json golden = *parse_json(*read_file(path), path.string());
  for (const Json& want : golden["tiny"]) {
    const int w = want["src_w"], h = want["src_h"];
    Image image{w, h, {}};
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x)
        for (int c = 0; c < 3; ++c)
          image.rgb.push_back(static_cast<std::uint8_t>(37 * x + 91 * y + 53 * c +
                                                        7 * ((x * y) >> 3) + 3 * ((x ^ y) & 31)));
    const int out_w = want["dst_w"], out_h = want["dst_h"];
    SCOPED_TRACE(std::to_string(out_w) + "x" + std::to_string(out_h));
    EXPECT_EQ(Json(resize(image, out_w, out_h, Resample::pillow_lanczos).rgb), want["lanczos"]);
    EXPECT_EQ(Json(resize(image, out_w, out_h, Resample::pillow_bicubic).rgb), want["bicubic"]);
    EXPECT_EQ(Json(resize(image, out_w, out_h, Resample::pillow_bilinear).rgb), want["bilinear"]);
  }
}

TEST(Resample, TorchvisionEqualsASecondImplementation) {
  // Made by tests/data/images/make.py, from the description of ATen's kernel.
  const auto folder = std::filesystem::path(HEARTH_TEST_DATA) / "images";
  const Json golden = *parse_json(*read_file(folder / "torchvision.json"), "torchvision.json");
  EXPECT_EQ(golden.size(), 8u);
  for (const Json& want : golden) {
    const Image image = *load_image(folder / want["file"].get<std::string>());
    const Image got =
        resize(image, want["size"][0], want["size"][1], Resample::torchvision_bicubic);
    char hex[9];
    std::snprintf(hex, sizeof hex, "%08x", crc32(std::as_bytes(std::span(got.rgb))));
    EXPECT_EQ(Json(hex), want["crc"]) << want;
  }
}

TEST(Resample, OneColourStaysThatColour) {
  for (Resample filter : kFilters)
    for (int v : {0, 1, 127, 254, 255}) {
      const Image image{7, 3, std::vector<std::uint8_t>(63, static_cast<std::uint8_t>(v))};
      for (auto [w, h] : {std::pair{1, 1}, {7, 9}, {40, 3}, {100, 61}})
        for (auto got : resize(image, w, h, filter).rgb) ASSERT_EQ(got, v);
    }
}

TEST(Resample, SameSizeIsACopy) {
  const Image image = random_image(33, 12, 1);
  for (Resample filter : kFilters) EXPECT_EQ(resize(image, 33, 12, filter).rgb, image.rgb);
}

/// The definition, one sample at a time.
Image by_definition(const Image& in, int width, int height, Resample filter) {
  auto pass = [](const Taps& taps, auto&& sample, int i) {
    std::int64_t sum = std::int64_t{1} << (taps.bits - 1);
    const auto& span = taps.outputs[i];
    for (int t = 0; t < span.count; ++t)
      sum += std::int64_t{taps.weights[span.weights + t]} * sample(span.first + t);
    return static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum >> taps.bits, 0, 255));
  };
  Image rows{width, in.height, {}}, out{width, height, {}};
  const Taps across = make_taps(in.width, width, filter);
  for (int y = 0; y < in.height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        rows.rgb.push_back(pass(
            across, [&](int i) { return in.rgb[(y * in.width + i) * 3 + c]; }, x));
  const Taps down = make_taps(in.height, height, filter);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        out.rgb.push_back(pass(
            down, [&](int i) { return rows.rgb[(i * width + x) * 3 + c]; }, y));
  return out;
}

TEST(Resample, FastLoopsEqualTheDefinition) {
  unsigned seed = 0;
  for (auto [w, h, out_w, out_h] : {std::array{1, 1, 5, 4},
                                    {13, 21, 9, 40},
                                    {64, 17, 11, 9},
                                    {11, 9, 64, 17},
                                    {100, 8, 33, 1},
                                    {3, 50, 300, 7}})
    for (Resample filter : kFilters) {
      const Image image = random_image(w, h, ++seed);
      const Image want = by_definition(image, out_w, out_h, filter);
      EXPECT_EQ(resize(image, out_w, out_h, filter).rgb, want.rgb) << w << "x" << h;
      EXPECT_EQ(resize_plain(image, out_w, out_h, filter).rgb, want.rgb) << w << "x" << h;
    }
}

TEST(Resample, Int16WeightsUseAllTheirBits) {
  for (auto [in, out] : {std::pair{640, 512}, {4032, 1536}, {100, 2048}, {2048, 512}}) {
    const Taps taps = make_taps(in, out, Resample::torchvision_bicubic);
    const int largest = *std::max_element(taps.weights.begin(), taps.weights.end());
    EXPECT_LT(largest, 1 << 15);
    if (taps.bits < 22) {
      EXPECT_GE(2 * largest + 1, (1 << 15) - 1);
    }
    // Nearly the 22-bit result: a level or two at most.
    const Image image = random_image(in / 4, 3, 7);
    const Image a = resize(image, out / 4, 3, Resample::torchvision_bicubic);
    const Image b = resize(image, out / 4, 3, Resample::pillow_bicubic);
    for (std::size_t i = 0; i < a.rgb.size(); ++i) ASSERT_LE(std::abs(a.rgb[i] - b.rgb[i]), 1);
  }
}

TEST(Resample, SizesAreChecked) {
  const Image image{1, 1, {1, 2, 3}};
  EXPECT_THROW(resize(image, 0, 5, Resample::pillow_lanczos), CheckFailure);
  EXPECT_THROW(resize(image, 5, -1, Resample::pillow_lanczos), CheckFailure);
}

}  // namespace
}  // namespace hearth
