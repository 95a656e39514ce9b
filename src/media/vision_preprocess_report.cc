#include "media/vision_preprocess_report.h"

#include <cstdio>

#include "base/hash.h"

namespace hearth {
namespace {

std::string crc_hex(const Image& image) {
  char hex[9];
  std::snprintf(hex, sizeof hex, "%08x", crc32(std::as_bytes(std::span(image.rgb))));
  return hex;
}

}  // namespace

Json preprocess_report(const Image& image, const VisionPreprocess& config) {
  const TiledImage tiled = tile_image(image, config);
  VisionPreprocess single = config;
  single.split = false;
  const std::size_t grid = tiled.tiles.size() - 1;

  Json report;
  report["longest_edge"] = config.longest_edge;
  report["tile"] = config.tile;
  report["stage1"] = {tiled.stage1.width, tiled.stage1.height};
  report["stage1_crc"] = crc_hex(tiled.stage1);
  report["stage2"] = {tiled.stage2.width, tiled.stage2.height};
  report["stage2_crc"] = crc_hex(tiled.stage2);
  report["rows"] = tiled.plan.rows;
  report["cols"] = tiled.plan.cols;
  report["tiles"] = Json::array();
  for (std::size_t i = 0; i < grid; ++i) report["tiles"].push_back(crc_hex(tiled.tiles[i]));
  report["global_crc"] = crc_hex(tiled.tiles.back());
  report["no_split_crc"] = crc_hex(tile_image(image, single).tiles.back());
  return report;
}

}  // namespace hearth
