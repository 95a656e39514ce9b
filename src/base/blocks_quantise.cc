// f32 to blocks. The 32-value types give ggml's bytes; the others fit each sub-block's range to its
// levels, then fit the sub-blocks' scales to their bits, without a search for the least error.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "base/blocks.h"
#include "base/check.h"
#include "base/half.h"

namespace hearth {
namespace {

using u8 = std::uint8_t;
using i8 = std::int8_t;

/// Stores x as half and returns what a reader will see.
float put_half(u8* p, float x) {
  f16 h = to_f16(x);
  std::memcpy(p, &h.bits, 2);
  return to_f32(h);
}

/// x as an integer from low to high, towards zero; NaN is low. A plain cast would be undefined for
/// weights that are not finite.
int clamp_int(float x, int low, int high) {
  if (!(x > static_cast<float>(low))) return low;
  return x < static_cast<float>(high) ? static_cast<int>(x) : high;
}
/// The same to nearest, halves away from zero. (std::round is a slow call on plain x86-64.)
int nearest_int(float x, int low, int high) {
  int whole = clamp_int(x, low, high);
  float rest = x - static_cast<float>(whole);  // exact where it matters
  return std::clamp(whole + (rest >= 0.5f) - (rest <= -0.5f), low, high);
}

float inverse(float x) { return x != 0 ? 1 / x : 0; }

/// The element of largest magnitude, with its sign.
float extreme(std::span<const float> x) {
  float best = 0;
  for (float v : x)
    if (std::fabs(v) > std::fabs(best)) best = v;
  return best;
}

struct Range {
  float min, max;
};
Range range_of(std::span<const float> x) {
  Range r{x[0], x[0]};
  for (float v : x) r = {v < r.min ? v : r.min, v > r.max ? v : r.max};
  return r;
}

/// Sets the nibble of element i of a zeroed 32-block.
void put_nibble(u8* q, int i, int code) { q[i & 15] |= static_cast<u8>(i < 16 ? code : code << 4); }

void put_high_bit(u8* qh, int i, int code) {
  qh[i >> 3] |= static_cast<u8>((code >> 4 & 1) << (i & 7));
}

// ---- 32 values a block: ggml's reference ----

void q8_0(const float* x, u8* b) {
  float d = std::fabs(extreme({x, 32})) / 127, id = inverse(d);
  put_half(b, d);
  for (int i = 0; i < 32; ++i) b[2 + i] = static_cast<u8>(nearest_int(x[i] * id, -128, 127));
}

void q4_0(const float* x, u8* b) {
  float d = extreme({x, 32}) / -8, id = inverse(d);
  put_half(b, d);
  for (int i = 0; i < 32; ++i) put_nibble(b + 2, i, clamp_int(x[i] * id + 8.5f, 0, 15));
}

void q4_1(const float* x, u8* b) {
  auto [min, max] = range_of({x, 32});
  float d = (max - min) / 15, id = inverse(d);
  put_half(b, d);
  put_half(b + 2, min);
  for (int i = 0; i < 32; ++i) put_nibble(b + 4, i, clamp_int((x[i] - min) * id + 0.5f, 0, 15));
}

void q5_0(const float* x, u8* b) {
  float d = extreme({x, 32}) / -16, id = inverse(d);
  put_half(b, d);
  for (int i = 0; i < 32; ++i) {
    int code = clamp_int(x[i] * id + 16.5f, 0, 31);
    put_high_bit(b + 2, i, code);
    put_nibble(b + 6, i, code & 15);
  }
}

void q5_1(const float* x, u8* b) {
  auto [min, max] = range_of({x, 32});
  float d = (max - min) / 31, id = inverse(d);
  put_half(b, d);
  put_half(b + 2, min);
  for (int i = 0; i < 32; ++i) {
    int code = clamp_int((x[i] - min) * id + 0.5f, 0, 31);
    put_high_bit(b + 4, i, code);
    put_nibble(b + 8, i, code & 15);
  }
}

// ---- the level table of IQ4 ----

/// The level nearest to x: as many as there are midpoints below it.
int nearest_level(float x) {
  int level = 0;
  for (int i = 0; i < 15; ++i)
    level += 2 * x > static_cast<float>(kIq4Levels[i] + kIq4Levels[i + 1]);
  return level;
}

void iq4_nl(const float* x, u8* b) {
  float id = inverse(put_half(b, extreme({x, 32}) / kIq4Levels[0]));
  for (int i = 0; i < 32; ++i) put_nibble(b + 2, i, nearest_level(x[i] * id));
}

// ---- 256 values a block ----

/// Scales of sub-blocks with levels around zero: those of `size` values, each the sub-block's
/// extreme over the lowest level; `d` is what makes them fit in ±`largest`.
struct SignedFit {
  float d;
  int scale[16];
};
SignedFit fit_signed(const float* x, int size, float lowest, int largest, u8* d_out) {
  SignedFit fit{};
  float scale[16], most = 0;
  for (int s = 0; s < 256 / size; ++s) {
    scale[s] = extreme({x + size * s, static_cast<std::size_t>(size)}) / lowest;
    most = std::max(most, std::fabs(scale[s]));
  }
  fit.d = put_half(d_out, most / static_cast<float>(largest));
  for (int s = 0; s < 256 / size; ++s)
    fit.scale[s] = nearest_int(scale[s] * inverse(fit.d), -largest, largest);
  return fit;
}

/// Scales and minima of sub-blocks with levels 0…top above a minimum ≤ 0, both in 0…largest.
struct MinFit {
  float d, dmin;
  int scale[16], min[16];
  int code(float x, int s, int top) const {
    float step = d * static_cast<float>(scale[s]), base = dmin * static_cast<float>(min[s]);
    return nearest_int((x + base) * inverse(step), 0, top);
  }
};
MinFit fit_min(const float* x, int size, int top, int largest, u8* d_out) {
  MinFit fit{};
  float scale[16], min[16], most_scale = 0, most_min = 0;
  for (int s = 0; s < 256 / size; ++s) {
    Range r = range_of({x + size * s, static_cast<std::size_t>(size)});
    min[s] = std::max(0.0f, -r.min);
    scale[s] = std::max(0.0f, (r.max + min[s]) / static_cast<float>(top));
    most_scale = std::max(most_scale, scale[s]);
    most_min = std::max(most_min, min[s]);
  }
  fit.d = put_half(d_out, most_scale / static_cast<float>(largest));
  fit.dmin = put_half(d_out + 2, most_min / static_cast<float>(largest));
  for (int s = 0; s < 256 / size; ++s) {
    fit.scale[s] = nearest_int(scale[s] * inverse(fit.d), 0, largest);
    fit.min[s] = nearest_int(min[s] * inverse(fit.dmin), 0, largest);
  }
  return fit;
}

void put_two_bits(u8* q, int i, int code) {
  q[32 * (i >> 7) + (i & 31)] |= static_cast<u8>(code << 2 * (i >> 5 & 3));
}

void q2_k(const float* x, u8* b) {
  MinFit fit = fit_min(x, 16, 3, 15, b + 80);
  for (int s = 0; s < 16; ++s) b[s] = static_cast<u8>(fit.scale[s] | fit.min[s] << 4);
  for (int i = 0; i < 256; ++i) put_two_bits(b + 16, i, fit.code(x[i], i >> 4, 3));
}

void q3_k(const float* x, u8* b) {
  SignedFit fit = fit_signed(x, 16, -4, 31, b + 108);
  for (int s = 0; s < 16; ++s) {
    int scale = fit.scale[s] + 32;
    b[96 + (s & 7)] |= static_cast<u8>(s < 8 ? scale & 15 : (scale & 15) << 4);
    b[96 + 8 + (s & 3)] |= static_cast<u8>(scale >> 4 << 2 * (s >> 2));
  }
  for (int i = 0; i < 256; ++i) {
    float step = fit.d * static_cast<float>(fit.scale[i >> 4]);
    int code = nearest_int(x[i] * inverse(step), -4, 3);
    b[i & 31] |= static_cast<u8>((code >= 0) << (i >> 5));
    put_two_bits(b + 32, i, code & 3);
  }
}

void put_scales(const MinFit& fit, u8* s) {
  for (int g = 0; g < 4; ++g) {
    s[g] = static_cast<u8>(fit.scale[g] | fit.scale[g + 4] >> 4 << 6);
    s[g + 4] = static_cast<u8>(fit.min[g] | fit.min[g + 4] >> 4 << 6);
    s[g + 8] = static_cast<u8>((fit.scale[g + 4] & 15) | (fit.min[g + 4] & 15) << 4);
  }
}

/// The nibble of element i of Q4_K and Q5_K: pairs of sub-blocks share bytes.
void put_k_nibble(u8* q, int i, int code) {
  q[32 * (i >> 6) + (i & 31)] |= static_cast<u8>(i & 32 ? code << 4 : code);
}

void q4_k(const float* x, u8* b) {
  MinFit fit = fit_min(x, 32, 15, 63, b);
  put_scales(fit, b + 4);
  for (int i = 0; i < 256; ++i) put_k_nibble(b + 16, i, fit.code(x[i], i >> 5, 15));
}

void q5_k(const float* x, u8* b) {
  MinFit fit = fit_min(x, 32, 31, 63, b);
  put_scales(fit, b + 4);
  for (int i = 0; i < 256; ++i) {
    int code = fit.code(x[i], i >> 5, 31);
    b[16 + (i & 31)] |= static_cast<u8>((code >> 4) << (i >> 5));
    put_k_nibble(b + 48, i, code & 15);
  }
}

void q6_k(const float* x, u8* b) {
  SignedFit fit = fit_signed(x, 16, -32, 127, b + 208);
  for (int s = 0; s < 16; ++s) b[192 + s] = static_cast<u8>(fit.scale[s]);
  for (int i = 0; i < 256; ++i) {
    int n = i >> 7, j = i >> 5 & 3, l = i & 31;
    float step = fit.d * static_cast<float>(fit.scale[i >> 4]);
    int code = nearest_int(x[i] * inverse(step), -32, 31) + 32;
    b[64 * n + 32 * (j & 1) + l] |= static_cast<u8>(j < 2 ? code & 15 : (code & 15) << 4);
    b[128 + 32 * n + l] |= static_cast<u8>(code >> 4 << 2 * j);
  }
}

void iq4_xs(const float* x, u8* b) {
  SignedFit fit = fit_signed(x, 32, kIq4Levels[0], 31, b);
  int high = 0;
  for (int g = 0; g < 8; ++g) {
    int scale = fit.scale[g] + 32;
    b[4 + (g >> 1)] |= static_cast<u8>((scale & 15) << 4 * (g & 1));
    high |= scale >> 4 << 2 * g;
  }
  b[2] = static_cast<u8>(high);
  b[3] = static_cast<u8>(high >> 8);
  for (int i = 0; i < 256; ++i) {
    float step = fit.d * static_cast<float>(fit.scale[i >> 5]);
    put_nibble(b + 8 + 16 * (i >> 5), i & 31, nearest_level(x[i] * inverse(step)));
  }
}

using Pack = void (*)(const float* x, u8* zeroed_block);
Pack pack_of(DType type) {
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

}  // namespace

void quantise_row(DType type, const float* row, std::byte* out, std::size_t n) {
  const DTypeInfo& info = dtype_info(type);
  CHECK(n % info.block_elems == 0);
  if (type == DType::f32) {
    if (n) std::memcpy(out, row, 4 * n);
  } else if (type == DType::f16 || type == DType::bf16) {
    for (std::size_t i = 0; i < n; ++i) {
      std::uint16_t bits = type == DType::f16 ? to_f16(row[i]).bits : to_bf16(row[i]).bits;
      std::memcpy(out + 2 * i, &bits, 2);
    }
  } else {
    Pack pack = pack_of(type);
    for (std::size_t i = 0; i < n; i += info.block_elems, out += info.block_bytes) {
      std::memset(out, 0, info.block_bytes);
      pack(row + i, reinterpret_cast<u8*>(out));
    }
  }
}

}  // namespace hearth
