// The register tile: C[rows][columns] += A·B, all of one tile's sums in registers. It is the inner
// loop of gemm_float and of both halves of attention. Each sum is one fma chain upwards in k that
// may stop and go on from memory, so neither the tile's shape nor blocks of k change a bit.
#pragma once

#include <cstdint>

namespace hearth::kernels {
namespace {

/// Operands of a tile. B comes as 16 columns side by side (a panel), `b_panel` values apart;
/// row k of a panel lies at k·b_step.
template <class T, class A = float>
struct TileArgs {
  const A* a;  ///< [rows][k], a_step values apart
  std::int64_t a_step;
  const T* b;
  std::int64_t b_step, b_panel;
  std::int64_t k;
  float* c;  ///< [rows][columns], c_step values apart
  std::int64_t c_step;
  bool first;  ///< start from zero instead of from c
};

#define HEARTH_UNROLL _Pragma("GCC unroll 16")

/// Rows × Vecs registers of sums, starting at register `vec` of the columns. Step: t.a_step where
/// it is known to the compiler, which then reaches all rows from one address; 0: it is not.
template <class V, int Rows, int Vecs, int Step, class T, class A>
inline void register_tile(const TileArgs<T, A>& t, int vec) {
  constexpr int kPerPanel = 16 / V::kLanes;
  typename V::Reg sums[Rows][Vecs];
  float* c = t.c + vec * V::kLanes;
  HEARTH_UNROLL for (int r = 0; r < Rows; ++r) {
    HEARTH_UNROLL for (int v = 0; v < Vecs; ++v) {
      sums[r][v] = t.first ? V::all(0.0f) : V::load(c + r * t.c_step + v * V::kLanes);
    }
  }
  const T* columns[Vecs];
  HEARTH_UNROLL for (int v = 0; v < Vecs; ++v) {
    columns[v] = t.b + (vec + v) / kPerPanel * t.b_panel + (vec + v) % kPerPanel * V::kLanes;
  }
  const std::int64_t a_step = Step > 0 ? Step : t.a_step, b_step = t.b_step;
  const A* a = t.a;
  for (std::int64_t k = 0; k < t.k; ++k) {
    // The shorter side waits in registers while the longer one passes by.
    if constexpr (Rows < Vecs) {
      decltype(V::all(*a)) x[Rows];
      HEARTH_UNROLL for (int r = 0; r < Rows; ++r) { x[r] = V::all(a[r * a_step + k]); }
      HEARTH_UNROLL for (int v = 0; v < Vecs; ++v) {
        auto b = V::load(columns[v] + k * b_step);
        HEARTH_UNROLL for (int r = 0; r < Rows; ++r) { sums[r][v] = V::fma(b, x[r], sums[r][v]); }
      }
    } else {
      decltype(V::load(t.b)) b[Vecs];
      HEARTH_UNROLL for (int v = 0; v < Vecs; ++v) { b[v] = V::load(columns[v] + k * b_step); }
      HEARTH_UNROLL for (int r = 0; r < Rows; ++r) {
        auto x = V::all(a[r * a_step + k]);
        HEARTH_UNROLL for (int v = 0; v < Vecs; ++v) { sums[r][v] = V::fma(b[v], x, sums[r][v]); }
      }
    }
  }
  HEARTH_UNROLL for (int r = 0; r < Rows; ++r) {
    HEARTH_UNROLL for (int v = 0; v < Vecs; ++v) {
      V::store(c + r * t.c_step + v * V::kLanes, sums[r][v]);
    }
  }
}

/// Registers per row of a tile: as many as the register file holds sums, a power of two ≤ 8.
template <class V, int Rows>
constexpr int tile_vecs() {
  int vecs = 8;
  while (vecs > 1 && vecs * Rows > V::kSums) vecs /= 2;
  return vecs;
}

/// Covers `vecs` registers per row with tiles, the widest first.
template <class V, int Rows, int Vecs, int Step, class T, class A>
void tile_columns(const TileArgs<T, A>& t, int vec, int vecs) {
  for (; vec + Vecs <= vecs; vec += Vecs) register_tile<V, Rows, Vecs, Step>(t, vec);
  if constexpr (Vecs > 1) {
    if (vec < vecs) tile_columns<V, Rows, Vecs / 2, Step>(t, vec, vecs);
  }
}

/// Any number of rows in 1 … Most.
template <class V, int Most, int Step = 0, class T, class A>
void tile(int rows, int vecs, const TileArgs<T, A>& t) {
  if constexpr (Most > 1) {
    if (rows < Most) return tile<V, Most - 1, Step>(rows, vecs, t);
  }
  tile_columns<V, Most, tile_vecs<V, Most>(), Step>(t, 0, vecs);
}

}  // namespace
}  // namespace hearth::kernels
