// Written to be read: one loop per formula. Products of weights follow the order that every ISA
// must keep (one f32 fma chain per output); all else is computed in double and rounded once at the
// end.
#include "kernels/reference_float.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/half.h"

namespace hearth::kernels {
namespace {

// ---- weights ----

float stored_value(DType type, const std::byte* values, std::int64_t i) {
  if (type == DType::f16) return to_f32(reinterpret_cast<const f16*>(values)[i]);
  if (type == DType::bf16) return to_f32(reinterpret_cast<const bf16*>(values)[i]);
  return reinterpret_cast<const float*>(values)[i];
}

void gemm_float(const Panels& w, std::int64_t p0, std::int64_t p1, const float* a, std::int64_t lda,
                std::int64_t m, float* out, std::int64_t ldo) {
  const std::int64_t i1 = std::min(p1 * kPanelRows, w.n);
  for (std::int64_t row = 0; row < m; ++row) {
    for (std::int64_t i = p0 * kPanelRows; i < i1; ++i) {
      const std::byte* panel = w.data + static_cast<std::size_t>(i / kPanelRows) * w.panel_bytes;
      float sum = 0;
      for (std::int64_t k = 0; k < w.k; ++k) {
        float weight = stored_value(w.type, panel, k * kPanelRows + i % kPanelRows);
        sum = std::fma(weight, a[row * lda + k], sum);
      }
      out[row * ldo + i] = sum;
    }
  }
}

void gemm_bf16(const Panels& w, std::int64_t p0, std::int64_t p1, const float* a, std::int64_t lda,
               std::int64_t m, float* out, std::int64_t ldo) {
  const std::int64_t i1 = std::min(p1 * kPanelRows, w.n);
  for (std::int64_t row = 0; row < m; ++row) {
    for (std::int64_t i = p0 * kPanelRows; i < i1; ++i) {
      const std::byte* panel = w.data + static_cast<std::size_t>(i / kPanelRows) * w.panel_bytes;
      float sum = 0;
      for (std::int64_t k = 0; k < w.k; ++k) {
        const float weight =
            stored_value(DType::bf16, panel, (k / 2 * kPanelRows + i % kPanelRows) * 2 + k % 2);
        sum = std::fma(weight, to_f32(to_bf16(a[row * lda + k])), sum);
      }
      out[row * ldo + i] = sum;
    }
  }
}

// ---- attention ----

/// One half page. A value is at (position, dim); `is_key` says which of the two runs faster.
class HalfPage {
 public:
  HalfPage(const Attend& args, const std::byte* const* pages, std::int32_t position, bool is_key)
      : bytes_(pages[position / kPagePositions]),
        type_(args.type),
        head_dim_(args.head_dim),
        slot_(position % kPagePositions),
        is_key_(is_key) {}

  double operator[](int dim) const {
    int at = index(dim, head_dim_);
    if (type_ == KvType::f32) return reinterpret_cast<const float*>(bytes_)[at];
    if (type_ == KvType::f16) return to_f32(reinterpret_cast<const f16*>(bytes_)[at]);
    const auto* codes = reinterpret_cast<const std::int8_t*>(bytes_);
    const auto* scales = reinterpret_cast<const f16*>(bytes_ + kPagePositions * head_dim_);
    // 8 bits times 11 bits: the product is exact in f32.
    return static_cast<float>(codes[at]) * to_f32(scales[index(dim / 32, (head_dim_ + 31) / 32)]);
  }

 private:
  int index(int column, int columns) const {
    return is_key_ ? column * kPagePositions + slot_ : slot_ * columns + column;
  }

  const std::byte* bytes_;
  KvType type_;
  int head_dim_, slot_;
  bool is_key_;
};

double capped(double x, double cap) { return cap * std::tanh(x / cap); }

void attend_row(const Attend& args, std::int64_t row) {
  auto* sum = reinterpret_cast<double*>(args.scratch);  // [head_dim]
  std::fill_n(sum, args.head_dim, 0.0);
  double largest = -std::numeric_limits<double>::infinity();
  double total = 0;
  for (std::int32_t position = args.begin[row]; position < args.end[row]; ++position) {
    HalfPage key(args, args.k_pages, position, true);
    double score = 0;
    for (int d = 0; d < args.head_dim; ++d) score += args.q[row][d] * key[d];
    score *= args.scale;
    if (args.softcap > 0) score = capped(score, args.softcap);
    if (score > largest) {
      double shrink = std::exp(largest - score);
      total *= shrink;
      for (int d = 0; d < args.head_dim; ++d) sum[d] *= shrink;
      largest = score;
    }
    // A score of minus infinity weighs nothing, also while no larger one has been seen.
    double weight = std::isinf(score) && score < 0 ? 0 : std::exp(score - largest);
    total += weight;
    HalfPage value(args, args.v_pages, position, false);
    for (int d = 0; d < args.head_dim; ++d) sum[d] += weight * value[d];
  }
  for (int d = 0; d < args.head_dim; ++d) args.out[row][d] = static_cast<float>(sum[d] / total);
}

void attend(const Attend& args) {
  for (std::int64_t row = 0; row < args.rows; ++row) attend_row(args, row);
}

/// Codes and f16 scale of up to 32 values: code = x / scale, with the scale as it is stored.
f16 quantise_q8_0(const float* x, int n, std::int8_t* codes) {
  float largest = 0;
  for (int i = 0; i < n; ++i) largest = std::max(largest, std::fabs(x[i]));
  f16 scale = to_f16(std::min(largest / 127.0f, 65504.0f));
  float inverse = to_f32(scale) > 0 ? 1.0f / to_f32(scale) : 0.0f;
  for (int i = 0; i < n; ++i) {
    float code = std::nearbyint(x[i] * inverse);
    if (!(code > -127)) code = -127;  // a NaN too
    codes[i] = static_cast<std::int8_t>(std::min(code, 127.0f));
  }
  return scale;
}

/// Stores x[d] at page[first + d·step]; scales likewise.
void append_half(KvType type, int head_dim, const float* x, std::byte* page, int first, int step,
                 int first_scale, int scale_step) {
  if (type == KvType::q8_0) {
    auto* codes = reinterpret_cast<std::int8_t*>(page);
    auto* scales = reinterpret_cast<f16*>(page + kPagePositions * head_dim);
    for (int d = 0; d < head_dim; d += 32) {
      int n = std::min(32, head_dim - d);
      std::int8_t group[32];
      scales[first_scale + d / 32 * scale_step] = quantise_q8_0(x + d, n, group);
      for (int i = 0; i < n; ++i) codes[first + (d + i) * step] = group[i];
    }
    return;
  }
  for (int d = 0; d < head_dim; ++d) {
    int at = first + d * step;
    if (type == KvType::f32) reinterpret_cast<float*>(page)[at] = x[d];
    if (type == KvType::f16) reinterpret_cast<f16*>(page)[at] = to_f16(x[d]);
  }
}

void kv_append(KvType type, int head_dim, const float* k, const float* v, std::byte* k_page,
               std::byte* v_page, int slot) {
  append_half(type, head_dim, k, k_page, slot, kPagePositions, slot, kPagePositions);
  append_half(type, head_dim, v, v_page, slot * head_dim, 1, slot * ((head_dim + 31) / 32), 1);
}

// ---- rows that reduce ----

void rms_norm(const float* x, const float* w, std::int64_t n, float eps, float* out) {
  double squares = 0;
  for (std::int64_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * x[i];
  double r = 1 / std::sqrt(squares / static_cast<double>(n) + eps);
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(x[i] * r * w[i]);
}

void layer_norm(const float* x, const float* w, const float* b, std::int64_t n, float eps,
                float* out) {
  double mean = 0, variance = 0;
  for (std::int64_t i = 0; i < n; ++i) mean += x[i];
  mean /= static_cast<double>(n);
  for (std::int64_t i = 0; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean);
  variance /= static_cast<double>(n);
  double r = 1 / std::sqrt(variance + eps);
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>((x[i] - mean) * r * w[i] + b[i]);
}

void softmax(const float* x, std::int64_t n, float* out) {
  float largest = -std::numeric_limits<float>::infinity();
  for (std::int64_t i = 0; i < n; ++i) largest = std::max(largest, x[i]);
  double total = 0;
  for (std::int64_t i = 0; i < n; ++i) total += std::exp(static_cast<double>(x[i]) - largest);
  for (std::int64_t i = 0; i < n; ++i)
    out[i] = static_cast<float>(std::exp(static_cast<double>(x[i]) - largest) / total);
}

// ---- elementwise ----

double silu_of(double x) { return x / (1 + std::exp(-x)); }

/// 0.5·x·(1 + tanh(u)) = x / (1 + e⁻²ᵘ), which does not cancel for negative x.
double gelu_of(double x) {
  const double kRootTwoOverPi = 0.79788456080286535588;
  return x / (1 + std::exp(-2 * kRootTwoOverPi * (x + 0.044715 * x * x * x)));
}

void add(const float* a, const float* b, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}
void mul(const float* a, const float* b, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = a[i] * b[i];
}
void scale(const float* x, float factor, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = x[i] * factor;
}
void silu(const float* x, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(silu_of(x[i]));
}
void gelu(const float* x, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(gelu_of(x[i]));
}
void swiglu(const float* g, const float* u, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(silu_of(g[i]) * u[i]);
}
void geglu(const float* g, const float* u, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(gelu_of(g[i]) * u[i]);
}
void softcap(const float* x, float cap, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(capped(x[i], cap));
}

void rope(const float* x, const float* cos, const float* sin, std::int64_t half, float* out) {
  for (std::int64_t i = 0; i < half; ++i) {
    float first = x[i], second = x[i + half];
    out[i] = first * cos[i] - second * sin[i];
    out[i + half] = second * cos[i] + first * sin[i];
  }
}

}  // namespace

void fill_reference_float(KernelTable& table) {
  table.gemm_float = gemm_float;
  table.gemm_bf16 = gemm_bf16;
  table.attend = attend;
  table.kv_append = kv_append;
  table.rms_norm = rms_norm;
  table.layer_norm = layer_norm;
  table.softmax = softmax;
  table.add = add;
  table.mul = mul;
  table.scale = scale;
  table.silu = silu;
  table.gelu = gelu;
  table.swiglu = swiglu;
  table.geglu = geglu;
  table.softcap = softcap;
  table.rope = rope;
}

}  // namespace hearth::kernels
