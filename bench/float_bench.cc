// float_bench [isa] [filter]: one thread's GFLOPS for gemm_float and attend, to be held against the
// f32 FMA roof of the core (lanes × 2 × FMA units × clock).
#include <time.h>

#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "kernels/kernels.h"

namespace hearth::kernels {
namespace {

/// CPU seconds of this thread: other work on the machine disturbs them less than a wall clock's.
double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// Best seconds per call over about 0.3 s.
template <class F>
double best_time(F&& f) {
  double best = 1e9, start = now();
  for (int i = 0; i < 5 || now() - start < 0.3; ++i) {
    double t0 = now();
    f();
    double t = now() - t0;
    if (t < best) best = t;
  }
  return best;
}

struct Buffer {
  explicit Buffer(std::size_t bytes) : memory(bytes + 64) {
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = std::byte(i * 37 % 61);
  }
  std::byte* data() {
    return memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) % 64;
  }
  float* floats() { return reinterpret_cast<float*>(data()); }
  std::vector<std::byte> memory;
};

std::vector<float> small_values(std::size_t n) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(i * 7919 % 201) * 0.01f - 1.0f;
  return x;
}

void bench_gemm(const KernelTable& table, DType type, std::int64_t m, std::int64_t n,
                std::int64_t k) {
  const std::size_t per_value = type == DType::f32 ? 4 : 2;
  Panels w;
  w.type = type;
  w.n = n;
  w.k = k;
  w.panel_bytes = static_cast<std::size_t>(k) * 16 * per_value;
  Buffer weights(w.panel_bytes * static_cast<std::size_t>(w.panels()));
  std::memset(weights.data(), 0, w.panel_bytes * static_cast<std::size_t>(w.panels()));
  w.data = weights.data();
  std::vector<float> a = small_values(static_cast<std::size_t>(m * k));
  std::vector<float> out(static_cast<std::size_t>(m * n));
  double t = best_time([&] { table.gemm_float(w, 0, w.panels(), a.data(), k, m, out.data(), n); });
  double flops = 2.0 * static_cast<double>(m * n * k);
  double bytes = static_cast<double>(n * k) * static_cast<double>(per_value);
  std::printf("gemm_float %-4s M %4ld N %4ld K %4ld  %7.1f GFLOPS  %6.1f GB/s of weights\n",
              name_of(type), long(m), long(n), long(k), flops / t * 1e-9, bytes / t * 1e-9);
}

struct AttendCase {
  const char* name;
  KvType type;
  int head_dim, group, queries, depth;
  bool causal;
};

void bench_attend(const KernelTable& table, const AttendCase& c) {
  const int positions = c.depth, pages = (positions + 63) / 64, rows = c.queries * c.group;
  const std::size_t half = kv_half_page_bytes(c.type, c.head_dim);
  Buffer memory(2 * half * static_cast<std::size_t>(pages));
  std::vector<const std::byte*> k_pages, v_pages;
  std::vector<float> value = small_values(static_cast<std::size_t>(c.head_dim));
  for (int p = 0; p < pages; ++p) {
    std::byte* k = memory.data() + 2 * half * static_cast<std::size_t>(p);
    k_pages.push_back(k);
    v_pages.push_back(k + half);
    for (int slot = 0; slot < 64; ++slot)
      table.kv_append(c.type, c.head_dim, value.data(), value.data(), k, k + half, slot);
  }
  std::vector<float> q = small_values(static_cast<std::size_t>(rows * c.head_dim)), out(q.size());
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
  Buffer scratch(attend_scratch_bytes(c.head_dim));
  Attend args;
  args.head_dim = c.head_dim;
  args.type = c.type;
  args.k_pages = k_pages.data();
  args.v_pages = v_pages.data();
  args.rows = rows;
  args.q = q_rows.data();
  args.out = out_rows.data();
  args.begin = begin.data();
  args.end = end.data();
  args.scale = 0.125f;
  args.scratch = scratch.data();
  double t = best_time([&] { table.attend(args); });
  std::printf("attend %-28s %9.1f us  %7.1f GFLOPS  %6.1f GB/s of cache\n", c.name, t * 1e6,
              pairs * c.head_dim * 4 / t * 1e-9, static_cast<double>(2 * half) * pages / t * 1e-9);
}

void bench(const KernelTable& table) {
  std::printf("%s\n", table.isa);
  for (DType type : {DType::f32, DType::f16})
    for (std::int64_t m : {1, 16, 64, 256, 1024})
      for (auto [n, k] : {std::pair<int, int>{576, 576}, {576, 1536}, {768, 768}, {768, 3072}})
        bench_gemm(table, type, m, n, k);
  const AttendCase cases[] = {
      {"tower 1024x1024x64 f32", KvType::f32, 64, 1, 1024, 1024, false},
      {"tower 1024x1024x64 f16", KvType::f16, 64, 1, 1024, 1024, false},
      {"tower 729x729x72 f32", KvType::f32, 72, 1, 729, 729, false},
      {"prompt 512 causal x3 f32", KvType::f32, 64, 3, 512, 512, true},
      {"prompt 512 causal x3 f16", KvType::f16, 64, 3, 512, 512, true},
      {"prompt 512 causal x3 q8_0", KvType::q8_0, 64, 3, 512, 512, true},
      {"prompt 512 causal x1 f16", KvType::f16, 64, 1, 512, 512, true},
      {"decode 512 x3 f16", KvType::f16, 64, 3, 1, 512, true},
      {"decode 512 x3 q8_0", KvType::q8_0, 64, 3, 1, 512, true},
      {"decode 8192 x3 f32", KvType::f32, 64, 3, 1, 8192, true},
      {"decode 8192 x3 f16", KvType::f16, 64, 3, 1, 8192, true},
      {"decode 8192 x3 q8_0", KvType::q8_0, 64, 3, 1, 8192, true},
      {"decode 8192 x1 f16", KvType::f16, 64, 1, 1, 8192, true},
      {"decode 8192 x8 f16", KvType::f16, 64, 8, 1, 8192, true},
  };
  for (const AttendCase& c : cases) bench_attend(table, c);
}

}  // namespace
}  // namespace hearth::kernels

int main(int argc, char** argv) {
  const auto* table = hearth::kernels::find_kernels(argc > 1 ? argv[1] : nullptr);
  if (!table) return std::puts("no such ISA here"), 1;
  hearth::kernels::bench(*table);
}
