// attend and kv_append over the vector words V.
//
// Query rows go in groups of kAttendRows. Per page of 64 positions a group makes scores (Q·K,
// register tiles), turns them into weights (streaming softmax) and adds the weighted values
// (register tiles again). Pages of f16 and q8_0 are widened once per group; the numbers are exact
// either way. All that a row computes depends on its own range, never on the rows that share its
// tile.
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
  float* wide;     ///< a widened half page: keys [head_dim][64], then values [64][width]
  float* scales;   ///< of a q8_0 half page
  float* q;        ///< [rows][width], times scale, zero padded
  float* sums;     ///< [rows][width] Σ weight·value so far
  float* totals;   ///< [rows][lanes] Σ weight so far, by lane
  float* largest;  ///< [rows] the largest score so far
  float* scores;   ///< [rows][64] of one page, then its weights
  std::int64_t row0 = 0;
  int rows = 0;

  explicit RowGroup(const Attend& a) : args(a), width((a.head_dim + 15) / 16 * 16) {
    auto* next = reinterpret_cast<float*>(a.scratch);
    auto take = [&next](int floats) {
      float* start = next;
      next += (floats + 15) / 16 * 16;
      return start;
    };
    wide = take(kPagePositions * width);
    scales = take(kPagePositions * ((a.head_dim + 31) / 32));
    q = take(kAttendRows * width);
    sums = take(kAttendRows * width);
    totals = take(kAttendRows * 16);
    largest = take(kAttendRows);
    scores = take(kAttendRows * kPagePositions);
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
void widen_values(const RowGroup<V>& g, const T* page) {
  for (int j = 0; j < kPagePositions; ++j)
    widen<V>(page + j * g.args.head_dim, g.args.head_dim, g.wide + j * g.width);
}

/// The scales behind the codes of a q8_0 half page, widened.
template <class V>
void widen_q8_scales(const RowGroup<V>& g, const std::byte* page) {
  const int head_dim = g.args.head_dim;
  widen<V>(reinterpret_cast<const f16*>(page + kPagePositions * head_dim),
           kPagePositions * ((head_dim + 31) / 32), g.scales);
}

template <class V>
void widen_q8_keys(const RowGroup<V>& g, const std::byte* page) {
  widen_q8_scales(g, page);
  const auto* codes = reinterpret_cast<const std::int8_t*>(page);
  for (int d = 0; d < g.args.head_dim; ++d) {
    const float* scales = g.scales + d / 32 * kPagePositions;
    for (int j = 0; j < kPagePositions; j += V::kLanes) {
      const int at = d * kPagePositions + j;
      V::store(g.wide + at, V::mul(V::load(codes + at), V::load(scales + j)));
    }
  }
}

template <class V>
void widen_q8_values(const RowGroup<V>& g, const std::byte* page) {
  widen_q8_scales(g, page);
  const int head_dim = g.args.head_dim, groups = (head_dim + 31) / 32;
  const auto* codes = reinterpret_cast<const std::int8_t*>(page);
  for (int j = 0; j < kPagePositions; ++j, codes += head_dim) {
    float* value = g.wide + j * g.width;
    for (int d = 0; d < head_dim; d += V::kLanes) {
      const auto code =
          d + V::kLanes <= head_dim ? V::load(codes + d) : load_some<V>(codes + d, head_dim - d);
      V::store(value + d, V::mul(code, V::all(g.scales[j * groups + d / 32])));
    }
  }
}

// ---- one page ----

/// Rows [r0, r0 + rows) of a group and what they see of a page: `any` covers what one of them sees,
/// `common` is what all see. Without a common part it is empty at 64, so each row stands alone.
struct RowTile {
  int r0, rows;
  PageRange any, common;
};

template <class V>
RowTile make_tile(const RowGroup<V>& g, int page, int r0, int rows) {
  while (rows > 0 && g.range(r0, page).empty()) ++r0, --rows;
  while (rows > 0 && g.range(r0 + rows - 1, page).empty()) --rows;
  PageRange any{kPagePositions, 0}, common{0, kPagePositions};
  for (int r = r0; r < r0 + rows; ++r) {
    const PageRange seen = g.range(r, page);
    if (seen.from > common.from) common.from = seen.from;
    if (seen.to < common.to) common.to = seen.to;
    if (seen.empty()) continue;
    if (seen.from < any.from) any.from = seen.from;
    if (seen.to > any.to) any.to = seen.to;
  }
  if (common.empty()) common = {kPagePositions, kPagePositions};
  return {r0, rows, any, common};
}

/// Calls f for tiles of almost equal height (8 rows go as 4 + 4, not 6 + 2) that see the page.
template <class V, class F>
void for_each_tile(const RowGroup<V>& g, int page, F f) {
  const int tiles = (g.rows + kTileRows - 1) / kTileRows;
  for (int i = 0; i < tiles; ++i) {
    const int r0 = g.rows * i / tiles, r1 = g.rows * (i + 1) / tiles;
    const RowTile t = make_tile(g, page, r0, r1 - r0);
    if (t.rows > 0) f(t);
  }
}

/// Scores of a tile for all positions that one of its rows sees, rounded out to whole vectors.
template <class V, class T>
void make_scores(const RowGroup<V>& g, const RowTile& t, const T* keys) {
  const int first = t.any.from / V::kLanes * V::kLanes;
  TileArgs<T> args;
  args.a = g.q + t.r0 * g.width;
  args.a_step = g.width;
  args.b = keys + first;
  args.b_step = kPagePositions;
  args.b_panel = 16;
  args.k = g.args.head_dim;
  args.c = g.scores + t.r0 * kPagePositions + first;
  args.c_step = kPagePositions;
  args.first = true;
  tile<V, kTileRows>(t.rows, (t.any.to - first + V::kLanes - 1) / V::kLanes, args);
}

/// The lanes of x, positions j and on, that are in `seen`; `other` elsewhere.
template <class V>
typename V::Reg only_seen(typename V::Reg x, PageRange seen, int j, typename V::Reg other) {
  if (seen.from <= j && j + V::kLanes <= seen.to) return x;
  return keep_lanes<V>(x, seen.from - j, seen.to - j, other);
}

/// One row's scores become weights exp(score − largest); its running sums shrink to match.
template <class V>
void make_weights(const RowGroup<V>& g, int row, PageRange seen) {
  using Reg = typename V::Reg;
  float* scores = g.scores + row * kPagePositions;
  const int first = seen.from / V::kLanes * V::kLanes;
  const Reg nothing = V::all(-kInfinity), zero = V::all(0.0f);
  Reg top = nothing;
  for (int j = first; j < seen.to; j += V::kLanes) {
    Reg s = V::load(scores + j);
    if (g.args.softcap > 0) s = capped<V>(s, V::all(g.args.softcap));
    s = only_seen<V>(s, seen, j, nothing);
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
    weight = only_seen<V>(weight, seen, j, zero);
    V::store(scores + j, weight);
    total = V::add(total, weight);
  }
  V::store(totals, total);
}

/// sums += weights·values over positions `seen`, for rows that all see them.
template <class V, class T>
void add_values(const RowGroup<V>& g, int r0, int rows, PageRange seen, const T* values,
                int value_step) {
  if (seen.empty()) return;
  TileArgs<T> args;
  args.a = g.scores + r0 * kPagePositions + seen.from;
  args.a_step = kPagePositions;
  args.b = values + seen.from * value_step;
  args.b_step = value_step;
  args.b_panel = 16;
  args.k = seen.to - seen.from;
  args.c = g.sums + r0 * g.width;
  args.c_step = g.width;
  args.first = false;
  tile<V, kTileRows>(rows, g.width / V::kLanes, args);
}

template <class V, class T>
void score_page(const RowGroup<V>& g, int page, const T* keys) {
  for_each_tile(g, page, [&](const RowTile& t) {
    make_scores(g, t, keys);
    for (int r = t.r0; r < t.r0 + t.rows; ++r)
      if (const PageRange seen = g.range(r, page); !seen.empty()) make_weights(g, r, seen);
  });
}

/// Positions that not every row of a tile sees are added row by row: a weight of zero would still
/// let in a NaN or infinity from a position that is none of a row's business.
template <class V, class T>
void add_page(const RowGroup<V>& g, int page, const T* values, int step) {
  for_each_tile(g, page, [&](const RowTile& t) {
    for (int r = t.r0; r < t.r0 + t.rows; ++r) {
      PageRange head = g.range(r, page);
      if (head.to > t.common.from) head.to = t.common.from;
      add_values(g, r, 1, head, values, step);
    }
    add_values(g, t.r0, t.rows, t.common, values, step);
    for (int r = t.r0; r < t.r0 + t.rows; ++r)
      add_values(g, r, 1, {t.common.to, g.range(r, page).to}, values, step);
  });
}

/// Pages of f32 or f16: read in place where whole vectors fit and nothing is gained by widening.
template <class V, class T>
void attend_stored(const RowGroup<V>& g, int page) {
  const int head_dim = g.args.head_dim;
  const auto* keys = reinterpret_cast<const T*>(g.args.k_pages[page]);
  const auto* values = reinterpret_cast<const T*>(g.args.v_pages[page]);
  const bool repay_widening = sizeof(T) < 4 && g.rows > 2 * kTileRows;
  if (!repay_widening) {
    score_page(g, page, keys);
  } else {
    widen<V>(keys, kPagePositions * head_dim, g.wide);
    score_page(g, page, g.wide);
  }
  if (!repay_widening && head_dim % 16 == 0) return add_page(g, page, values, head_dim);
  widen_values(g, values);
  add_page(g, page, g.wide, g.width);
}

template <class V>
void attend_q8(const RowGroup<V>& g, int page) {
  widen_q8_keys(g, g.args.k_pages[page]);
  score_page(g, page, g.wide);
  widen_q8_values(g, g.args.v_pages[page]);
  add_page(g, page, g.wide, g.width);
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
      if (args.type == KvType::q8_0) attend_q8(g, page);
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
      // A NaN compares false: it too becomes a code.
      code = V::select(V::less(V::all(-127.0f), code), code, V::all(-127.0f));
      V::store(values + i, V::min(V::all(127.0f), code));
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
