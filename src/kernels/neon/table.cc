// The one translation unit of this ISA: everything but the table has internal linkage.
#include "kernels/isa_tables.h"
#include "kernels/neon/float_kernels.h"
#include "kernels/neon/int_kernels.h"

namespace hearth::kernels {
namespace {

KernelTable make_table() {
  KernelTable table;
  table.isa = "neon";
  fill_float(table);
  fill_int(table);
  return table;
}

}  // namespace

const KernelTable& neon_kernels() {
  static const KernelTable table = make_table();
  return table;
}

}  // namespace hearth::kernels
