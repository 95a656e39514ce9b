// Speed of gemm_float at the shapes of real models and of attend, one thread, beside the measured
// roofs of this machine.
//   float_bench [ISA]
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/arena.h"
#include "kernels/kernels.h"
#include "kernels/pack.h"
#include "kernels/roof.h"
#include "timing.h"

namespace hearth::bench {
namespace {

using kernels::Attend;
using kernels::KernelTable;
using kernels::Panels;

std::vector<float> values(std::size_t n) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(i * 7919 % 201) * 0.01f - 1.0f;
  return x;
}

struct Product {
  std::int64_t m, n, k;
};

void bench_product(const KernelTable& table, const kernels::Roof& roofs, DType type,
                   const Product& p) {
  Panels w;
  w.type = type, w.n = p.n, w.k = p.k;
  w.panel_bytes = kernels::panel_bytes(type, p.k);
  const std::size_t bytes = w.panel_bytes * static_cast<std::size_t>(w.panels());
  AlignedBytes weights = aligned_bytes(bytes);
  std::memset(weights.get(), 0x2c, bytes);  // small normal numbers in every type
  w.data = weights.get();
  const std::vector<float> a = values(static_cast<std::size_t>(p.m * p.k));
  std::vector<float> out(static_cast<std::size_t>(p.m * p.n));
  const double seconds = best_seconds(
      0.3, [&] { table.gemm_float(w, 0, w.panels(), a.data(), p.k, p.m, out.data(), p.n); });
  const double gflops = 2e-9 * static_cast<double>(p.m * p.n * p.k) / seconds;
  const double gbs = 1e-9 * static_cast<double>(bytes) / seconds;
  std::printf("%-4s %5lld %6lld %6lld %8.1f GFLOPS %5.1f %% %8.2f GB/s\n", name_of(type),
              static_cast<long long>(p.m), static_cast<long long>(p.n), static_cast<long long>(p.k),
              gflops, 100 * gflops / roofs.f32_gflops, gbs);
  std::fflush(stdout);
}

/// `queries` positions × `group` heads that share one KV head, at the end of `depth` positions.
struct AttendCase {
  const char* name;
  KvType type;
  int head_dim, group, queries, depth;
  bool causal;
};

/// Half pages lie as far apart as in a model of `kHeads` KV heads, so that a deep cache does not
/// fit into the processor's.
constexpr int kHeads = 3;

void bench_attend(const KernelTable& table, const kernels::Roof& roofs, const AttendCase& c) {
  const int pages = (c.depth + 63) / 64, rows = c.queries * c.group;
  const std::size_t half = kernels::kv_half_page_bytes(c.type, c.head_dim);
  const auto halves = static_cast<std::size_t>(2 * pages);
  AlignedBytes memory = aligned_bytes(half * halves * kHeads);
  const std::vector<float> value = values(static_cast<std::size_t>(c.head_dim));
  std::vector<const std::byte*> k_pages[kHeads], v_pages[kHeads];
  for (int head = 0; head < kHeads; ++head) {
    for (int p = 0; p < pages; ++p) {
      std::byte* k = memory.get() + half * 2 * static_cast<std::size_t>(p * kHeads + head);
      k_pages[head].push_back(k);
      v_pages[head].push_back(k + half);
      for (int slot = 0; slot < kernels::kPagePositions; ++slot)
        table.kv_append(c.type, c.head_dim, value.data(), value.data(), k, k + half, slot);
    }
  }
  const std::vector<float> q = values(static_cast<std::size_t>(rows * c.head_dim));
  std::vector<float> out(q.size());
  std::vector<const float*> q_rows;
  std::vector<float*> out_rows;
  std::vector<std::int32_t> begin(static_cast<std::size_t>(rows), 0), end;
  double pairs = 0;
  for (int r = 0; r < rows; ++r) {
    q_rows.push_back(q.data() + r * c.head_dim);
    out_rows.push_back(out.data() + r * c.head_dim);
    end.push_back(c.causal ? c.depth - c.queries + r / c.group + 1 : c.depth);
    pairs += end.back();
  }
  AlignedBytes scratch = aligned_bytes(kernels::attend_scratch_bytes(c.head_dim));
  Attend args;
  args.head_dim = c.head_dim;
  args.type = c.type;
  args.rows = rows;
  args.q = q_rows.data();
  args.out = out_rows.data();
  args.begin = begin.data();
  args.end = end.data();
  args.scale = 0.125f;
  args.scratch = scratch.get();
  const double seconds = best_seconds(0.3, [&] {
    for (int head = 0; head < kHeads; ++head) {
      args.k_pages = k_pages[head].data();
      args.v_pages = v_pages[head].data();
      table.attend(args);
    }
  });
  const double gflops = 4e-9 * pairs * c.head_dim * kHeads / seconds;
  const double gbs = 1e-9 * static_cast<double>(half * halves * kHeads) / seconds;
  std::printf("%-28s %9.1f us/head %8.1f GFLOPS %5.1f %% %7.2f GB/s %5.1f %%\n", c.name,
              seconds / kHeads * 1e6, gflops, 100 * gflops / roofs.f32_gflops, gbs,
              100 * gbs / roofs.read_gbs);
  std::fflush(stdout);
}

constexpr Product kProducts[] = {
    {1, 576, 576},     {1, 768, 3072},   {16, 576, 576},    {16, 576, 1536},  {16, 768, 3072},
    {256, 576, 576},   {256, 576, 1536}, {256, 768, 768},   {256, 768, 3072}, {1024, 576, 576},
    {1024, 576, 1536}, {1024, 768, 768}, {1024, 768, 3072},
};

constexpr AttendCase kAttends[] = {
    {"tower 1024x1024x64 f32", KvType::f32, 64, 1, 1024, 1024, false},
    {"tower 1024x1024x64 f16", KvType::f16, 64, 1, 1024, 1024, false},
    {"tower 729x729x72 f32", KvType::f32, 72, 1, 729, 729, false},
    {"prompt 512 causal x3 f16", KvType::f16, 64, 3, 512, 512, true},
    {"prompt 512 causal x3 q8_0", KvType::q8_0, 64, 3, 512, 512, true},
    {"prompt 512 causal x1 f16", KvType::f16, 64, 1, 512, 512, true},
    {"decode at 512 x3 f16", KvType::f16, 64, 3, 1, 512, true},
    {"decode at 512 x3 q8_0", KvType::q8_0, 64, 3, 1, 512, true},
    {"decode at 8192 x3 f32", KvType::f32, 64, 3, 1, 8192, true},
    {"decode at 8192 x3 f16", KvType::f16, 64, 3, 1, 8192, true},
    {"decode at 8192 x3 q8_0", KvType::q8_0, 64, 3, 1, 8192, true},
    {"decode at 8192 x1 f16", KvType::f16, 64, 1, 1, 8192, true},
    {"decode at 8192 x8 f16", KvType::f16, 64, 8, 1, 8192, true},
};

int run(const char* isa) {
  const KernelTable* table = kernels::find_kernels(isa);
  if (!table) return std::fprintf(stderr, "this machine has no kernels of that name\n"), 1;
  const kernels::Roof roofs = kernels::measure_roof(*table, 1);
  std::printf("%s: f32 %.0f GFLOPS, memory read %.1f GB/s (one thread)\n", table->isa,
              roofs.f32_gflops, roofs.read_gbs);
  std::printf("type     m      n      k\n");
  for (DType type : {DType::f32, DType::f16})
    for (const Product& p : kProducts) bench_product(*table, roofs, type, p);
  for (const AttendCase& c : kAttends) bench_attend(*table, roofs, c);
  return 0;
}

}  // namespace
}  // namespace hearth::bench

int main(int argc, char** argv) { return hearth::bench::run(argc > 1 ? argv[1] : nullptr); }
