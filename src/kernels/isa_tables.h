// The one symbol that each ISA's translation unit exports. Rows may be null: the registry fills
// them from the reference.
#pragma once

#include "kernels/kernels.h"

namespace hearth::kernels {

const KernelTable& avx2_kernels();
const KernelTable& avxvnni_kernels();
const KernelTable& avx512vl_kernels();  ///< AVX-VNNI's source, for its tests
const KernelTable& avx512_kernels();
const KernelTable& avx512bf16_kernels();  ///< one more row for AVX-512
const KernelTable& neon_kernels();
const KernelTable& i8mm_kernels();

}  // namespace hearth::kernels
