#include "kernels/roof.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "base/arena.h"

namespace hearth::kernels {
namespace {

// The chains must live in registers.
#define HEARTH_UNROLLED(range) _Pragma(HEARTH_PRAGMA) for (range)
#ifdef __clang__
#define HEARTH_PRAGMA "unroll"
#else
#define HEARTH_PRAGMA "GCC unroll 16"
#endif

constexpr int kSteps = 400000, kChains = 12;

/// The compiler must assume that the register changes here.
#if defined(__x86_64__)
#define HEARTH_TOUCH(value) asm volatile("" : "+v"(value))
#else
#define HEARTH_TOUCH(value) asm volatile("" : "+w"(value))
#endif

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) void int8_avx512() {
  __m512i sum[kChains] = {}, a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  for (int i = 0; i < kSteps; ++i) HEARTH_UNROLLED(auto& s : sum) {
      s = _mm512_dpbusd_epi32(s, a, b);
      HEARTH_TOUCH(s);
    }
}
__attribute__((target("avx512f"))) void f32_avx512() {
  __m512 sum[kChains] = {}, a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
  for (int i = 0; i < kSteps; ++i) HEARTH_UNROLLED(auto& s : sum) {
      s = _mm512_fmadd_ps(a, b, s);
      HEARTH_TOUCH(s);
    }
}
__attribute__((target("avx512f,avx512bf16"))) void bf16_avx512() {
  __m512 sum[kChains] = {};
  const __m512i one = _mm512_set1_epi32(0x3f803f80);
  const auto a = reinterpret_cast<__m512bh>(one), b = a;
  for (int i = 0; i < kSteps; ++i) HEARTH_UNROLLED(auto& s : sum) {
      s = _mm512_dpbf16_ps(s, a, b);
      HEARTH_TOUCH(s);
    }
}
/// Without VNNI a product takes two multiplies and an add.
__attribute__((target("avx2"))) void int8_avx2() {
  __m256i sum[kChains] = {}, a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  const __m256i ones = _mm256_set1_epi16(1);
  for (int i = 0; i < kSteps; ++i) HEARTH_UNROLLED(auto& s : sum) {
      HEARTH_TOUCH(a);  // or the first product would leave the loop
      __m256i pairs = _mm256_maddubs_epi16(a, b);
      s = _mm256_add_epi32(s, _mm256_madd_epi16(pairs, ones));
      HEARTH_TOUCH(s);
    }
}
__attribute__((target("avx512f,avx512vl,avx512vnni"))) void int8_avx512vl() {
  __m256i sum[kChains] = {}, a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  for (int i = 0; i < kSteps; ++i) HEARTH_UNROLLED(auto& s : sum) {
      s = _mm256_dpbusd_epi32(s, a, b);
      HEARTH_TOUCH(s);
    }
}
__attribute__((target("avx2,avxvnni"))) void int8_avxvnni() {
  __m256i sum[kChains] = {}, a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  for (int i = 0; i < kSteps; ++i) HEARTH_UNROLLED(auto& s : sum) {
      s = _mm256_dpbusd_avx_epi32(s, a, b);
      HEARTH_TOUCH(s);
    }
}
__attribute__((target("avx2,fma"))) void f32_avx2() {
  __m256 sum[kChains] = {}, a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
  for (int i = 0; i < kSteps; ++i) HEARTH_UNROLLED(auto& s : sum) {
      s = _mm256_fmadd_ps(a, b, s);
      HEARTH_TOUCH(s);
    }
}
__attribute__((target("avx2"))) std::int64_t read_all(std::span<const std::int64_t> memory) {
  __m256i sum[4] = {};
  for (std::size_t i = 0; i + 16 <= memory.size(); i += 16)
    for (std::size_t j = 0; j < 4; ++j)
      sum[j] = _mm256_xor_si256(
          sum[j], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(&memory[i + 4 * j])));
  __m256i all = sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
  return all[0] ^ all[1] ^ all[2] ^ all[3];
}
#elif defined(__aarch64__)
__attribute__((target("arch=armv8.2-a+dotprod"))) void int8_neon() {
  int32x4_t sum[kChains] = {};
  int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(5);
  for (int i = 0; i < kSteps; ++i) HEARTH_UNROLLED(auto& s : sum) {
      s = vdotq_s32(s, a, b);
      HEARTH_TOUCH(s);
    }
}
__attribute__((target("arch=armv8.2-a+i8mm"))) void int8_i8mm() {
  int32x4_t sum[kChains] = {};
  int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(5);
  for (int i = 0; i < kSteps; ++i) HEARTH_UNROLLED(auto& s : sum) {
      s = vmmlaq_s32(s, a, b);
      HEARTH_TOUCH(s);
    }
}
void f32_neon() {
  float32x4_t sum[kChains] = {}, a = vdupq_n_f32(0.5f), b = vdupq_n_f32(0.25f);
  for (int i = 0; i < kSteps; ++i) HEARTH_UNROLLED(auto& s : sum) {
      s = vfmaq_f32(s, a, b);
      HEARTH_TOUCH(s);
    }
}
std::int64_t read_all(std::span<const std::int64_t> memory) {
  std::int64_t sum = 0;
  for (std::int64_t x : memory) sum ^= x;
  return sum;
}
#endif

/// The least wall time of every thread calling `body(thread)` at once, over at least `seconds` and
/// five rounds: other work on the machine only ever adds time. Its own threads, as the engine's
/// pool may be doing without some of them.
template <class Body>
double best_seconds(int threads, double seconds, Body&& body) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30;
  bool again = true;
  std::barrier meet(threads);
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  const auto work = [&](int thread) {
    for (int round = 1; again; ++round) {
      meet.arrive_and_wait();
      const auto start = Clock::now();
      body(thread);
      meet.arrive_and_wait();
      const auto now = Clock::now();
      if (thread == 0) {
        best = std::min(best, std::chrono::duration<double>(now - start).count());
        again = round < 5 || now < end;
      }
      meet.arrive_and_wait();
    }
  };
  std::vector<std::jthread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
  work(0);
  others.clear();
  return best;
}

double gops(int threads, double operations_a_step, void (*run)()) {
  const double operations = operations_a_step * kChains * kSteps * threads;
  return operations / best_seconds(threads, 0.2, [&](int) { run(); }) * 1e-9;
}

double read_gbs(int threads) {
  constexpr std::size_t kWords = std::size_t{32} << 20;  // 256 MB: larger than any cache
  constexpr int kPasses = 4;
  const AlignedBytes bytes = aligned_bytes(kWords * sizeof(std::int64_t));  // on huge pages
  const std::span memory(reinterpret_cast<std::int64_t*>(bytes.get()), kWords);
  std::fill(memory.begin(), memory.end(), 1);
  const std::size_t share = kWords / static_cast<std::size_t>(threads);
  const auto passes = [&](int thread) {
    std::int64_t sum = 0;
    for (int pass = 0; pass < kPasses; ++pass)
      sum += read_all(memory.subspan(static_cast<std::size_t>(thread) * share, share));
    asm volatile("" : "+r"(sum));
  };
  // Some machines lend twice their speed for a fraction of a second after a rest. That is no roof:
  // it is used up first, and a stretch of 1 GB counts.
  best_seconds(threads, 0.3, passes);
  return static_cast<double>(kPasses * sizeof(std::int64_t) * kWords) /
         best_seconds(threads, 0.3, passes) * 1e-9;
}

}  // namespace

Roof measure_roof(const KernelTable& table, int threads) {
  Roof roof;
  [[maybe_unused]] const std::string_view isa = table.isa;
#if defined(__x86_64__)
  if (isa == "avx512") {
    roof.int8_gops = gops(threads, 128, int8_avx512);
    roof.f32_gflops = gops(threads, 32, f32_avx512);
    if (table.has_bf16) roof.bf16_gflops = gops(threads, 64, bf16_avx512);
  } else if (isa == "avxvnni") {
    roof.int8_gops = gops(threads, 64, find_kernels("avx512") ? int8_avx512vl : int8_avxvnni);
    roof.f32_gflops = gops(threads, 16, f32_avx2);
  } else if (isa == "avx2") {
    roof.int8_gops = gops(threads, 64, int8_avx2);
    roof.f32_gflops = gops(threads, 16, f32_avx2);
  }
  roof.read_gbs = read_gbs(threads);
#elif defined(__aarch64__)
  roof.int8_gops = isa == "i8mm" ? gops(threads, 64, int8_i8mm) : gops(threads, 32, int8_neon);
  roof.f32_gflops = gops(threads, 8, f32_neon);
  roof.read_gbs = read_gbs(threads);
#endif
  return roof;
}

}  // namespace hearth::kernels
