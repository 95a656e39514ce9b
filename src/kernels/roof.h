// What this machine can do at most with the instructions of one ISA, measured: the yardstick of the
// benchmarks.
#pragma once

#include "kernels/kernels.h"

namespace hearth::kernels {

/// All threads of the pool together; 0: not known (the reference kernels have no roof).
struct Roof {
  double int8_gops = 0;    ///< int8 multiply-adds counted as two operations, in registers
  double bf16_gflops = 0;  ///< 0: the table has no such product
  double f32_gflops = 0;   ///< fused multiply-adds counted as two operations, in registers
  double read_gbs = 0;     ///< reading memory far larger than the caches
};

/// Takes about a second and 256 MB of memory.
Roof measure_roof(const KernelTable& table, int threads);

}  // namespace hearth::kernels
