// Where things lie in a packed panel of a quantised type (drawn in docs/PACKING.md).
//
// A panel is 16 output rows ("lanes"). Along K it is a run of groups of up to 8 blocks of 32
// values (256 values: one block of the K types). A group is a head (d, min, sub-scales and
// sub-minima of all lanes), then its blocks, everything 64-byte aligned. A block is
//   codes   8, 4 or 2 bits a value, as 64-byte vectors: byte [lane·4 + t] belongs to value 4j + t
//   planes  the missing 1 or 2 high bits
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"

namespace hearth::kernels {

inline constexpr int kBlock = 32;       ///< values per activation scale
inline constexpr int kGroupBlocks = 8;  ///< blocks per group

/// What a type stores, in bytes per block of 32 × 16 lanes unless said otherwise.
struct PanelLayout {
  bool per_group = false;  ///< one d (and min) per group: the K types; else per block
  bool has_min = false;    ///< f16 beside d: the minimum, or its scale dmin
  int sub_bytes = 0;       ///< sub-scales: 16 (one a lane) or 32 (two: values 0–15, 16–31)
  int min_bytes = 0;       ///< sub-minima
  int code_bits = 4;       ///< 8, 4 or 2
  int plane_bits = 0;      ///< 0, 1 or 2 more
  int zero = 0;            ///< code that means 0
  bool levels = false;     ///< codes index kIq4Levels

  constexpr int code_bytes() const { return code_bits * 64; }
  constexpr int plane_bytes() const { return plane_bits * 64; }
  constexpr int block_bytes() const { return code_bytes() + plane_bytes(); }
};

constexpr PanelLayout panel_layout(DType type) {
  PanelLayout l;
  switch (type) {
    case DType::q8_0:
      return l.code_bits = 8, l;
    case DType::q4_0:
      return l.zero = 8, l;
    case DType::q4_1:
      return l.has_min = true, l;
    case DType::q5_0:
      return l.plane_bits = 1, l.zero = 16, l;
    case DType::q5_1:
      return l.plane_bits = 1, l.has_min = true, l;
    case DType::iq4_nl:
      return l.levels = true, l;
    case DType::q2_k:  // a byte of sub-scales: scale | min << 4
      return l.per_group = true, l.has_min = true, l.sub_bytes = 32, l.code_bits = 2, l;
    case DType::q3_k:
      return l.per_group = true, l.sub_bytes = 32, l.code_bits = 2, l.plane_bits = 1, l.zero = 4, l;
    case DType::q4_k:
      return l.per_group = true, l.has_min = true, l.sub_bytes = l.min_bytes = 16, l;
    case DType::q5_k:
      return l.per_group = true, l.has_min = true, l.sub_bytes = l.min_bytes = 16, l.plane_bits = 1,
             l;
    case DType::q6_k:
      return l.per_group = true, l.sub_bytes = 32, l.plane_bits = 2, l.zero = 32, l;
    case DType::iq4_xs:
      return l.per_group = true, l.sub_bytes = 16, l.levels = true, l;
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      break;
  }
  return l;
}

/// Byte offsets of a group of `count` blocks (the last group of a row may be short).
struct GroupOffsets {
  int d = 0, min, sub, sub_min, blocks, end;

  constexpr GroupOffsets(const PanelLayout& l, int count)
      : min((l.per_group ? 1 : count) * 32),
        sub(l.has_min ? 2 * min : min),
        sub_min(sub + l.sub_bytes * count),
        blocks((sub_min + l.min_bytes * count + 63) / 64 * 64),
        end(blocks + l.block_bytes() * count) {}
};

}  // namespace hearth::kernels
