// The picture entry: any bytes → decoder → plan → a small resize. Limits are low so that the
// fuzzer looks for bugs, not for memory.
#include <algorithm>

#include "media/image.h"
#include "media/vision_preprocess.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  const ImageLimits limits{.pixels = 1 << 16, .edge = 1 << 14};
  auto image = decode_image(std::as_bytes(std::span(data, size)), "fuzz", limits);
  if (!image) return 0;

  const std::uint64_t pixels = std::uint64_t(image->width) * image->height;
  if (image->width < 1 || image->height < 1 || pixels > limits.pixels) __builtin_trap();
  if (image->rgb.size() != pixels * 3) __builtin_trap();

  VisionPreprocess config;
  config.longest_edge = 128 + data[size / 2] % 64;
  config.tile = 32;
  config.max_tiles = data[size - 1] % 8 - 1;
  config.no_upscale = data[size / 3] & 1;
  config.mode = data[size / 3] & 2 ? PreprocessMode::hf_torchvision : PreprocessMode::hf_pil;
  const TiledImage tiled = tile_image(*image, config);
  if (static_cast<int>(tiled.tiles.size()) != tiled.plan.tiles()) __builtin_trap();
  if (config.max_tiles > 0 && tiled.plan.rows * tiled.plan.cols > config.max_tiles)
    __builtin_trap();
  return 0;
}
