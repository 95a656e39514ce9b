// Speed of the matrix products, one thread, beside the measured roofs of this machine.
//   kernels_bench [--isa NAME] [--type NAME] [--m N] [--k N] [--n N]
// Products with many rows are compared with the arithmetic roof, single rows over a large matrix
// with the memory's. Least of many runs.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/blocks.h"
#include "kernels/kernels.h"
#include "kernels/pack.h"
#include "kernels/roof.h"
#include "timing.h"

namespace hearth::bench {
namespace {

using kernels::KernelTable;
using kernels::kPanelRows;
using kernels::Panels;

struct Options {
  const char* isa = nullptr;
  std::string type;
  std::int64_t m = 0, k = 0, n = 0;
};

/// A packed weight [n, k]: every panel is a copy of one, the time is the same.
struct Weight {
  Weight(DType type, std::int64_t n, std::int64_t k) {
    panels.type = type, panels.n = n, panels.k = k;
    panels.panel_bytes = kernels::panel_bytes(type, k);
    bytes = panels.panel_bytes * static_cast<std::size_t>(panels.panels());
    data = HugeArena().allocate(bytes);  // as the engine has them
    panels.data = data.get();
    std::vector<float> row(static_cast<std::size_t>(k));
    std::vector<std::byte> file(row_bytes(type, row.size()));
    const std::byte* rows[kPanelRows];
    for (auto& r : rows) r = file.data();
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i * 37 % 101) - 50;
    quantise_row(type, row.data(), file.data(), row.size());
    kernels::pack_panel(type, rows, k, data.get());
    for (std::size_t at = panels.panel_bytes; at < bytes; at += panels.panel_bytes)
      std::memcpy(data.get() + at, data.get(), panels.panel_bytes);
  }
  Panels panels;
  std::shared_ptr<std::byte> data;
  std::size_t bytes = 0;
};

/// Rows of activations, as f32 and as q8a.
struct Rows {
  Rows(const KernelTable& table, std::int64_t m, std::int64_t k)
      : plain(static_cast<std::size_t>(m * k)),
        stride(kernels::q8a_row_bytes(k)),
        quantised(aligned_bytes(static_cast<std::size_t>(m) * stride)) {
    for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<float>(i * 29 % 61) - 30;
    for (std::int64_t r = 0; r < m; ++r)
      table.quantise_q8a(plain.data() + r * k, k,
                         quantised.get() + static_cast<std::size_t>(r) * stride, 0, k);
  }
  std::vector<float> plain;
  std::size_t stride;
  AlignedBytes quantised;
};

double product_seconds(const KernelTable& table, const Weight& w, std::int64_t m) {
  const Rows a(table, m, w.panels.k);
  std::vector<float> out(static_cast<std::size_t>(m * w.panels.n));
  return best_seconds(0.3, [&] {
    if (is_quantised(w.panels.type))
      table.gemm_quant(w.panels, 0, w.panels.panels(), a.quantised.get(), a.stride, m, out.data(),
                       w.panels.n);
    else
      table.gemm_float(w.panels, 0, w.panels.panels(), a.plain.data(), w.panels.k, m, out.data(),
                       w.panels.n);
  });
}

void bench_product(const KernelTable& table, const kernels::Roof& roofs, DType type, std::int64_t m,
                   std::int64_t n, std::int64_t k) {
  const Weight w(type, n, k);
  const double seconds = product_seconds(table, w, m);
  const double gops = 2e-9 * static_cast<double>(m * n * k) / seconds;
  const double gbs = 1e-9 * static_cast<double>(w.bytes) / seconds;
  const double roof = is_quantised(type) ? roofs.int8_gops : roofs.f32_gflops;
  std::printf("%-7s %5lld %6lld %6lld %9.3f ms %8.1f GOPS %5.1f %% %7.2f GB/s %5.1f %%\n",
              name_of(type), static_cast<long long>(m), static_cast<long long>(n),
              static_cast<long long>(k), seconds * 1e3, gops, 100 * gops / roof, gbs,
              100 * gbs / roofs.read_gbs);
  std::fflush(stdout);
}

int run(const Options& options) {
  const KernelTable* table = kernels::find_kernels(options.isa);
  if (!table) return std::fprintf(stderr, "this machine has no kernels of that name\n"), 1;
  const kernels::Roof roofs = kernels::measure_roof(*table, 1);
  std::printf("%s: int8 %.0f GOPS, f32 %.0f GFLOPS, memory read %.1f GB/s (one thread)\n",
              table->isa, roofs.int8_gops, roofs.f32_gflops, roofs.read_gbs);
  std::printf("type        m      n      k\n");
  for (const DTypeInfo& info : kDTypes) {
    if (!options.type.empty() && options.type != info.name) continue;
    for (std::int64_t m : {1, 4, 16, 64, 256, 1024})
      for (std::int64_t k : options.k ? std::vector<std::int64_t>{options.k}
                                      : std::vector<std::int64_t>{576, 2048}) {
        if (options.m && options.m != m) continue;
        const std::int64_t whole = (k + info.block_elems - 1) / info.block_elems;
        // Single rows: a matrix far larger than the caches.
        const std::int64_t n = options.n ? options.n : m == 1 ? (std::int64_t{1} << 27) / k : 1536;
        bench_product(*table, roofs, info.type, m, n, whole * info.block_elems);
      }
  }
  return 0;
}

}  // namespace
}  // namespace hearth::bench

int main(int argc, char** argv) {
  hearth::bench::Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--isa") options.isa = argv[i + 1];
    if (name == "--type") options.type = argv[i + 1];
    if (name == "--m") options.m = std::atoll(argv[i + 1]);
    if (name == "--k") options.k = std::atoll(argv[i + 1]);
    if (name == "--n") options.n = std::atoll(argv[i + 1]);
  }
  return hearth::bench::run(options);
}
