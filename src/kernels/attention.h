// attend and kv_append over the vector words V.
//
// Query rows go in groups of 48. Per page of 64 positions a group makes scores (Q·K, register
// tiles), turns them into weights (streaming softmax) and adds the weighted values (register tiles
// again). Pages of f16 and q8_0 are widened once per group; the numbers are exact either way. All
// that a row computes depends on its own range, never on the rows that share its tile.
#pragma once

#include <cstdint>

#include "base/half.h"
#include "kernels/float_math.h"
#include "kernels/float_tile.h"
#include "kernels/kernels.h"

namespace hearth::kernels {
namespace {

inline constexpr int kTileRows = 6;  ///< rows of a tile of 4 (or 2) registers

/// Positions [from, to) of one page that a row sees; empty when from ≥ to.
struct PageRange {
  int from, to;
  bool empty() const { return from >= to; }
};

/// The state of a group of query rows, laid out in the caller's scratch.
template <class V>
struct RowGroup {
  using Reg = typename V::Reg;

  const Attend& args;
  int width;       ///< head_dim padded to 16: the distance between rows of q, sums and wide values
  float* key;      ///< a page's keys [head_dim][64], when widened
  float* value;    ///< a page's values [64][width], when widened
  float* scales;   ///< of a q8_0 page's values [64][⌈head_dim/32⌉]
  float* q;        ///< [rows][width], times scale, zero padded
  float* sums;     ///< [rows][width] Σ weight·value so far
  float* totals;   ///< [rows][lanes] Σ weight so far, by lane
  float* largest;  ///< [rows] the largest score so far
  float* scores;   ///< [tile rows][64] of one page, then its weights
  std::int64_t row0 = 0;
  int rows = 0;

  explicit RowGroup(const Attend& a) : args(a), width((a.head_dim + 15) / 16 * 16) {
    auto* next = reinterpret_cast<float*>(a.scratch);
    auto take = [&next](int floats) {
      float* start = next;
      next += (floats + 15) / 16 * 16;
      return start;
    };
    key = take(kPagePositions * width);
    value = take(kPagePositions * width);
    scales = take(kPagePositions * ((a.head_dim + 31) / 32));
    q = take(kAttendRows * width);
    sums = take(kAttendRows * width);
    totals = take(kAttendRows * 16);
    largest = take(kAttendRows);
    scores = take(kTileRows * kPagePositions);
  }

  PageRange range(int row, int page) const {
    const int start = page * kPagePositions;
    const int from = args.begin[row0 + row] - start, to = args.end[row0 + row] - start;
    return {from < 0 ? 0 : from, to > kPagePositions ? kPagePositions : to};
  }
};

template <class V>
void start_rows(RowGroup<V>& g, std::int64_t row0, int rows) {
  g.row0 = row0;
  g.rows = rows;
  const int head_dim = g.args.head_dim;
  const auto scale = V::all(g.args.scale), zero = V::all(0.0f);
  for (int r = 0; r < rows; ++r) {
    const float* q = g.args.q[row0 + r];
    for (int d = 0; d < g.width; d += V::kLanes) {
      auto part = zero;
      if (d + V::kLanes <= head_dim)
        part = V::load(q + d);
      else if (d < head_dim)
        part = load_some<V>(q + d, head_dim - d);
      V::store(g.q + r * g.width + d, V::mul(part, scale));
      V::store(g.sums + r * g.width + d, zero);
    }
    V::store(g.totals + r * V::kLanes, zero);
    g.largest[r] = -kInfinity;
  }
}

template <class V>
void finish_rows(const RowGroup<V>& g) {
  const int head_dim = g.args.head_dim;
  for (int r = 0; r < g.rows; ++r) {
    const auto total = V::all(sum_of<V>(V::load(g.totals + r * V::kLanes)));
    float* out = g.args.out[g.row0 + r];
    for (int d = 0; d < head_dim; d += V::kLanes) {
      auto part = V::div(V::load(g.sums + r * g.width + d), total);
      if (d + V::kLanes <= head_dim)
        V::store(out + d, part);
      else
        store_some<V>(out + d, part, head_dim - d);
    }
  }
}

// ---- widening a page ----

/// to[0, n) = from[0, n), widened, for any n; `to` has room for whole vectors and gets zeros there.
template <class V, class T>
void widen(const T* from, int n, float* to) {
  int i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) V::store(to + i, V::load(from + i));
  if (i < n) V::store(to + i, load_some<V>(from + i, n - i));
}

template <class V, class T>
void widen_values(RowGroup<V>& g, const T* page) {
  for (int j = 0; j < kPagePositions; ++j)
    widen<V>(page + j * g.args.head_dim, g.args.head_dim, g.value + j * g.width);
}

template <class V>
void widen_q8_keys(RowGroup<V>& g, const std::byte* page) {
  const int head_dim = g.args.head_dim;
  const auto* codes = reinterpret_cast<const std::int8_t*>(page);
  const auto* scales = reinterpret_cast<const f16*>(page + kPagePositions * head_dim);
  for (int d0 = 0; d0 < head_dim; d0 += 32, scales += kPagePositions) {
    const int d1 = head_dim - d0 < 32 ? head_dim : d0 + 32;
    for (int j = 0; j < kPagePositions; j += V::kLanes) {
      const auto scale = V::load(scales + j);
      for (int at = d0 * kPagePositions + j; at < d1 * kPagePositions; at += kPagePositions)
        V::store(g.key + at, V::mul(V::load(codes + at), scale));
    }
  }
}

template <class V>
void widen_q8_values(RowGroup<V>& g, const std::byte* page) {
  const int head_dim = g.args.head_dim, groups = (head_dim + 31) / 32;
  const auto* codes = reinterpret_cast<const std::int8_t*>(page);
  widen<V>(reinterpret_cast<const f16*>(page + kPagePositions * head_dim), kPagePositions * groups,
           g.scales);
  for (int j = 0; j < kPagePositions; ++j, codes += head_dim) {
    float* value = g.value + j * g.width;
    for (int d = 0; d < head_dim; d += V::kLanes) {
      const auto code =
          d + V::kLanes <= head_dim ? V::load(codes + d) : load_some<V>(codes + d, head_dim - d);
      V::store(value + d, V::mul(code, V::all(g.scales[j * groups + d / 32])));
    }
  }
}

// ---- one page ----

/// A page as the tiles read it: both halves as T, rows of values `step` apart.
template <class T>
struct PageView {
  const T* key;
  const T* value;
  int step;
};

/// Scores of tile rows [r0, r0 + rows) for all columns in `seen`, rounded out to whole vectors.
template <class V, class T>
void make_scores(const RowGroup<V>& g, const PageView<T>& page, int r0, int rows, PageRange seen) {
  const int first = seen.from / V::kLanes * V::kLanes;
  const int vecs = (seen.to - first + V::kLanes - 1) / V::kLanes;
  TileArgs<T> t{g.q + r0 * g.width,
                g.width,
                page.key + first,
                kPagePositions,
                16,
                g.args.head_dim,
                g.scores + first,
                kPagePositions,
                true};
  tile<V, kTileRows>(rows, vecs, t);
}

/// One row's scores become weights exp(score − largest); its running sums shrink to match.
template <class V>
void make_weights(const RowGroup<V>& g, int row, float* scores, PageRange seen) {
  using Reg = typename V::Reg;
  const int first = seen.from / V::kLanes * V::kLanes;
  const Reg nothing = V::all(-kInfinity), zero = V::all(0.0f);
  Reg top = nothing;
  for (int j = first; j < seen.to; j += V::kLanes) {
    Reg s = V::load(scores + j);
    if (g.args.softcap > 0) s = capped<V>(s, V::all(g.args.softcap));
    s = keep_lanes<V>(s, seen.from - j, seen.to - j, nothing);
    V::store(scores + j, s);
    top = V::max(top, s);
  }
  const float before = g.largest[row], page_top = V::largest(top);
  const float now = page_top > before ? page_top : before;
  float* totals = g.totals + row * V::kLanes;
  if (now > before) {
    const Reg shrink = exp<V>(V::all(before - now));
    V::store(totals, V::mul(V::load(totals), shrink));
    float* sums = g.sums + row * g.width;
    for (int d = 0; d < g.width; d += V::kLanes)
      V::store(sums + d, V::mul(V::load(sums + d), shrink));
    g.largest[row] = now;
  }
  // All scores so far minus infinity: they weigh nothing.
  const Reg base = V::all(now == -kInfinity ? 0.0f : now);
  Reg total = V::load(totals);
  for (int j = first; j < seen.to; j += V::kLanes) {
    Reg weight = exp<V>(V::sub(V::load(scores + j), base));
    weight = keep_lanes<V>(weight, seen.from - j, seen.to - j, zero);
    V::store(scores + j, weight);
    total = V::add(total, weight);
  }
  V::store(totals, total);
}

/// sums += weights·values over positions `seen`, for rows that all see them.
template <class V, class T>
void add_values(const RowGroup<V>& g, const PageView<T>& page, int r0, int rows,
                const float* weights, PageRange seen) {
  if (seen.empty()) return;
  TileArgs<T> t{weights + seen.from,
                kPagePositions,
                page.value + seen.from * page.step,
                page.step,
                16,
                seen.to - seen.from,
                g.sums + r0 * g.width,
                g.width,
                false};
  tile<V, kTileRows>(rows, g.width / V::kLanes, t);
}

/// A tile of rows over one page. Positions that not every row sees are added row by row: a weight
/// of zero would still let a NaN or infinity from a position that is none of a row's business in.
template <class V, class T>
void attend_tile(const RowGroup<V>& g, const PageView<T>& view, int page, int r0, int rows) {
  while (rows > 0 && g.range(r0, page).empty()) ++r0, --rows;
  while (rows > 0 && g.range(r0 + rows - 1, page).empty()) --rows;
  if (rows == 0) return;
  PageRange any{kPagePositions, 0}, common{0, kPagePositions};
  for (int r = r0; r < r0 + rows; ++r) {
    const PageRange seen = g.range(r, page);
    if (seen.from > common.from) common.from = seen.from;
    if (seen.to < common.to) common.to = seen.to;
    if (seen.empty()) continue;
    if (seen.from < any.from) any.from = seen.from;
    if (seen.to > any.to) any.to = seen.to;
  }
  if (common.empty()) common = {kPagePositions, kPagePositions};  // each row alone

  make_scores(g, view, r0, rows, any);
  for (int r = 0; r < rows; ++r) {
    const PageRange seen = g.range(r0 + r, page);
    if (seen.empty()) continue;
    float* weights = g.scores + r * kPagePositions;
    make_weights(g, r0 + r, weights, seen);
    const int head = seen.to < common.from ? seen.to : common.from;
    add_values(g, view, r0 + r, 1, weights, {seen.from, head});
  }
  if (common.from < kPagePositions) add_values(g, view, r0, rows, g.scores, common);
  for (int r = 0; r < rows; ++r)
    add_values(g, view, r0 + r, 1, g.scores + r * kPagePositions,
               {common.to, g.range(r0 + r, page).to});
}

/// Tiles of almost equal height: 8 rows go as 4 + 4, not 6 + 2.
template <class V, class T>
void attend_page(const RowGroup<V>& g, const PageView<T>& view, int page) {
  const int tiles = (g.rows + kTileRows - 1) / kTileRows;
  for (int i = 0; i < tiles; ++i) {
    const int r0 = g.rows * i / tiles, r1 = g.rows * (i + 1) / tiles;
    attend_tile(g, view, page, r0, r1 - r0);
  }
}

/// Pages of f32 or f16: read in place where whole vectors fit and nothing is gained by widening.
template <class V, class T>
void attend_stored(RowGroup<V>& g, int page) {
  const auto* key = reinterpret_cast<const T*>(g.args.k_pages[page]);
  const auto* value = reinterpret_cast<const T*>(g.args.v_pages[page]);
  const bool whole = g.args.head_dim % 16 == 0;
  if (whole && (sizeof(T) == 4 || g.rows <= 2 * kTileRows))
    return attend_page(g, PageView<T>{key, value, g.args.head_dim}, page);
  widen<V>(key, kPagePositions * g.args.head_dim, g.key);
  widen_values(g, value);
  attend_page(g, PageView<float>{g.key, g.value, g.width}, page);
}

template <class V>
void attend(const Attend& args) {
  RowGroup<V> g(args);
  for (std::int64_t row0 = 0; row0 < args.rows; row0 += kAttendRows) {
    start_rows(g, row0,
               static_cast<int>(args.rows - row0 < kAttendRows ? args.rows - row0 : kAttendRows));
    std::int32_t first = args.begin[row0], last = args.end[row0];
    for (int r = 1; r < g.rows; ++r) {
      if (args.begin[row0 + r] < first) first = args.begin[row0 + r];
      if (args.end[row0 + r] > last) last = args.end[row0 + r];
    }
    for (int page = first / kPagePositions; page * kPagePositions < last; ++page) {
      if (args.type == KvType::f32) attend_stored<V, float>(g, page);
      if (args.type == KvType::f16) attend_stored<V, f16>(g, page);
      if (args.type == KvType::q8_0) {
        widen_q8_keys(g, args.k_pages[page]);
        widen_q8_values(g, args.v_pages[page]);
        attend_page(g, PageView<float>{g.key, g.value, g.width}, page);
      }
    }
    finish_rows(g);
  }
}

// ---- kv_append ----

/// Where a half page keeps dimension d of one position: first + d·step; its scales likewise.
struct Slot {
  int first, step, first_scale, scale_step;
};

template <class V>
void append_q8(int head_dim, const float* x, std::byte* page, const Slot& at) {
  auto* codes = reinterpret_cast<std::int8_t*>(page);
  auto* scales = reinterpret_cast<f16*>(page + kPagePositions * head_dim);
  for (int d = 0; d < head_dim; d += 32) {
    const int n = head_dim - d < 32 ? head_dim - d : 32;
    float values[32] = {};
    for (int i = 0; i < n; ++i) values[i] = x[d + i];
    auto top = V::all(0.0f);
    for (int i = 0; i < 32; i += V::kLanes) {
      auto v = V::load(values + i);
      top = V::max(top, V::max(v, V::sub(V::all(0.0f), v)));
    }
    // The scale as stored, so that rounding it does not shift the codes.
    const float scale = V::largest(top) / 127.0f;
    f16 stored[V::kLanes];
    V::store(stored, V::all(scale < 65504.0f ? scale : 65504.0f));
    float wide[V::kLanes];
    V::store(wide, V::load(stored));
    scales[at.first_scale + d / 32 * at.scale_step] = stored[0];
    const auto inverse = V::all(wide[0] > 0 ? 1.0f / wide[0] : 0.0f);
    for (int i = 0; i < 32; i += V::kLanes) {
      auto code = V::round(V::mul(V::load(values + i), inverse));
      V::store(values + i, V::min(V::all(127.0f), V::max(V::all(-127.0f), code)));
    }
    for (int i = 0; i < n; ++i)
      codes[at.first + (d + i) * at.step] = static_cast<std::int8_t>(values[i]);
  }
}

template <class V>
void append_half(KvType type, int head_dim, const float* x, std::byte* page, const Slot& at) {
  if (type == KvType::q8_0) return append_q8<V>(head_dim, x, page, at);
  if (type == KvType::f32) {
    for (int d = 0; d < head_dim; ++d)
      reinterpret_cast<float*>(page)[at.first + d * at.step] = x[d];
    return;
  }
  for (int d = 0; d < head_dim; d += V::kLanes) {
    const int n = head_dim - d < V::kLanes ? head_dim - d : V::kLanes;
    f16 narrow[V::kLanes];
    V::store(narrow, n == V::kLanes ? V::load(x + d) : load_some<V>(x + d, n));
    for (int i = 0; i < n; ++i)
      reinterpret_cast<f16*>(page)[at.first + (d + i) * at.step] = narrow[i];
  }
}

template <class V>
void kv_append(KvType type, int head_dim, const float* k, const float* v, std::byte* k_page,
               std::byte* v_page, int slot) {
  const int groups = (head_dim + 31) / 32;
  append_half<V>(type, head_dim, k, k_page, {slot, kPagePositions, slot, kPagePositions});
  append_half<V>(type, head_dim, v, v_page, {slot * head_dim, 1, slot * groups, 1});
}

}  // namespace
}  // namespace hearth::kernels
