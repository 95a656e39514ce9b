// The integer rows of the kernel table in NEON with dot products.
#pragma once

#include "kernels/int_gemm.h"
#include "kernels/neon/int_vec.h"

namespace hearth::kernels {
namespace {

inline void fill_int(KernelTable& table) { fill_int_with<NeonInt>(table); }

}  // namespace
}  // namespace hearth::kernels
