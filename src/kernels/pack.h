// From file blocks to panels: the one packed layout that every ISA reads (docs/PACKING.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "kernels/kernels.h"

namespace hearth::kernels {

/// Bytes of one packed panel of 16 rows × k values; a multiple of 64.
std::size_t panel_bytes(DType type, std::int64_t k);

/// Bytes of a panel of bf16 pairs (Panels::pairs), and its packing from rows of bf16.
std::size_t pair_panel_bytes(std::int64_t k);
void pack_pairs(const std::byte* const rows[kPanelRows], std::int64_t k, std::byte* panel);

/// Packs 16 rows of k values of the file's dtype. rows[i] may be null: a row of zeros. Rows come as
/// pointers, so a permutation (GGUF stores the rows of Q and K interleaved) costs nothing.
void pack_panel(DType type, const std::byte* const rows[kPanelRows], std::int64_t k,
                std::byte* panel);

}  // namespace hearth::kernels
