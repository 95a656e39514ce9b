#include "media/vision_preprocess.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdio>
#include <limits>

#include "base/files.h"
#include "base/hash.h"
#include "media/vision_preprocess_report.h"
#include "support/data.h"

namespace hearth {
namespace {

Json read_json(const std::filesystem::path& path) {
  return *parse_json(*read_file(path), path.string());
}

Json crc(const Image& image) {
  char hex[9];
  std::snprintf(hex, sizeof hex, "%08x", crc32(std::as_bytes(std::span(image.rgb))));
  return hex;
}

/// The pictures that synthetic.json's note describes.
Image synthetic(const std::string& kind, int w, int h) {
  Image image{w, h, {}};
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) {
      const int smooth[] = {x * 255 / std::max(w - 1, 1), y * 255 / std::max(h - 1, 1),
                            (x + y) * 255 / std::max(w + h - 2, 1)};
      for (int c = 0; c < 3; ++c) {
        const int noise = 37 * x + 91 * y + 53 * c + 7 * ((x * y) >> 3) + 3 * ((x ^ y) & 31);
        image.rgb.push_back(static_cast<std::uint8_t>(kind == "noise" ? noise : smooth[c]));
      }
    }
  return image;
}

VisionPreprocess preset(int longest_edge, int tile) {
  VisionPreprocess config;
  config.longest_edge = longest_edge;
  config.tile = tile;
  return config;
}

TEST(VisionPreprocess, SyntheticPicturesEqualPillow) {
  HEARTH_GOLDEN(path, "preprocess/synthetic.json");
  const Json golden = read_json(path);
  ASSERT_EQ(golden["cases"].size(), 44u);
  for (const Json& want : golden["cases"]) {
    const int w = want["w"], h = want["h"], tile = want["T"];
    SCOPED_TRACE(want["gen"].get<std::string>() + " " + std::to_string(w) + "x" +
                 std::to_string(h) + " tile " + std::to_string(tile));
    const Image image = synthetic(want["gen"], w, h);
    const Json got = preprocess_report(image, preset(want["L"], tile));
    EXPECT_EQ(got["stage1"], want["stage1"]);
    EXPECT_EQ(got["stage1_crc"], want["crc1"]);
    EXPECT_EQ(got["stage2"], want["stage2"]);
    EXPECT_EQ(got["stage2_crc"], want["crc2"]);
    EXPECT_EQ(got["rows"], want["rows"]);
    EXPECT_EQ(got["cols"], want["cols"]);
    EXPECT_EQ(got["tiles"], want["tiles"]);
    EXPECT_EQ(got["global_crc"], want["global"]);
    EXPECT_EQ(got["no_split_crc"], want["nosplit"]);
    const int frame_w = want["frame_size"][0], frame_h = want["frame_size"][1];
    auto frame = [&](Resample filter) {
      return crc(resize(resize(image, frame_w, frame_h, filter), tile, tile, filter));
    };
    EXPECT_EQ(frame(Resample::pillow_lanczos), want["frame_lanczos"]);
    EXPECT_EQ(frame(Resample::pillow_bicubic), want["frame_pil_bicubic"]);
  }
}

TEST(VisionPreprocess, RealPicturesEqualPillow) {
  HEARTH_GOLDEN(path, "preprocess/cases.json");
  const Json golden = read_json(path);
  int seen = 0;
  for (const Json& picture : golden["images"]) {
    const std::string file = picture["file"];
    SCOPED_TRACE(file);
    const auto image_path = test::golden("preprocess/" + file);
    if (image_path.empty()) continue;  // third-party pictures are not part of the repository
    ++seen;
    auto image = load_image(image_path);
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(crc(*image), picture["rgb_crc"]);
    for (const Json& want : picture["settings"])
      EXPECT_EQ(preprocess_report(*image, preset(want["longest_edge"], want["tile"])), want);
  }
  if (seen == 0) GTEST_SKIP() << "the pictures of preprocess/cases.json are not here";
}

TEST(VisionPreprocess, NormalisationIsBitEqualToBothProcessors) {
  HEARTH_GOLDEN(path, "preprocess/synthetic.json");
  const Json golden = read_json(path);
  Image ramp{256, 1, {}};
  for (int v = 0; v < 256; ++v) ramp.rgb.insert(ramp.rgb.end(), 3, static_cast<std::uint8_t>(v));
  const std::pair<PreprocessMode, const char*> modes[] = {
      {PreprocessMode::hf_pil, "norm_lut_slow_bits"},
      {PreprocessMode::hf_torchvision, "norm_lut_fast_bits"}};
  for (auto [mode, name] : modes) {
    VisionPreprocess config;
    config.mode = mode;
    std::vector<float> chw(3 * 256);
    normalise(ramp, config, chw.data());
    for (std::size_t i = 0; i < chw.size(); ++i) {
      char hex[9];
      std::snprintf(hex, sizeof hex, "%08x", std::bit_cast<std::uint32_t>(chw[i]));
      ASSERT_EQ(Json(hex), golden[name][i % 256]) << name << " " << i;
    }
  }
}

TEST(VisionPreprocess, NormalisedChannelsStandApart) {
  const Image pixel{2, 1, {0, 128, 255, 255, 128, 0}};
  VisionPreprocess config;
  config.mean[2] = 0, config.std[2] = 1;
  float chw[6];
  normalise(pixel, config, chw);
  EXPECT_EQ(chw[0], -1);
  EXPECT_EQ(chw[1], 1);
  EXPECT_EQ(chw[2], chw[3]);
  EXPECT_EQ(chw[4], 1);
  EXPECT_EQ(chw[5], 0);
}

struct Grid {
  int rows, cols;
  bool operator==(const Grid&) const = default;
};
void PrintTo(Grid grid, std::ostream* out) { *out << grid.rows << "x" << grid.cols; }

Grid grid(int width, int height, const VisionPreprocess& config) {
  const TilePlan plan = plan_tiles(width, height, config);
  return {plan.rows, plan.cols};
}

TEST(VisionPreprocess, GridsOfThePublishedModels) {
  // The results table of the specification (§2.3); both model sizes agree.
  struct Case {
    int width, height;
    Grid grid;
  };
  const Case cases[] = {{640, 480, {3, 4}},   {960, 720, {3, 4}},   {1024, 768, {3, 4}},
                        {1280, 720, {3, 4}},  {1920, 1080, {3, 4}}, {3840, 2160, {3, 4}},
                        {4032, 3024, {3, 4}}, {595, 842, {4, 3}},   {1240, 1754, {4, 3}},
                        {1080, 1920, {4, 3}}, {3024, 4032, {4, 3}}, {386, 386, {4, 4}},
                        {100, 80, {4, 4}},    {1000, 500, {2, 4}},  {3001, 17, {1, 4}}};
  for (const Case& c : cases)
    for (auto config : {preset(2048, 512), preset(1536, 384)})
      EXPECT_EQ(grid(c.width, c.height, config), c.grid) << c.width << "x" << c.height;
}

TEST(VisionPreprocess, SkewedPicturesKeepOnePixel) {
  for (auto [w, h] : {std::pair{1, 100000}, {100000, 1}, {1, 1}, {2, 99999}, {1000000, 1}}) {
    const TilePlan plan = plan_tiles(w, h, preset(2048, 512));
    EXPECT_GE(std::min(plan.stage1_width, plan.stage1_height), 1);
    EXPECT_EQ(std::max(plan.stage1_width, plan.stage1_height), 2048);
  }
  const Image strip{1, 100000, std::vector<std::uint8_t>(300000, 77)};
  const TiledImage tiled = tile_image(strip, preset(2048, 512));
  EXPECT_EQ(tiled.tiles.size(), 5u);
  for (const Image& tile : tiled.tiles) EXPECT_EQ(tile.rgb, std::vector<std::uint8_t>(786432, 77));
}

TEST(VisionPreprocess, WithoutSplittingOneView) {
  VisionPreprocess config = preset(2048, 512);
  config.split = false;
  const TiledImage tiled = tile_image(synthetic("noise", 100, 80), config);
  EXPECT_EQ(tiled.plan.tiles(), 1);
  ASSERT_EQ(tiled.tiles.size(), 1u);
  EXPECT_EQ(tiled.tiles[0].width, 512);
  EXPECT_EQ(crc(tiled.stage1), "f0ba74e2");    // synthetic.json, noise 100x80
  EXPECT_EQ(crc(tiled.tiles[0]), "d8e6cd08");  // its "nosplit"
}

TEST(VisionPreprocess, NoUpscaleStopsAtThePicture) {
  VisionPreprocess config = preset(2048, 512);
  config.no_upscale = true;
  EXPECT_EQ(plan_tiles(386, 386, config).tiles(), 1);
  EXPECT_EQ(plan_tiles(386, 386, config).stage1_width, 512);
  EXPECT_EQ(grid(512, 512, config), (Grid{0, 0}));
  EXPECT_EQ(grid(513, 513, config), (Grid{2, 2}));
  EXPECT_EQ(grid(1000, 500, config), (Grid{1, 2}));
  EXPECT_EQ(grid(1537, 1537, config), (Grid{4, 4}));
  EXPECT_EQ(grid(4032, 3024, config), (Grid{3, 4}));  // larger pictures come out as before
}

TEST(VisionPreprocess, MaxTilesTakesTheLargestEdgeThatFits) {
  VisionPreprocess config = preset(2048, 512);
  auto with = [&](int n, int w, int h) {
    config.max_tiles = n;
    return plan_tiles(w, h, config);
  };
  EXPECT_EQ(grid(640, 480, (config.max_tiles = 12, config)), (Grid{3, 4}));
  EXPECT_EQ(with(11, 640, 480).stage1_width, 1536);  // 3x3 = 9: rows are rounded up
  EXPECT_EQ(grid(640, 480, config), (Grid{3, 3}));
  EXPECT_EQ(with(8, 640, 480).stage1_width, 1024);
  EXPECT_EQ(grid(640, 480, config), (Grid{2, 2}));
  EXPECT_EQ(with(3, 640, 480).tiles(), 1);  // 512: nothing is left to split
  EXPECT_EQ(with(1000, 640, 480).stage1_width, 2048);
  const TilePlan global_only = with(0, 640, 480);
  EXPECT_EQ(global_only.tiles(), 1);
  EXPECT_EQ(global_only.stage1_width, 2048);  // as with do_image_splitting false
  EXPECT_EQ(global_only.stage2_width, 512);
  config.no_upscale = true;
  EXPECT_EQ(with(4, 1100, 1100).stage1_width, 1024);
}

TEST(VisionPreprocess, NumbersFromFilesAreChecked) {
  EXPECT_TRUE(validate({}, "f"));
  EXPECT_TRUE(validate(preset(1536, 384), "f"));
  for (auto [edge, tile] :
       {std::pair{0, 512}, {-1, 512}, {70000, 512}, {2048, 0}, {2048, 5000}, {2048, 16}}) {
    const Status status = validate(preset(edge, tile), "f");
    ASSERT_FALSE(status) << edge << " " << tile;
    EXPECT_TRUE(status.error().message.starts_with("f: the ")) << status.error().message;
  }
  VisionPreprocess config;
  config.std[1] = 0;
  EXPECT_FALSE(validate(config, "f"));
  config.std[1] = 0.5f, config.mean[2] = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(validate(config, "f"));
  // The extremes that it lets through are safe to plan with.
  for (auto c : {preset(65536, 4096), preset(4095, 64), preset(1, 1), preset(64, 1)}) {
    ASSERT_TRUE(validate(c, "f"));
    for (auto [w, h] : {std::pair{1, 1}, {1000000, 1}, {1, 1000000}, {10000, 9999}})
      EXPECT_LE(plan_tiles(w, h, c).tiles(), 65 * 65 + 1);
  }
}

TEST(VisionPreprocess, TorchvisionModeKeepsSizesAndChangesPixels) {
  VisionPreprocess config = preset(1536, 384);
  const Image image = synthetic("noise", 100, 80);
  const TiledImage pil = tile_image(image, config);
  config.mode = PreprocessMode::hf_torchvision;
  const TiledImage torch = tile_image(image, config);
  EXPECT_EQ(pil.tiles.size(), torch.tiles.size());
  EXPECT_EQ(torch.stage1.height, pil.stage1.height);
  EXPECT_NE(torch.stage1.rgb, pil.stage1.rgb);
  EXPECT_EQ(torch.stage1.rgb, resize(image, 1536, 1228, Resample::torchvision_bicubic).rgb);
}

}  // namespace
}  // namespace hearth
