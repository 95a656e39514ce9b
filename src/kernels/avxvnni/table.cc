// The one translation unit of this ISA: everything but the table has internal linkage.
#include "kernels/avxvnni/make_table.h"
#include "kernels/isa_tables.h"

namespace hearth::kernels {

const KernelTable& avxvnni_kernels() {
  static const KernelTable table = make_table();
  return table;
}

}  // namespace hearth::kernels
