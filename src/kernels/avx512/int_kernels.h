// The integer rows of the kernel table in AVX-512 with VNNI.
#pragma once

#include "kernels/avx512/int_vec.h"
#include "kernels/int_gemm.h"

namespace hearth::kernels {
namespace {

inline void fill_int(KernelTable& table) { fill_int_with<Avx512Int>(table); }

}  // namespace
}  // namespace hearth::kernels
