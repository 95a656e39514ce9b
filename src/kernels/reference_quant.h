// The scalar specification of the integer rows of the kernel table.
#pragma once

#include "kernels/kernels.h"
#include "kernels/panel_layout.h"

namespace hearth::kernels {

/// One block of 32 values × 16 lanes of a packed panel, unpacked.
struct PanelBlock {
  std::int16_t code[kBlock][kPanelRows];  ///< less the zero point, levels looked up
  std::int16_t sub[2][kPanelRows];        ///< multiplies the dot product of each half; else 1
  float scale[kPanelRows];                ///< d, or d·sub rounded where one sub covers the block
  float min[2][kPanelRows];               ///< added once per value of each half
};

/// Block `index` (values 32·index …) of a panel of `k` values.
void unpack_block(DType type, const std::byte* panel, std::int64_t k, std::int64_t index,
                  PanelBlock& block);

/// Sets quantise_q8a and gemm_quant.
void fill_reference_int(KernelTable& table);

}  // namespace hearth::kernels
