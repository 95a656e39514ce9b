// The formula that every ISA keeps, bit for bit. Per output and block b of 32 values, K upwards:
//   dot  = Σ q·a                        exact in int32; two sub-scales: sub0·dot0 + sub1·dot1,
//                                       whose magnitude stays below 2^24, so f32 holds it
//   y    = fma(dot, fl(scale·a_scale), y)
//   Q6_K instead: y = fma(fma(dot1, fl(d·sub1), fl(dot0·fl(d·sub0))), a_scale, y)
//   y    = fma(min, fl(a_scale·Σa), y)  types with minima; twice (halves) for Q2_K
// and then the same with the block's rest, where the activations have one.
#include "kernels/reference_quant.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/blocks.h"
#include "base/half.h"
#include "kernels/q8a_block.h"

namespace hearth::kernels {
namespace {

using u8 = std::uint8_t;

/// A group of blocks of a panel and the place of block `g` in it.
struct Group {
  PanelLayout layout;
  GroupOffsets offsets;
  const u8* base;
  int g;

  float half_at(int offset, int lane) const {
    f16 h;
    std::memcpy(&h, base + offset + 32 * (layout.per_group ? 0 : g) + 2 * lane, 2);
    return to_f32(h);
  }
  int sub_byte(int half, int lane) const {
    return base[offsets.sub + layout.sub_bytes * g + 16 * half + lane];
  }
  int raw_code(int value, int lane) const {
    const int j = value / 4, byte = 4 * lane + value % 4;
    const u8* codes = base + offsets.blocks + layout.block_bytes() * g + byte;
    const u8* planes = codes + layout.code_bytes();
    int code = 0;
    if (layout.code_bits == 8) code = static_cast<std::int8_t>(codes[64 * j]);
    if (layout.code_bits == 4) code = codes[64 * (j % 4)] >> 4 * (j / 4) & 15;
    if (layout.code_bits == 2) code = codes[64 * (j / 4)] >> 2 * (j % 4) & 3;
    if (layout.plane_bits == 1) code |= (planes[0] >> j & 1) << layout.code_bits;
    if (layout.plane_bits == 2)
      code |= (planes[64 * (j / 4)] >> 2 * (j % 4) & 3) << layout.code_bits;
    return code;
  }
};

Group find_group(DType type, const std::byte* panel, std::int64_t k, std::int64_t index) {
  const PanelLayout layout = panel_layout(type);
  const std::int64_t blocks = (k + kBlock - 1) / kBlock, group = index / kGroupBlocks;
  const int count =
      static_cast<int>(std::min<std::int64_t>(kGroupBlocks, blocks - group * kGroupBlocks));
  const std::int64_t base = group * GroupOffsets(layout, kGroupBlocks).end;
  return {layout, GroupOffsets(layout, count), reinterpret_cast<const u8*>(panel) + base,
          static_cast<int>(index % kGroupBlocks)};
}

/// Sub-scales, scale and minima of one lane.
void unpack_scales(DType type, const Group& group, int lane, PanelBlock& block) {
  const PanelLayout& l = group.layout;
  const float d = group.half_at(group.offsets.d, lane);
  const float dmin = l.has_min ? group.half_at(group.offsets.min, lane) : 0.0f;
  int sub[2] = {1, 1};
  float min[2] = {dmin, dmin}, scale = d;
  if (type == DType::q2_k) {
    for (int half : {0, 1}) {
      sub[half] = group.sub_byte(half, lane) & 15;
      min[half] = -(dmin * static_cast<float>(group.sub_byte(half, lane) >> 4));
    }
  } else if (l.sub_bytes == 32) {  // Q3_K, Q6_K: signed
    for (int half : {0, 1}) sub[half] = static_cast<std::int8_t>(group.sub_byte(half, lane));
  } else if (type == DType::iq4_xs) {
    scale = d * static_cast<float>(static_cast<std::int8_t>(group.sub_byte(0, lane)));
  } else if (l.sub_bytes == 16) {  // Q4_K, Q5_K
    scale = d * static_cast<float>(group.sub_byte(0, lane));
    const u8 sub_min = group.base[group.offsets.sub_min + l.min_bytes * group.g + lane];
    min[0] = min[1] = -(dmin * static_cast<float>(sub_min));
  }
  block.scale[lane] = scale;
  for (int half : {0, 1}) {
    block.sub[half][lane] = static_cast<std::int16_t>(sub[half]);
    block.min[half][lane] = min[half];
  }
}

// ---- activations ----

/// One block: codes = x·(127/amax) rounded to nearest even, scale = amax/127.
Q8aBlock quantise_block(const float* x, std::int8_t* codes) {
  std::int32_t largest = 0;
  for (int i = 0; i < kBlock; ++i)
    largest = std::max(largest, std::bit_cast<std::int32_t>(x[i]) & 0x7fffffff);
  const Q8aScale scale = q8a_scale(largest);
  std::int32_t squares = 0;
  for (int i = 0; i < kBlock; ++i) {
    codes[i] = scale.inverse == 0 ? std::int8_t{0}
                                  : static_cast<std::int8_t>(std::nearbyint(x[i] * scale.inverse));
    squares += std::int32_t{codes[i]} * codes[i];
  }
  return {scale.scale, squares};
}

/// The block in its place; Σ code².
std::int32_t store_block(const float* x, std::byte* part, std::int64_t block, std::int64_t k) {
  auto* codes = const_cast<std::int8_t*>(q8a_codes(part)) + block * kBlock;
  auto* sums = const_cast<std::int32_t*>(q8a_sums(part, k)) + 2 * block;
  const Q8aBlock made = quantise_block(x, codes);
  const_cast<float*>(q8a_scales(part, k))[block] = made.scale;
  for (int half : {0, 1}) {
    sums[half] = 0;
    for (int j = 0; j < 16; ++j) sums[half] += codes[16 * half + j];
  }
  return made.squares;
}

void quantise_q8a(const float* x, std::int64_t n, std::byte* row, std::int64_t k0, std::int64_t k) {
  auto* has_rest = const_cast<std::uint8_t*>(q8a_has_rest(row, k));
  for (std::int64_t i = 0; i < n; i += kBlock) {
    float values[kBlock] = {};
    std::copy_n(x + i, std::min<std::int64_t>(kBlock, n - i), values);
    const std::int64_t block = (k0 + i) / kBlock;
    has_rest[block] = q8a_is_outlier(store_block(values, row, block, k));
    if (!has_rest[block]) continue;
    float rest[kBlock];
    q8a_missed(values, q8a_codes(row) + block * kBlock, q8a_scales(row, k)[block], rest);
    store_block(rest, const_cast<std::byte*>(q8a_rest(row, k)), block, k);
  }
  const auto blocks = static_cast<std::size_t>(q8a_padded(k) / kBlock);
  if (k0 + n == k) std::memset(has_rest + blocks, 0, q8a_flag_bytes(k) - blocks);
}

// ---- products ----

/// y[lane] += one block of the panel · one block of an activation row.
void add_block(const PanelLayout& l, const PanelBlock& w, const std::int8_t* a, float a_scale,
               const std::int32_t* sums, int lanes, float* y) {
  for (int lane = 0; lane < lanes; ++lane) {
    std::int32_t dot[2] = {0, 0};
    for (int i = 0; i < kBlock; ++i) dot[i / 16] += w.code[i][lane] * a[i];
    if (l.sub_bytes == 32 && l.code_bits == 4) {
      const auto half = [&](int i) { return w.scale[lane] * static_cast<float>(w.sub[i][lane]); };
      const float low = static_cast<float>(dot[0]) * half(0);
      y[lane] = std::fma(std::fma(static_cast<float>(dot[1]), half(1), low), a_scale, y[lane]);
      continue;
    }
    const std::int32_t total = w.sub[0][lane] * dot[0] + w.sub[1][lane] * dot[1];
    y[lane] = std::fma(static_cast<float>(total), w.scale[lane] * a_scale, y[lane]);
    if (l.sub_bytes == 32 && l.has_min) {
      for (int half : {0, 1})
        y[lane] = std::fma(w.min[half][lane], a_scale * static_cast<float>(sums[half]), y[lane]);
    } else if (l.has_min) {
      y[lane] = std::fma(w.min[0][lane], a_scale * static_cast<float>(sums[0] + sums[1]), y[lane]);
    }
  }
}

void gemm_quant(const Panels& w, std::int64_t p0, std::int64_t p1, const std::byte* a,
                std::size_t a_stride, std::int64_t m, float* out, std::int64_t ldo) {
  const PanelLayout l = panel_layout(w.type);
  for (std::int64_t p = p0; p < p1; ++p) {
    const int lanes = static_cast<int>(std::min<std::int64_t>(kPanelRows, w.n - kPanelRows * p));
    const std::byte* panel = w.data + static_cast<std::size_t>(p) * w.panel_bytes;
    float* y = out + kPanelRows * p;
    for (std::int64_t row = 0; row < m; ++row) std::fill_n(y + row * ldo, lanes, 0.0f);
    for (std::int64_t b = 0; b < q8a_padded(w.k) / kBlock; ++b) {
      PanelBlock block;
      unpack_block(w.type, panel, w.k, b, block);
      for (std::int64_t row = 0; row < m; ++row) {
        const std::byte* activations = a + static_cast<std::size_t>(row) * a_stride;
        const auto add = [&](const std::byte* part) {
          add_block(l, block, q8a_codes(part) + kBlock * b, q8a_scales(part, w.k)[b],
                    q8a_sums(part, w.k) + 2 * b, lanes, y + row * ldo);
        };
        add(activations);
        if (q8a_has_rest(activations, w.k)[b]) add(q8a_rest(activations, w.k));
      }
    }
  }
}

}  // namespace

void unpack_block(DType type, const std::byte* panel, std::int64_t k, std::int64_t index,
                  PanelBlock& block) {
  const Group group = find_group(type, panel, k, index);
  for (int lane = 0; lane < kPanelRows; ++lane) {
    unpack_scales(type, group, lane, block);
    for (int i = 0; i < kBlock; ++i) {
      const int raw = group.raw_code(i, lane);
      const int code = group.layout.levels ? kIq4Levels[raw] : raw - group.layout.zero;
      block.code[i][lane] = static_cast<std::int16_t>(code);
    }
  }
}

void fill_reference_int(KernelTable& table) {
  table.quantise_q8a = quantise_q8a;
  table.gemm_quant = gemm_quant;
}

}  // namespace hearth::kernels
