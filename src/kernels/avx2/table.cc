// The one translation unit of this ISA: everything but the table has internal linkage.
#include "kernels/avx2/float_kernels.h"
#include "kernels/avx2/int_kernels.h"
#include "kernels/isa_tables.h"

namespace hearth::kernels {
namespace {

KernelTable make_table() {
  KernelTable table;
  table.isa = "avx2";
  fill_float(table);
  fill_int(table);
  return table;
}

}  // namespace

const KernelTable& avx2_kernels() {
  static const KernelTable table = make_table();
  return table;
}

}  // namespace hearth::kernels
