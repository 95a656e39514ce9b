// The one translation unit of NEON with matrix instructions: everything but the table has internal
// linkage.
#include "kernels/i8mm/int_vec.h"
#include "kernels/int_gemm.h"
#include "kernels/isa_tables.h"
#include "kernels/neon/float_kernels.h"

namespace hearth::kernels {
namespace {

KernelTable make_table() {
  KernelTable table;
  table.isa = "i8mm";
  fill_float(table);
  fill_int_with<I8mmInt>(table);
  return table;
}

}  // namespace

const KernelTable& i8mm_kernels() {
  static const KernelTable table = make_table();
  return table;
}

}  // namespace hearth::kernels
