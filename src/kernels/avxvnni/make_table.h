// The table of AVX-VNNI: AVX2's float rows, integer rows of its own.
#pragma once

#include "kernels/avx2/float_kernels.h"
#include "kernels/avxvnni/int_vec.h"
#include "kernels/int_gemm.h"

namespace hearth::kernels {
namespace {

KernelTable make_table() {
  KernelTable table;
  table.isa = "avxvnni";
  fill_float(table);
  fill_int_with<AvxVnniInt>(table);
  return table;
}

}  // namespace
}  // namespace hearth::kernels
