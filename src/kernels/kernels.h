// The kernel table: all maths on raw pointers, one implementation set per ISA.
//
// Invariant 1 of the architecture: a row's result depends only on that row and its weights, never
// on how many rows stand beside it. So every kernel adds in one fixed order per output (K runs
// upwards, one accumulator per output), and a kernel called for M rows equals M calls for one row,
// bitwise. Integer dot products are exact, so they may be computed in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "base/dtype.h"

namespace hearth::kernels {

// ---- packed weights (kernels/pack.h makes them; docs/PACKING.md draws them) ----

/// Output rows of a weight are packed 16 at a time: one 512-bit lane set, two of AVX2, four of
/// NEON.
inline constexpr int kPanelRows = 16;

/// A packed weight [n, k]: y = W·x. Panel p holds rows 16p … 16p+15; rows ≥ n are zero.
struct Panels {
  DType type = DType::f32;  ///< the file's type: it decides the layout
  std::int64_t n = 0, k = 0;
  const std::byte* data = nullptr;  ///< 64-byte aligned
  std::size_t panel_bytes = 0;      ///< distance between panels
  bool pairs = false;  ///< bf16 for gemm_bf16: [⌈k/2⌉][16][2], neighbours along K side by side

  std::int64_t panels() const { return (n + kPanelRows - 1) / kPanelRows; }
};

// ---- q8a: quantised activations ----
// One row of k values, padded with zeros to kp = 32·⌈k/32⌉:
//   int8 codes[kp] · float scale[kp/32] (amax/127 of each 32) · int32 sum16[kp/16] (sums of codes)
//   · uint8 has_rest[kp/32], zeros to a multiple of 64
//   · another codes, scales and sums, of what the first missed, where has_rest (q8a_is_outlier)
// Rows start 64-byte aligned: q8a_row_bytes is the stride.
inline std::int64_t q8a_padded(std::int64_t k) { return (k + 31) & ~std::int64_t{31}; }
inline std::size_t q8a_part_bytes(std::int64_t k) {
  std::size_t kp = static_cast<std::size_t>(q8a_padded(k));
  return (kp + kp / 32 * 4 + kp / 16 * 4 + 63) / 64 * 64;
}
inline std::size_t q8a_flag_bytes(std::int64_t k) {
  return (static_cast<std::size_t>(q8a_padded(k)) / 32 + 63) / 64 * 64;
}
inline std::size_t q8a_row_bytes(std::int64_t k) {
  return 2 * q8a_part_bytes(k) + q8a_flag_bytes(k);
}
inline const std::int8_t* q8a_codes(const std::byte* part) {
  return reinterpret_cast<const std::int8_t*>(part);
}
inline const float* q8a_scales(const std::byte* part, std::int64_t k) {
  return reinterpret_cast<const float*>(part + q8a_padded(k));
}
inline const std::int32_t* q8a_sums(const std::byte* part, std::int64_t k) {
  return reinterpret_cast<const std::int32_t*>(part + q8a_padded(k) + q8a_padded(k) / 32 * 4);
}
inline const std::uint8_t* q8a_has_rest(const std::byte* row, std::int64_t k) {
  return reinterpret_cast<const std::uint8_t*>(row + q8a_part_bytes(k));
}
inline const std::byte* q8a_rest(const std::byte* row, std::int64_t k) {
  return row + q8a_part_bytes(k) + q8a_flag_bytes(k);
}

// ---- attention over KV pages ----

/// Positions per KV page; softmax blocks lie at multiples of it.
inline constexpr int kPagePositions = 64;

using hearth::KvType;

/// Bytes of one head's half page (K or V): 64 positions × head_dim.
///   K is transposed: [head_dim][64], so that 64 scores grow side by side without sideways sums.
///   V is [64][head_dim].
///   q8_0 stores int8 codes in the same order, then f16 scales: one per position and 32 dims,
///   K [⌈head_dim/32⌉][64], V [64][⌈head_dim/32⌉].
inline std::size_t kv_half_page_bytes(KvType type, int head_dim) {
  std::size_t values =
      static_cast<std::size_t>(kPagePositions) * static_cast<std::size_t>(head_dim);
  switch (type) {
    case KvType::f32:
      return values * 4;
    case KvType::f16:
      return values * 2;
    case KvType::q8_0:
      return (values + kPagePositions * static_cast<std::size_t>((head_dim + 31) / 32) * 2 + 63) /
             64 * 64;
  }
  return 0;
}

/// Query rows of one KV head over one sequence: out[r] = Σ softmax(scale·q[r]·K)·V over the
/// positions [begin[r], end[r]), with begin < end. Streaming softmax page by page in f32, scores
/// softcapped by cap·tanh(s/cap) when softcap > 0. Pages fully outside a row's range are skipped.
struct Attend {
  int head_dim = 0;
  KvType type = KvType::f32;
  const std::byte* const* k_pages = nullptr;  ///< this head's half pages by position / 64
  const std::byte* const* v_pages = nullptr;
  std::int64_t rows = 0;
  const float* const* q = nullptr;  ///< [rows] pointers to head_dim values, already rotated
  float* const* out = nullptr;      ///< [rows] pointers to head_dim values
  const std::int32_t* begin = nullptr;
  const std::int32_t* end = nullptr;
  float scale = 1, softcap = 0;
  std::byte* scratch = nullptr;  ///< attend_scratch_bytes(head_dim), 64-byte aligned
};
/// Query rows that share one pass over the pages.
inline constexpr int kAttendRows = 96;
/// Room for one widened half page and the state of kAttendRows rows (attention.h lays it out).
inline std::size_t attend_scratch_bytes(int head_dim) {
  std::size_t width = static_cast<std::size_t>((head_dim + 15) / 16 * 16);
  std::size_t page = kPagePositions * (width + (width + 31) / 32);
  std::size_t rows = kAttendRows * (2 * width + kPagePositions + 16 + 1);
  return (page + rows) * sizeof(float);
}

// ---- the table: one row adds a kernel; its test (tests/kernels) follows from the row ----
// Pointers may be unaligned unless said otherwise; `out` may equal an input of the same shape.

#define HEARTH_KERNELS(KERNEL)                                                                          \
  /* x[0, n) into the q8a row of k values, from value k0 (a multiple of 32);                            \
     n is a multiple of 32 or reaches k (then the padding is zeroed) */                                 \
  KERNEL(quantise_q8a,                                                                                  \
         void(const float* x, std::int64_t n, std::byte* row, std::int64_t k0, std::int64_t k))         \
  /* out[m·ldo + i] = Σ_k W[i, k]·a[m, k] for the rows i of panels [p0, p1), i < n. Per block of     \
     32 (or 16) along K: the exact integer dot product, widened, times scales, added by fma;            \
     after it the same of the block's rest, where it has one. */                                        \
  KERNEL(gemm_quant, void(const Panels& w, std::int64_t p0, std::int64_t p1, const std::byte* a,        \
                          std::size_t a_stride, std::int64_t m, float* out, std::int64_t ldo))          \
  /* the same for f32, f16 and bf16 panels with f32 activations, one fma chain per output */            \
  KERNEL(gemm_float, void(const Panels& w, std::int64_t p0, std::int64_t p1, const float* a,            \
                          std::int64_t lda, std::int64_t m, float* out, std::int64_t ldo))              \
  /* the same for bf16 panels of pairs, the rows rounded to bf16 too; sums in f32, whose order          \
     within a pair is the processor's: equal for one ISA, near between two */                           \
  KERNEL(gemm_bf16, void(const Panels& w, std::int64_t p0, std::int64_t p1, const float* a,             \
                         std::int64_t lda, std::int64_t m, float* out, std::int64_t ldo))               \
  KERNEL(attend, void(const Attend& args))                                                              \
  /* one head's key and value [head_dim] into slot (0..63) of its half pages */                         \
  KERNEL(kv_append, void(KvType type, int head_dim, const float* k, const float* v,                     \
                         std::byte* k_page, std::byte* v_page, int slot))                               \
  /* x·rsqrt(mean(x²) + eps)·w */                                                                    \
  KERNEL(rms_norm, void(const float* x, const float* w, std::int64_t n, float eps, float* out))         \
  /* (x − mean)·rsqrt(var + eps)·w + b, biased variance */                                          \
  KERNEL(layer_norm, void(const float* x, const float* w, const float* b, std::int64_t n,               \
                          float eps, float* out))                                                       \
  KERNEL(softmax, void(const float* x, std::int64_t n, float* out))                                     \
  KERNEL(add, void(const float* a, const float* b, std::int64_t n, float* out))                         \
  KERNEL(mul, void(const float* a, const float* b, std::int64_t n, float* out))                         \
  KERNEL(scale, void(const float* x, float factor, std::int64_t n, float* out))                         \
  /* x·sigmoid(x) */                                                                                   \
  KERNEL(silu, void(const float* x, std::int64_t n, float* out))                                        \
  /* 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) */                                              \
  KERNEL(gelu, void(const float* x, std::int64_t n, float* out))                                        \
  /* silu(g)·u and gelu(g)·u */                                                                       \
  KERNEL(swiglu, void(const float* g, const float* u, std::int64_t n, float* out))                      \
  KERNEL(geglu, void(const float* g, const float* u, std::int64_t n, float* out))                       \
  /* cap·tanh(x/cap) */                                                                                \
  KERNEL(softcap, void(const float* x, float cap, std::int64_t n, float* out))                          \
  /* rotate-half: (x_i, x_{i+half}) → (x_i·c − x_{i+half}·s, x_{i+half}·c + x_i·s), i < half */ \
  KERNEL(rope,                                                                                          \
         void(const float* x, const float* cos, const float* sin, std::int64_t half, float* out))

struct KernelTable {
  const char* isa = "";
  bool has_bf16 = false;  ///< gemm_bf16 is the processor's, not the reference
#define HEARTH_ROW(name, ...) std::add_pointer_t<__VA_ARGS__> name = nullptr;
  HEARTH_KERNELS(HEARTH_ROW)
#undef HEARTH_ROW
};

/// The scalar specification, kept forever.
const KernelTable& reference_kernels();
/// Tables that this build has and this processor can run, best first; reference is always last.
std::vector<const KernelTable*> available_kernels();
/// The table of that name, or null; `nullptr` or "" means the best. HEARTH_ISA is read by callers.
const KernelTable* find_kernels(const char* isa);

}  // namespace hearth::kernels
