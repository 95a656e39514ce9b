// AVX-VNNI's source with the 256-bit instructions of AVX-512: for its tests on machines without
// AVX-VNNI. Everything but the table has internal linkage.
#include "kernels/avxvnni/make_table.h"
#include "kernels/isa_tables.h"

namespace hearth::kernels {

const KernelTable& avx512vl_kernels() {
  static const KernelTable table = make_table();
  return table;
}

}  // namespace hearth::kernels
