// The Idefics3 / SmolVLM picture pipeline (transformers, image_processing_idefics3): stage-1
// resize, stage-2 resize to whole tiles, split, global view.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "media/image.h"

namespace hearth {

enum class PreprocessMode { hf_pil, hf_torchvision };

/// What preprocessor_config.json (or a mmproj file) and the user say.
struct VisionPreprocess {
  int longest_edge = 2048;  ///< L of stage 1, pixels
  int tile = 512;           ///< T, pixels
  bool split = true;        ///< do_image_splitting
  PreprocessMode mode = PreprocessMode::hf_pil;
  bool no_upscale = false;  ///< longest edge = min(L, the picture's rounded up to a tile)
  int max_tiles = -1;  ///< ≥ 1: largest longest edge with rows·cols ≤ N; 0: global view only
  float mean[3] = {0.5f, 0.5f, 0.5f};
  float std[3] = {0.5f, 0.5f, 0.5f};
};

/// Errors (`bad_input`, naming `where`): a file's numbers that no picture could be prepared with.
/// Loaders call this once; the functions below take a valid config.
Status validate(const VisionPreprocess& config, std::string_view where);

/// Sizes first (cheap), pixels second: a prompt can be laid out before anything is resized.
struct TilePlan {
  int stage1_width, stage1_height;
  int stage2_width, stage2_height;
  int rows, cols;  ///< 0, 0: one single (global) view
  int tiles() const { return rows * cols + 1; }
};
TilePlan plan_tiles(int width, int height, const VisionPreprocess& config);

struct TiledImage {
  TilePlan plan;
  Image stage1, stage2;
  std::vector<Image> tiles;  ///< T×T, row-major, the global view last
};
TiledImage tile_image(const Image& image, const VisionPreprocess& config);

/// One T×T tile as f32 CHW, normalised: bit-equal to the chosen processor (spec §2.2 d).
void normalise(const Image& tile, const VisionPreprocess& config, float* chw);

}  // namespace hearth
