// The integer rows of the kernel table in AVX2.
#pragma once

#include "kernels/avx2/int_vec.h"
#include "kernels/int_gemm.h"

namespace hearth::kernels {
namespace {

inline void fill_int(KernelTable& table) { fill_int_with<Avx2Int>(table); }

}  // namespace
}  // namespace hearth::kernels
