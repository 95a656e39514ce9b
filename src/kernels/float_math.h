// Functions of vectors, and vectors that end before their last lane. Every lane is computed alone,
// so a value's bits never depend on where in the row it stands.
#pragma once

#include <cstdint>

namespace hearth::kernels {
namespace {

/// The first n < kLanes values, then zeros.
template <class V, class T>
typename V::Reg load_some(const T* p, std::int64_t n) {
  T lanes[V::kLanes] = {};
  for (std::int64_t i = 0; i < n; ++i) lanes[i] = p[i];
  return V::load(lanes);
}

template <class V>
void store_some(float* p, typename V::Reg x, std::int64_t n) {
  float lanes[V::kLanes];
  V::store(lanes, x);
  for (std::int64_t i = 0; i < n; ++i) p[i] = lanes[i];
}

/// The lanes in [from, to) of x, `other` elsewhere.
template <class V>
typename V::Reg keep_lanes(typename V::Reg x, std::int64_t from, std::int64_t to,
                           typename V::Reg other) {
  auto lane = V::iota();
  x = V::select(V::less(lane, V::all(static_cast<float>(from))), other, x);
  return V::select(V::less(lane, V::all(static_cast<float>(to))), x, other);
}

/// The sum of the lanes, in one fixed order: halves are folded on each other.
template <class V>
float sum_of(typename V::Reg x) {
  float lanes[V::kLanes];
  V::store(lanes, x);
  for (int width = V::kLanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  return lanes[0];
}

inline constexpr float kInfinity = __builtin_inff();

/// eˣ within about one unit in the last place; 0 below −104, infinity above 88.73, NaN for NaN.
template <class V>
typename V::Reg exp(typename V::Reg x) {
  x = V::min(V::all(89.0f), V::max(V::all(-104.0f), x));
  // x = n·ln2 + r with |r| ≤ ln2/2, ln2 in two parts.
  auto n = V::round(V::mul(x, V::all(1.44269504f)));
  auto r = V::fma(n, V::all(-0.693147182464599609f), x);
  r = V::fma(n, V::all(1.904654299957768e-09f), r);
  // 1 + r + r²·p(r), p interpolated at Chebyshev nodes: 1e-8.
  auto p = V::fma(V::all(0.0013926177052780986f), r, V::all(0.00836317427456379f));
  p = V::fma(p, r, V::all(0.041666556149721146f));
  p = V::fma(p, r, V::all(0.16666577756404877f));
  p = V::fma(p, r, V::all(0.5f));
  p = V::fma(p, V::mul(r, r), r);
  return V::times_pow2(V::add(p, V::all(1.0f)), n);
}

/// tanh(x): a polynomial where 1 − 2/(e²ˣ + 1) would cancel.
template <class V>
typename V::Reg tanh(typename V::Reg x) {
  auto one = V::all(1.0f);
  auto zero = V::all(0.0f);
  auto size = V::max(V::sub(zero, x), x);
  auto large = V::sub(one, V::div(V::all(2.0f), V::add(exp<V>(V::add(size, size)), one)));
  large = V::select(V::less(x, zero), V::sub(zero, large), large);
  auto z = V::mul(x, x);
  auto q = V::fma(V::all(-0.006096714176237583f), z, V::all(0.020997179672122f));
  q = V::fma(q, z, V::all(-0.05385090783238411f));
  q = V::fma(q, z, V::all(0.1333276927471161f));
  q = V::fma(q, z, V::all(-0.333333283662796f));
  auto small = V::fma(V::mul(x, z), q, x);
  return V::select(V::less(size, V::all(0.625f)), small, large);
}

/// x / (1 + e⁻ˣ)
template <class V>
typename V::Reg silu_of(typename V::Reg x) {
  auto e = exp<V>(V::sub(V::all(0.0f), x));
  return V::div(x, V::add(V::all(1.0f), e));
}

/// 0.5·x·(1 + tanh(u)) = x / (1 + e⁻²ᵘ): without cancellation for negative x.
template <class V>
typename V::Reg gelu_of(typename V::Reg x) {
  const float kMinusTwoRoots = -1.59576912160573071176f;  // −2·√(2/π)
  auto cubic = V::fma(V::mul(V::mul(x, x), V::all(0.044715f)), x, x);
  auto e = exp<V>(V::mul(cubic, V::all(kMinusTwoRoots)));
  return V::div(x, V::add(V::all(1.0f), e));
}

/// cap·tanh(x/cap)
template <class V>
typename V::Reg capped(typename V::Reg x, typename V::Reg cap) {
  return V::mul(cap, tanh<V>(V::div(x, cap)));
}

}  // namespace
}  // namespace hearth::kernels
