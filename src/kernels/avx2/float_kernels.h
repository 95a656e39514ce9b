// The float rows of the kernel table in AVX2: the shared algorithms over its vector words.
#pragma once

#include "kernels/avx2/float_vec.h"
#include "kernels/fill_float.h"

namespace hearth::kernels {
namespace {

inline void fill_float(KernelTable& table) { fill_float_with<Avx2Float>(table); }

}  // namespace
}  // namespace hearth::kernels
