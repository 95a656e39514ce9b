#include "media/vision_preprocess.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"

namespace hearth {
namespace {

struct Size {
  int width, height;
};

constexpr int kLargestStage1 = 4096;  // transformers' own cap

/// transformers' arithmetic, step by step in double: other orders give other grids for some sizes.
int scaled(int edge, double factor) { return static_cast<int>(edge * factor); }
int divided(int edge, double factor) { return static_cast<int>(edge / factor); }

/// The longer edge becomes `longest`; the other follows, made even, at least 1.
Size stage1_size(int width, int height, int longest) {
  const double aspect = static_cast<double>(width) / height;
  auto even = [](int edge) { return std::max(edge + edge % 2, 1); };
  Size size = width >= height ? Size{longest, even(divided(longest, aspect))}
                              : Size{even(scaled(longest, aspect)), longest};
  const double capped = static_cast<double>(size.width) / size.height;
  if (size.width >= size.height && size.width > kLargestStage1)
    size = {kLargestStage1, divided(kLargestStage1, capped)};
  else if (size.height > size.width && size.height > kLargestStage1)
    size = {scaled(kLargestStage1, capped), kLargestStage1};
  return {std::max(size.width, 1), std::max(size.height, 1)};
}

int whole_tiles(int edge, int tile) { return std::max((edge - 1) / tile + 1, 1) * tile; }

/// Both edges become multiples of the tile.
Size stage2_size(Size in, int tile) {
  const double aspect = static_cast<double>(in.width) / in.height;
  if (in.width >= in.height) {
    const int width = whole_tiles(in.width, tile);
    return {width, whole_tiles(divided(width, aspect), tile)};
  }
  const int height = whole_tiles(in.height, tile);
  return {whole_tiles(scaled(height, aspect), tile), height};
}

TilePlan plan_with_edge(int width, int height, int longest, int tile, bool split) {
  const Size stage1 = stage1_size(width, height, longest);
  const Size stage2 = split ? stage2_size(stage1, tile) : Size{tile, tile};
  TilePlan plan{stage1.width, stage1.height, stage2.width, stage2.height, 0, 0};
  if (stage2.width > tile || stage2.height > tile)
    plan.rows = stage2.height / tile, plan.cols = stage2.width / tile;
  return plan;
}

Image crop(const Image& image, int x, int y, int size) {
  Image out{size, size, std::vector<std::uint8_t>(static_cast<std::size_t>(size) * size * 3)};
  for (int row = 0; row < size; ++row)
    std::memcpy(&out.rgb[static_cast<std::size_t>(row) * size * 3],
                &image.rgb[(static_cast<std::size_t>(y + row) * image.width + x) * 3],
                static_cast<std::size_t>(size) * 3);
  return out;
}

Resample filter_of(const VisionPreprocess& config) {
  return config.mode == PreprocessMode::hf_torchvision ? Resample::torchvision_bicubic
                                                       : Resample::pillow_lanczos;
}

/// What an 8-bit value becomes, with each processor's own order of roundings.
float normalised(int value, PreprocessMode mode, float mean, float std) {
  if (mode == PreprocessMode::hf_torchvision)
    return (static_cast<float>(value) - mean * 255.0f) / (std * 255.0f);
  return (static_cast<float>(value * 0.00392156862745098) - mean) / std;
}

// Generous: published models have edges of 2048 and at most 4 tiles along one.
constexpr int kLongestEdge = 65536, kLargestTile = 4096, kMostTilesAlong = 64;

}  // namespace

Status validate(const VisionPreprocess& config, std::string_view where) {
  auto range = [&](const char* name, int value, int most) {
    return bad_input(std::string(where) + ": " + name + " is " + std::to_string(value) + ", 1 to " +
                     std::to_string(most) + " is expected");
  };
  if (config.longest_edge < 1 || config.longest_edge > kLongestEdge)
    return range("the longest edge of a picture", config.longest_edge, kLongestEdge);
  if (config.tile < 1 || config.tile > kLargestTile)
    return range("the edge of a tile", config.tile, kLargestTile);
  const int along = (std::min(config.longest_edge, kLargestStage1) - 1) / config.tile + 1;
  if (along > kMostTilesAlong)
    return range("the number of tiles along an edge", along, kMostTilesAlong);
  for (int c = 0; c < 3; ++c)
    if (!std::isfinite(config.mean[c]) || !std::isfinite(config.std[c]) || config.std[c] == 0)
      return bad_input(std::string(where) +
                       ": mean and std of a picture's channels must be finite, " +
                       "std not zero; found " + std::to_string(config.mean[c]) + " and " +
                       std::to_string(config.std[c]));
  return {};
}

TilePlan plan_tiles(int width, int height, const VisionPreprocess& config) {
  CHECK(width >= 1 && height >= 1 && config.longest_edge >= 1 && config.tile >= 1);
  const int tile = config.tile;
  int longest = config.longest_edge;
  if (config.no_upscale) {
    const int edge = std::max(width, height);
    if (edge < longest) longest = std::min(longest, whole_tiles(edge, tile));
  }
  const bool split = config.split && config.max_tiles != 0;
  TilePlan plan = plan_with_edge(width, height, longest, tile, split);
  if (config.max_tiles < 1) return plan;
  // Fewer tiles: smaller multiples of the tile, down to one that is a single view.
  for (longest = (longest - 1) / tile * tile;
       plan.rows * plan.cols > config.max_tiles && longest > 0; longest -= tile)
    plan = plan_with_edge(width, height, longest, tile, split);
  return plan;
}

TiledImage tile_image(const Image& image, const VisionPreprocess& config) {
  const Resample filter = filter_of(config);
  const int tile = config.tile;
  TiledImage out;
  out.plan = plan_tiles(image.width, image.height, config);
  out.stage1 = resize(image, out.plan.stage1_width, out.plan.stage1_height, filter);
  out.stage2 = resize(out.stage1, out.plan.stage2_width, out.plan.stage2_height, filter);
  for (int row = 0; row < out.plan.rows; ++row)
    for (int col = 0; col < out.plan.cols; ++col)
      out.tiles.push_back(crop(out.stage2, col * tile, row * tile, tile));
  out.tiles.push_back(resize(out.stage2, tile, tile, filter));
  return out;
}

void normalise(const Image& tile, const VisionPreprocess& config, float* chw) {
  const std::size_t pixels = static_cast<std::size_t>(tile.width) * tile.height;
  for (int c = 0; c < 3; ++c) {
    float values[256];
    for (int v = 0; v < 256; ++v)
      values[v] = normalised(v, config.mode, config.mean[c], config.std[c]);
    const std::uint8_t* from = tile.rgb.data() + c;
    for (std::size_t i = 0; i < pixels; ++i, from += 3) *chw++ = values[*from];
  }
}

}  // namespace hearth
