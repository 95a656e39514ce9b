// The float rows of the kernel table in NEON: the shared algorithms over its vector words.
#pragma once

#include "kernels/fill_float.h"
#include "kernels/neon/float_vec.h"

namespace hearth::kernels {
namespace {

inline void fill_float(KernelTable& table) { fill_float_with<NeonFloat>(table); }

}  // namespace
}  // namespace hearth::kernels
