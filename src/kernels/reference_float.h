// The scalar specification of the float rows of the kernel table.
#pragma once

#include "kernels/kernels.h"

namespace hearth::kernels {

/// Sets gemm_float, attend, kv_append, the norms, softmax, rope and the elementwise rows.
void fill_reference_float(KernelTable& table);

}  // namespace hearth::kernels
