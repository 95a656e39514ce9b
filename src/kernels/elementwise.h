// Rows of values: norms, softmax, activations, rotation. One algorithm over the vector words V.
#pragma once

#include <cstdint>

#include "kernels/float_math.h"

namespace hearth::kernels {
namespace {

/// out[i] = f(x[i] …): full vectors, then the rest through a padded one.
template <class V, class F, class... X>
inline void map(std::int64_t n, float* out, F f, const X*... x) {
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) V::store(out + i, f(V::load(x + i)...));
  if (i < n) store_some<V>(out + i, f(load_some<V>(x + i, n - i)...), n - i);
}

/// Σ f(x[i]) with four running vectors, so that the order is fixed and additions overlap.
template <class V, class F>
inline float sum_over(std::int64_t n, const float* x, F f) {
  constexpr int kSums = 4;
  typename V::Reg sums[kSums] = {V::all(0.0f), V::all(0.0f), V::all(0.0f), V::all(0.0f)};
  std::int64_t i = 0;
  for (; i + kSums * V::kLanes <= n; i += kSums * V::kLanes)
    for (int s = 0; s < kSums; ++s) sums[s] = V::add(sums[s], f(V::load(x + i + s * V::kLanes)));
  for (; i + V::kLanes <= n; i += V::kLanes) sums[0] = V::add(sums[0], f(V::load(x + i)));
  if (i < n) {
    auto last = f(load_some<V>(x + i, n - i));
    sums[1] = V::add(sums[1], keep_lanes<V>(last, 0, n - i, V::all(0.0f)));
  }
  return sum_of<V>(V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3])));
}

template <class V>
void rms_norm(const float* x, const float* w, std::int64_t n, float eps, float* out) {
  using Reg = typename V::Reg;
  float squares = sum_over<V>(n, x, [](Reg v) { return V::mul(v, v); });
  auto r = V::all(1.0f / __builtin_sqrtf(squares / static_cast<float>(n) + eps));
  map<V>(
      n, out, [=](Reg v, Reg weight) { return V::mul(V::mul(v, r), weight); }, x, w);
}

template <class V>
void layer_norm(const float* x, const float* w, const float* b, std::int64_t n, float eps,
                float* out) {
  using Reg = typename V::Reg;
  auto mean = V::all(sum_over<V>(n, x, [](Reg v) { return v; }) / static_cast<float>(n));
  float squares = sum_over<V>(n, x, [=](Reg v) {
    auto d = V::sub(v, mean);
    return V::mul(d, d);
  });
  auto r = V::all(1.0f / __builtin_sqrtf(squares / static_cast<float>(n) + eps));
  map<V>(
      n, out,
      [=](Reg v, Reg weight, Reg bias) { return V::fma(V::mul(V::sub(v, mean), r), weight, bias); },
      x, w, b);
}

template <class V>
float largest_of(const float* x, std::int64_t n) {
  auto low = V::all(-kInfinity);
  auto largest = low;
  std::int64_t i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) largest = V::max(largest, V::load(x + i));
  if (i < n) largest = V::max(largest, keep_lanes<V>(load_some<V>(x + i, n - i), 0, n - i, low));
  return V::largest(largest);
}

template <class V>
void softmax(const float* x, std::int64_t n, float* out) {
  using Reg = typename V::Reg;
  auto largest = V::all(largest_of<V>(x, n));
  map<V>(
      n, out, [=](Reg v) { return exp<V>(V::sub(v, largest)); }, x);
  auto total = V::all(sum_over<V>(n, out, [](Reg v) { return v; }));
  map<V>(
      n, out, [=](Reg v) { return V::div(v, total); }, out);
}

template <class V>
void add(const float* a, const float* b, std::int64_t n, float* out) {
  map<V>(n, out, V::add, a, b);
}
template <class V>
void mul(const float* a, const float* b, std::int64_t n, float* out) {
  map<V>(n, out, V::mul, a, b);
}
template <class V>
void scale(const float* x, float factor, std::int64_t n, float* out) {
  auto f = V::all(factor);
  map<V>(
      n, out, [=](typename V::Reg v) { return V::mul(v, f); }, x);
}
template <class V>
void silu(const float* x, std::int64_t n, float* out) {
  map<V>(n, out, silu_of<V>, x);
}
template <class V>
void gelu(const float* x, std::int64_t n, float* out) {
  map<V>(n, out, gelu_of<V>, x);
}
template <class V>
void swiglu(const float* g, const float* u, std::int64_t n, float* out) {
  using Reg = typename V::Reg;
  map<V>(
      n, out, [](Reg gate, Reg up) { return V::mul(silu_of<V>(gate), up); }, g, u);
}
template <class V>
void geglu(const float* g, const float* u, std::int64_t n, float* out) {
  using Reg = typename V::Reg;
  map<V>(
      n, out, [](Reg gate, Reg up) { return V::mul(gelu_of<V>(gate), up); }, g, u);
}
template <class V>
void softcap(const float* x, float cap, std::int64_t n, float* out) {
  auto c = V::all(cap);
  map<V>(
      n, out, [=](typename V::Reg v) { return capped<V>(v, c); }, x);
}

/// Turns one vector's worth of pairs. Products are rounded before they are added, as in the models'
/// own definition: every ISA gives the same bits.
template <class V>
void turn(typename V::Reg& a, typename V::Reg& b, typename V::Reg cos, typename V::Reg sin) {
  auto first = V::sub(V::mul(a, cos), V::mul(b, sin));
  b = V::add(V::mul(b, cos), V::mul(a, sin));
  a = first;
}

template <class V>
void rope(const float* x, const float* cos, const float* sin, std::int64_t half, float* out) {
  std::int64_t i = 0;
  for (; i + V::kLanes <= half; i += V::kLanes) {
    auto a = V::load(x + i), b = V::load(x + half + i);
    turn<V>(a, b, V::load(cos + i), V::load(sin + i));
    V::store(out + i, a);
    V::store(out + half + i, b);
  }
  if (i == half) return;
  std::int64_t n = half - i;
  auto a = load_some<V>(x + i, n), b = load_some<V>(x + half + i, n);
  turn<V>(a, b, load_some<V>(cos + i, n), load_some<V>(sin + i, n));
  store_some<V>(out + i, a, n);
  store_some<V>(out + half + i, b, n);
}

}  // namespace
}  // namespace hearth::kernels
