// What `hearth debug preprocess` prints: sizes and CRC-32s of every stage, for parity work.
#pragma once

#include "formats/json.h"
#include "media/vision_preprocess.h"

namespace hearth {

/// longest_edge, tile, stage1, stage1_crc, stage2, stage2_crc, rows, cols, tiles, global_crc,
/// no_split_crc (the single view that the picture would be without splitting). A CRC is zlib's, of
/// the RGB bytes row by row, as eight hex digits.
Json preprocess_report(const Image& image, const VisionPreprocess& config);

}  // namespace hearth
