// Every block format from bytes to f32. Formulas follow the element index i of a block, as the
// format descriptions do: clear first, since kernels have their own unpacking.
#include "base/blocks.h"

#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/half.h"

namespace hearth {
namespace {

using u8 = std::uint8_t;
using i8 = std::int8_t;

float half_at(const u8* p) {
  f16 h;
  std::memcpy(&h.bits, p, 2);
  return to_f32(h);
}

std::uint32_t u32_at(const u8* p) {
  std::uint32_t x;
  std::memcpy(&x, p, 4);
  return x;
}

/// The 4-bit code of element i of a 32-block: low nibbles first, then high.
int nibble(const u8* q, int i) { return i < 16 ? q[i] & 15 : q[i - 16] >> 4; }

// ---- 32 values a block ----

void q8_0(const u8* b, float* y) {
  float d = half_at(b);
  for (int i = 0; i < 32; ++i) y[i] = static_cast<i8>(b[2 + i]) * d;
}
void q4_0(const u8* b, float* y) {
  float d = half_at(b);
  for (int i = 0; i < 32; ++i) y[i] = (nibble(b + 2, i) - 8) * d;
}
void q4_1(const u8* b, float* y) {
  float d = half_at(b), m = half_at(b + 2);
  for (int i = 0; i < 32; ++i) y[i] = nibble(b + 4, i) * d + m;
}
void q5_0(const u8* b, float* y) {
  float d = half_at(b);
  std::uint32_t high = u32_at(b + 2);
  for (int i = 0; i < 32; ++i) y[i] = ((nibble(b + 6, i) | (high >> i & 1) << 4) - 16.0f) * d;
}
void q5_1(const u8* b, float* y) {
  float d = half_at(b), m = half_at(b + 2);
  std::uint32_t high = u32_at(b + 4);
  for (int i = 0; i < 32; ++i) y[i] = (nibble(b + 8, i) | (high >> i & 1) << 4) * d + m;
}
void iq4_nl(const u8* b, float* y) {
  float d = half_at(b);
  for (int i = 0; i < 32; ++i) y[i] = kIq4Levels[nibble(b + 2, i)] * d;
}

// ---- 256 values a block: n = half, j = 2-bit plane in it, l = column of 32 ----

/// The 2-bit code of element i of Q2_K and Q3_K.
int two_bits(const u8* q, int i) { return q[32 * (i >> 7) + (i & 31)] >> 2 * (i >> 5 & 3) & 3; }

void q2_k(const u8* b, float* y) {
  const u8 *scales = b, *q = b + 16;
  float d = half_at(b + 80), dmin = half_at(b + 82);
  for (int i = 0; i < 256; ++i) {
    float scale = d * (scales[i >> 4] & 15), min = dmin * (scales[i >> 4] >> 4);
    y[i] = scale * two_bits(q, i) - min;
  }
}

void q3_k(const u8* b, float* y) {
  const u8 *absent = b, *q = b + 32, *scales = b + 96;
  float d = half_at(b + 108);
  for (int i = 0; i < 256; ++i) {
    // A cleared bit of the mask subtracts 4: codes run from -4 to 3.
    int code = two_bits(q, i) - (absent[i & 31] >> (i >> 5) & 1 ? 0 : 4);
    y[i] = d * q3_k_scale(scales, i >> 4) * code;
  }
}

void q4_k(const u8* b, float* y) {
  const u8 *scales = b + 4, *q = b + 16;
  float d = half_at(b), dmin = half_at(b + 2);
  for (int i = 0; i < 256; ++i) {
    int g = i >> 5;
    u8 pair = q[32 * (g >> 1) + (i & 31)];
    auto [scale, min] = k_scale_min(scales, g);
    y[i] = d * scale * (g & 1 ? pair >> 4 : pair & 15) - dmin * min;
  }
}

void q5_k(const u8* b, float* y) {
  const u8 *scales = b + 4, *high = b + 16, *q = b + 48;
  float d = half_at(b), dmin = half_at(b + 2);
  for (int i = 0; i < 256; ++i) {
    int g = i >> 5, l = i & 31;
    u8 pair = q[32 * (g >> 1) + l];
    int code = (g & 1 ? pair >> 4 : pair & 15) | (high[l] >> g & 1) << 4;
    auto [scale, min] = k_scale_min(scales, g);
    y[i] = d * scale * code - dmin * min;
  }
}

void q6_k(const u8* b, float* y) {
  const u8 *low = b, *high = b + 128, *scales = b + 192;
  float d = half_at(b + 208);
  for (int i = 0; i < 256; ++i) {
    int n = i >> 7, j = i >> 5 & 3, l = i & 31;
    u8 pair = low[64 * n + 32 * (j & 1) + l];
    int code = (j < 2 ? pair & 15 : pair >> 4) | (high[32 * n + l] >> 2 * j & 3) << 4;
    y[i] = d * static_cast<i8>(scales[i >> 4]) * (code - 32);
  }
}

void iq4_xs(const u8* b, float* y) {
  const u8 *low = b + 4, *q = b + 8;
  float d = half_at(b);
  int high = b[2] | b[3] << 8;
  for (int i = 0; i < 256; ++i) {
    int g = i >> 5;
    int scale = (low[g >> 1] >> 4 * (g & 1) & 15) | (high >> 2 * g & 3) << 4;
    y[i] = d * (scale - 32) * kIq4Levels[nibble(q + 16 * g, i & 31)];
  }
}

using Unpack = void (*)(const u8* block, float* y);
Unpack unpack_of(DType type) {
  switch (type) {
    case DType::q8_0:
      return q8_0;
    case DType::q4_0:
      return q4_0;
    case DType::q4_1:
      return q4_1;
    case DType::q5_0:
      return q5_0;
    case DType::q5_1:
      return q5_1;
    case DType::q2_k:
      return q2_k;
    case DType::q3_k:
      return q3_k;
    case DType::q4_k:
      return q4_k;
    case DType::q5_k:
      return q5_k;
    case DType::q6_k:
      return q6_k;
    case DType::iq4_nl:
      return iq4_nl;
    case DType::iq4_xs:
      return iq4_xs;
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      break;
  }
  return nullptr;
}

template <class Half>
void widen(const std::byte* row, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    Half h;
    std::memcpy(&h, row + 2 * i, 2);
    out[i] = to_f32(h);
  }
}

}  // namespace

ScaleMin k_scale_min(const u8* s, int g) {
  if (g < 4) return {static_cast<u8>(s[g] & 63), static_cast<u8>(s[g + 4] & 63)};
  return {static_cast<u8>((s[g + 4] & 15) | s[g - 4] >> 6 << 4),
          static_cast<u8>(s[g + 4] >> 4 | s[g] >> 6 << 4)};
}

int q3_k_scale(const u8* scales, int s) {
  int low = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
  int high = scales[8 + (s & 3)] >> 2 * (s >> 2) & 3;
  return (low | high << 4) - 32;
}

void dequantise_row(DType type, const std::byte* row, float* out, std::size_t n) {
  const DTypeInfo& info = dtype_info(type);
  CHECK(n % info.block_elems == 0);
  if (type == DType::f32) {
    if (n) std::memcpy(out, row, 4 * n);
  } else if (type == DType::f16) {
    widen<f16>(row, out, n);
  } else if (type == DType::bf16) {
    widen<bf16>(row, out, n);
  } else {
    Unpack unpack = unpack_of(type);
    for (std::size_t i = 0; i < n; i += info.block_elems, row += info.block_bytes)
      unpack(reinterpret_cast<const u8*>(row), out + i);
  }
}

}  // namespace hearth
