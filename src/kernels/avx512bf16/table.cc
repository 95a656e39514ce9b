// The one translation unit of AVX512_BF16, an addition to AVX-512: one row. Everything but the
// table has internal linkage.
#include "kernels/avx512bf16/bf16_vec.h"
// The vocabulary first: the shared product finds its copy_row.
#include "kernels/float_gemm.h"
#include "kernels/isa_tables.h"

namespace hearth::kernels {
namespace {

void gemm_bf16(const Panels& w, std::int64_t p0, std::int64_t p1, const float* a, std::int64_t lda,
               std::int64_t m, float* out, std::int64_t ldo) {
  const auto* data = reinterpret_cast<const Bf16Pair*>(w.data);
  const auto panel = static_cast<std::int64_t>(w.panel_bytes / sizeof(Bf16Pair));
  const Sums y{out, ldo, w.n};
  const std::int64_t pairs = (w.k + 1) / 2, step = block_steps(pairs);
  for (std::int64_t p = p0; p < p1; p += kBlockPanels) {
    const std::int64_t end = p1 - p < kBlockPanels ? p1 : p + kBlockPanels;
    for (std::int64_t k0 = 0; k0 < pairs; k0 += step) {
      const std::int64_t k = pairs - k0 < step ? pairs - k0 : step;
      const std::int64_t values = w.k - 2 * k0 < 2 * k ? w.k - 2 * k0 : 2 * k;
      const PanelBlock<Bf16Pair> b{data + p * panel + k0 * kPanelRows, panel, p, end, k0, k};
      gemm_block<Avx512Bf16, Bf16Pair>(b, y, a + 2 * k0, lda, m, values);
    }
  }
}

KernelTable make_table() {
  KernelTable table;
  table.isa = "avx512";
  table.gemm_bf16 = gemm_bf16;
  table.has_bf16 = true;
  return table;
}

}  // namespace

const KernelTable& avx512bf16_kernels() {
  static const KernelTable table = make_table();
  return table;
}

}  // namespace hearth::kernels
