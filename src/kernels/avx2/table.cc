// The one translation unit of this ISA: everything but the table has internal linkage.
#include "kernels/isa_tables.h"

#if __has_include("kernels/avx2/float_kernels.h")
#include "kernels/avx2/float_kernels.h"
#define HEARTH_FILL_FLOAT
#endif
#if __has_include("kernels/avx2/int_kernels.h")
#include "kernels/avx2/int_kernels.h"
#define HEARTH_FILL_INT
#endif

namespace hearth::kernels {
namespace {

KernelTable make_table() {
  KernelTable table;
  table.isa = "avx2";
#ifdef HEARTH_FILL_FLOAT
  fill_float(table);
#endif
#ifdef HEARTH_FILL_INT
  fill_int(table);
#endif
  return table;
}

}  // namespace

const KernelTable& avx2_kernels() {
  static const KernelTable table = make_table();
  return table;
}

}  // namespace hearth::kernels
