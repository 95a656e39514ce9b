// Packing in two steps: a file block becomes eight words of four byte-wide codes, whatever the
// type; then words go to their lane, squeezed to 4 or 2 bits and planes. Words hold the values
// 4j … 4j+3 of a block of 32, so all shifting is done four values at a time.
#include "kernels/pack.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/blocks.h"
#include "base/check.h"
#include "kernels/panel_layout.h"

namespace hearth::kernels {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read as the file stores them");

using u8 = std::uint8_t;
using u32 = std::uint32_t;

constexpr u32 kBits1 = 0x01010101, kBits2 = 0x03030303, kBits4 = 0x0f0f0f0f;

u32 load(const u8* p, int word = 0) {
  u32 x;
  std::memcpy(&x, p + 4 * word, 4);
  return x;
}

/// Codes of one block of 32, one per byte; word j holds the values 4j … 4j+3.
struct Codes {
  u32 word[8];
};

// ---- file blocks to codes ----

void nibbles(const u8* q, Codes& c) {
  for (int j = 0; j < 4; ++j) {
    c.word[j] = load(q, j) & kBits4;
    c.word[j + 4] = load(q, j) >> 4 & kBits4;
  }
}

/// Bit i of `bits` becomes bit 4 of code i.
void fifth_bits(u32 bits, Codes& c) {
  for (int j = 0; j < 8; ++j) c.word[j] |= ((bits >> 4 * j & 15) * 0x00204081 & kBits1) << 4;
}

/// Block `g` (0..7) of the file block at `b`; types of 32 values have only block 0.
[[gnu::always_inline]] inline void file_codes(DType type, const u8* b, int g, Codes& c) {
  switch (type) {
    case DType::q8_0:
      for (int j = 0; j < 8; ++j) c.word[j] = load(b + 2, j);
      break;
    case DType::q4_0:
    case DType::iq4_nl:
      nibbles(b + 2, c);
      break;
    case DType::q4_1:
      nibbles(b + 4, c);
      break;
    case DType::q5_0:
      nibbles(b + 6, c);
      fifth_bits(load(b + 2), c);
      break;
    case DType::q5_1:
      nibbles(b + 8, c);
      fifth_bits(load(b + 4), c);
      break;
    case DType::q2_k:
      for (int j = 0; j < 8; ++j)
        c.word[j] = load(b + 16 + 32 * (g >> 2), j) >> 2 * (g & 3) & kBits2;
      break;
    case DType::q3_k:
      for (int j = 0; j < 8; ++j)
        c.word[j] = (load(b + 32 + 32 * (g >> 2), j) >> 2 * (g & 3) & kBits2) |
                    (load(b, j) >> g & kBits1) << 2;
      break;
    case DType::q4_k:
      for (int j = 0; j < 8; ++j)
        c.word[j] = load(b + 16 + 32 * (g >> 1), j) >> 4 * (g & 1) & kBits4;
      break;
    case DType::q5_k:
      for (int j = 0; j < 8; ++j)
        c.word[j] = (load(b + 48 + 32 * (g >> 1), j) >> 4 * (g & 1) & kBits4) |
                    (load(b + 16, j) >> g & kBits1) << 4;
      break;
    case DType::q6_k:
      for (int j = 0; j < 8; ++j)
        c.word[j] = (load(b + 64 * (g >> 2) + 32 * (g & 1), j) >> 4 * (g >> 1 & 1) & kBits4) |
                    (load(b + 128 + 32 * (g >> 2), j) >> 2 * (g & 3) & kBits2) << 4;
      break;
    case DType::iq4_xs:
      nibbles(b + 8 + 16 * g, c);
      break;
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      break;
  }
}

// ---- codes to a lane of the panel ----

void put_word(std::byte* vectors, int vector, int lane, u32 word) {
  std::memcpy(vectors + 64 * vector + 4 * lane, &word, 4);
}

[[gnu::always_inline]] inline void put_codes(const PanelLayout& l, const Codes& c, int lane,
                                             std::byte* codes) {
  const u32* w = c.word;
  std::byte* planes = codes + l.code_bytes();
  if (l.code_bits == 8) {
    for (int j = 0; j < 8; ++j) put_word(codes, j, lane, w[j]);
  } else if (l.code_bits == 4) {
    for (int i = 0; i < 4; ++i)
      put_word(codes, i, lane, (w[i] & kBits4) | (w[i + 4] & kBits4) << 4);
  } else {
    for (int i = 0; i < 2; ++i) {
      u32 packed = 0;
      for (int p = 0; p < 4; ++p) packed |= (w[4 * i + p] & kBits2) << 2 * p;
      put_word(codes, i, lane, packed);
    }
  }
  if (l.plane_bits == 1) {
    u32 packed = 0;
    for (int j = 0; j < 8; ++j) packed |= (w[j] >> l.code_bits & kBits1) << j;
    put_word(planes, 0, lane, packed);
  } else if (l.plane_bits == 2) {
    for (int i = 0; i < 2; ++i) {
      u32 packed = 0;
      for (int p = 0; p < 4; ++p) packed |= (w[4 * i + p] >> l.code_bits & kBits2) << 2 * p;
      put_word(planes, i, lane, packed);
    }
  }
}

// ---- scales ----

/// Where a type's file block keeps its f16 d and, if it has one, its minimum or dmin.
struct FileScales {
  int d = 0, min = 2;
};
FileScales file_scales(DType type) {
  if (type == DType::q2_k) return {80, 82};
  if (type == DType::q3_k) return {108, 0};
  if (type == DType::q6_k) return {208, 0};
  return {};
}

/// Sub-scales and sub-minima of block `g`: sub[16·half + lane], sub_min[lane].
[[gnu::always_inline]] inline void put_sub_scales(DType type, const u8* b, int g, int lane,
                                                  std::byte* sub, std::byte* sub_min) {
  auto put = [lane](std::byte* to, int half, int value) {
    to[16 * half + lane] = static_cast<std::byte>(value);
  };
  switch (type) {
    case DType::q2_k:
      for (int half : {0, 1}) put(sub, half, b[2 * g + half]);
      break;
    case DType::q3_k:
      for (int half : {0, 1}) put(sub, half, q3_k_scale(b + 96, 2 * g + half));
      break;
    case DType::q6_k:
      for (int half : {0, 1}) put(sub, half, b[192 + 2 * g + half]);
      break;
    case DType::q4_k:
    case DType::q5_k: {
      ScaleMin scale = k_scale_min(b + 4, g);
      put(sub, 0, scale.scale);
      put(sub_min, 0, scale.min);
      break;
    }
    case DType::iq4_xs: {
      int low = b[4 + (g >> 1)] >> 4 * (g & 1) & 15, high = load(b) >> (16 + 2 * g) & 3;
      put(sub, 0, (low | high << 4) - 32);
      break;
    }
    default:
      break;
  }
}

// ---- one row into its lane ----

/// The type is the compiler's to know: then all of the above is a few shifts.
template <DType kType>
void pack_lane(const u8* row, std::int64_t blocks, int lane, std::byte* panel) {
  constexpr PanelLayout l = panel_layout(kType);
  const FileScales scales = file_scales(kType);
  const std::uint32_t block_bytes = dtype_info(kType).block_bytes;
  for (std::int64_t at = 0; at < blocks; at += kGroupBlocks) {
    const int count = static_cast<int>(std::min<std::int64_t>(kGroupBlocks, blocks - at));
    const GroupOffsets offsets(l, count);
    for (int g = 0; g < count; ++g) {
      if (!l.per_group || g == 0) {
        std::memcpy(panel + offsets.d + 32 * g + 2 * lane, row + scales.d, 2);
        if (l.has_min) std::memcpy(panel + offsets.min + 32 * g + 2 * lane, row + scales.min, 2);
      }
      put_sub_scales(kType, row, g, lane, panel + offsets.sub + l.sub_bytes * g,
                     panel + offsets.sub_min + l.min_bytes * g);
      Codes codes;
      file_codes(kType, row, g, codes);
      put_codes(l, codes, lane, panel + offsets.blocks + l.block_bytes() * g);
      if (!l.per_group) row += block_bytes;
    }
    if (l.per_group) row += block_bytes;
    panel += offsets.end;
  }
}

using PackLane = void (*)(const u8* row, std::int64_t blocks, int lane, std::byte* panel);

PackLane lane_packer(DType type) {
  switch (type) {
#define HEARTH_TYPE(type) \
  case DType::type:       \
    return pack_lane<DType::type>;
    HEARTH_TYPE(q8_0)
    HEARTH_TYPE(q4_0)
    HEARTH_TYPE(q4_1)
    HEARTH_TYPE(q5_0)
    HEARTH_TYPE(q5_1)
    HEARTH_TYPE(q2_k)
    HEARTH_TYPE(q3_k)
    HEARTH_TYPE(q4_k)
    HEARTH_TYPE(q5_k)
    HEARTH_TYPE(q6_k)
    HEARTH_TYPE(iq4_nl)
    HEARTH_TYPE(iq4_xs)
#undef HEARTH_TYPE
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      break;
  }
  return nullptr;
}

/// f32, f16, bf16: [k][16] in the stored type.
template <class Bits>
void pack_plain(const std::byte* const rows[kPanelRows], std::int64_t k, std::byte* panel) {
  for (int lane = 0; lane < kPanelRows; ++lane) {
    if (!rows[lane]) continue;
    std::byte* to = panel + sizeof(Bits) * static_cast<std::size_t>(lane);
    for (std::int64_t i = 0; i < k; ++i, to += sizeof(Bits) * kPanelRows)
      std::memcpy(to, rows[lane] + sizeof(Bits) * static_cast<std::size_t>(i), sizeof(Bits));
  }
}

}  // namespace

std::size_t panel_bytes(DType type, std::int64_t k) {
  if (!is_quantised(type)) {
    std::size_t bytes = static_cast<std::size_t>(k) * kPanelRows * dtype_info(type).block_bytes;
    return (bytes + 63) / 64 * 64;
  }
  const PanelLayout l = panel_layout(type);
  const std::int64_t blocks = (k + kBlock - 1) / kBlock;
  const int rest = static_cast<int>(blocks % kGroupBlocks);
  CHECK(!l.per_group || rest == 0);
  std::size_t bytes = static_cast<std::size_t>(blocks / kGroupBlocks) *
                      static_cast<std::size_t>(GroupOffsets(l, kGroupBlocks).end);
  return rest == 0 ? bytes : bytes + static_cast<std::size_t>(GroupOffsets(l, rest).end);
}

std::size_t pair_panel_bytes(std::int64_t k) {
  return static_cast<std::size_t>((k + 1) / 2) * kPanelRows * 4;
}

void pack_pairs(const std::byte* const rows[kPanelRows], std::int64_t k, std::byte* panel) {
  std::memset(panel, 0, pair_panel_bytes(k));
  for (int lane = 0; lane < kPanelRows; ++lane) {
    if (!rows[lane]) continue;
    std::byte* to = panel + 4 * lane;
    for (std::int64_t i = 0; i < k; i += 2, to += 4 * kPanelRows)
      std::memcpy(to, rows[lane] + 2 * i, i + 1 < k ? 4 : 2);
  }
}

void pack_panel(DType type, const std::byte* const rows[kPanelRows], std::int64_t k,
                std::byte* panel) {
  // Also zeroes null rows and padding: a lane of zero scales contributes nothing.
  std::memset(panel, 0, panel_bytes(type, k));
  if (type == DType::f32) return pack_plain<std::uint32_t>(rows, k, panel);
  if (!is_quantised(type)) return pack_plain<std::uint16_t>(rows, k, panel);
  const PackLane pack_lane = lane_packer(type);
  for (int lane = 0; lane < kPanelRows; ++lane)
    if (rows[lane])
      pack_lane(reinterpret_cast<const u8*>(rows[lane]), (k + kBlock - 1) / kBlock, lane, panel);
}

}  // namespace hearth::kernels
