// Resampling in integers: Pillow's 22-bit weights or ATen's 16-bit ones, first along rows, then
// along columns, rounded to 8 bits in between.
#include "media/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/check.h"

namespace hearth {
namespace {

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double bilinear(double x) { return std::max(0.0, 1 - std::abs(x)); }

struct Filter {
  double (*value)(double);
  double support;
};

Filter filter_of(Resample resample) {
  switch (resample) {
    case Resample::pillow_lanczos:
      return {lanczos, 3};
    case Resample::pillow_bilinear:
      return {bilinear, 1};
    case Resample::pillow_bicubic:
    case Resample::torchvision_bicubic:
      break;
  }
  return {bicubic, 2};
}

constexpr int kMostBits = 22;

/// ATen's: as many bits as keep the largest weight below 2^15.
int bits_of_int16(const std::vector<double>& weights) {
  const double largest = *std::max_element(weights.begin(), weights.end());
  int bits = 0;
  while (bits < kMostBits && static_cast<int>(0.5 + largest * (1 << (bits + 1))) < (1 << 15))
    ++bits;
  return bits;
}

// Vectors of groups of four bytes. A byte is taken out by a shift and a mask of the whole group, so
// the same lines make good code for any width. Three channels leave every fourth byte unused.
//
// One block of kBytes: out[j] = clamp((half + Σ_t weights[t] · in[t·stride + j]) >> bits).
template <int kBytes, int kChannels>
[[gnu::always_inline]] inline void weighted_block(const std::uint8_t* in, std::size_t stride,
                                                  const std::int32_t* weights, int count, int bits,
                                                  std::uint8_t* out) {
  using Groups [[gnu::vector_size(kBytes)]] = std::uint32_t;
  using Sums [[gnu::vector_size(kBytes)]] = std::int32_t;
  Sums a = Sums{} + (std::int32_t{1} << (bits - 1)), b = a, c = a, d = a;
  for (int t = 0; t < count; ++t, in += stride) {
    Groups bytes;
    std::memcpy(&bytes, in, kBytes);
    const std::int32_t weight = weights[t];
    a += (Sums)(bytes & 255) * weight;
    b += (Sums)(bytes >> 8 & 255) * weight;
    c += (Sums)(bytes >> 16 & 255) * weight;
    if constexpr (kChannels == 4) d += (Sums)(bytes >> 24) * weight;
  }
  const auto clamp = [bits](Sums & sum) __attribute__((always_inline)) {
    sum >>= bits;
    sum &= ~(sum >> 31);                    // below 0: 0
    sum = (sum | (255 - sum) >> 31) & 255;  // above 255: all ones
  };
  clamp(a), clamp(b), clamp(c), clamp(d);
  const Groups bytes = (Groups)(a | b << 8 | c << 16 | d << 24);
  std::memcpy(out, &bytes, kBytes);
}

/// One output row of `n` bytes from rows that lie `stride` apart.
template <int kBytes>
[[gnu::always_inline]] inline void weighted_row(const std::uint8_t* in, std::size_t stride,
                                                const std::int32_t* weights, int count, int bits,
                                                std::uint8_t* out, std::size_t n) {
  std::size_t j = 0;
  for (; j + kBytes <= n; j += kBytes)
    weighted_block<kBytes, 4>(in + j, stride, weights, count, bits, out + j);
  for (; j < n; ++j) {
    std::int32_t sum = std::int32_t{1} << (bits - 1);
    for (int t = 0; t < count; ++t)
      sum += weights[t] * in[static_cast<std::size_t>(t) * stride + j];
    sum >>= bits;
    out[j] = static_cast<std::uint8_t>(sum < 0 ? 0 : sum > 255 ? 255 : sum);
  }
}

/// Every output column of kBytes/4 rows that stand side by side: in[x][row] = {r, g, b, unused}.
template <int kBytes>
[[gnu::always_inline]] inline void weighted_columns(const std::uint8_t* in, const Taps& taps,
                                                    std::uint8_t* out) {
  for (const Taps::Span& span : taps.outputs) {
    weighted_block<kBytes, 3>(in + static_cast<std::size_t>(span.first) * kBytes, kBytes,
                              taps.weights.data() + span.weights, span.count, taps.bits, out);
    out += kBytes;
  }
}

/// The two loops, for the machine that we compile for and again for wider vectors. Both are the
/// same integer arithmetic, so the bytes are equal.
struct Loops {
  decltype(weighted_row<16>)* row;
  decltype(weighted_columns<16>)* columns;
  int rows;  ///< that `columns` takes at once
};

void plain_row(const std::uint8_t* in, std::size_t stride, const std::int32_t* weights, int count,
               int bits, std::uint8_t* out, std::size_t n) {
  weighted_row<16>(in, stride, weights, count, bits, out, n);
}
void plain_columns(const std::uint8_t* in, const Taps& taps, std::uint8_t* out) {
  weighted_columns<16>(in, taps, out);
}
constexpr Loops kPlain = {plain_row, plain_columns, 4};

#if defined(__x86_64__)
[[gnu::target("avx2")]] void wide_row(const std::uint8_t* in, std::size_t stride,
                                      const std::int32_t* weights, int count, int bits,
                                      std::uint8_t* out, std::size_t n) {
  weighted_row<32>(in, stride, weights, count, bits, out, n);
}
[[gnu::target("avx2")]] void wide_columns(const std::uint8_t* in, const Taps& taps,
                                          std::uint8_t* out) {
  weighted_columns<32>(in, taps, out);
}
Loops best_loops() {
  return __builtin_cpu_supports("avx2") ? Loops{wide_row, wide_columns, 8} : kPlain;
}
#else
Loops best_loops() { return kPlain; }
#endif

constexpr int kPixel = 3, kGroup = 4;

/// columns[x][row] of `rows` rows; a row that is missing at the end keeps what was there.
void to_columns(const std::uint8_t* rgb, std::size_t width, int rows, std::size_t column,
                std::uint8_t* columns) {
  for (int r = 0; r < rows; ++r)
    for (std::size_t x = 0; x < width; ++x, rgb += kPixel)
      std::memcpy(columns + x * column + r * kGroup, rgb, kPixel);
}

void from_columns(const std::uint8_t* columns, std::size_t width, int rows, std::size_t column,
                  std::uint8_t* rgb) {
  for (int r = 0; r < rows; ++r)
    for (std::size_t x = 0; x < width; ++x, rgb += kPixel)
      std::memcpy(rgb, columns + x * column + r * kGroup, kPixel);
}

/// A few rows at a time, turned so that both directions are the same sum over distant bytes.
Image resize_rows(const Image& image, int width, Resample filter, const Loops& loops) {
  const Taps taps = make_taps(image.width, width, filter);
  const auto in_width = static_cast<std::size_t>(image.width);
  const auto out_width = static_cast<std::size_t>(width);
  const auto column = static_cast<std::size_t>(loops.rows) * kGroup;
  Image out{width, image.height, std::vector<std::uint8_t>(out_width * image.height * kPixel)};
  std::vector<std::uint8_t> in_columns(in_width * column), out_columns(out_width * column);
  for (int y = 0; y < image.height; y += loops.rows) {
    const int rows = std::min(loops.rows, image.height - y);
    to_columns(&image.rgb[y * in_width * kPixel], in_width, rows, column, in_columns.data());
    loops.columns(in_columns.data(), taps, out_columns.data());
    from_columns(out_columns.data(), out_width, rows, column, &out.rgb[y * out_width * kPixel]);
  }
  return out;
}

Image resize_columns(const Image& image, int height, Resample filter, const Loops& loops) {
  const Taps taps = make_taps(image.height, height, filter);
  const std::size_t stride = static_cast<std::size_t>(image.width) * kPixel;
  Image out{image.width, height, std::vector<std::uint8_t>(stride * height)};
  for (std::size_t y = 0; y < taps.outputs.size(); ++y) {
    const Taps::Span& span = taps.outputs[y];
    loops.row(&image.rgb[span.first * stride], stride, &taps.weights[span.weights], span.count,
              taps.bits, &out.rgb[y * stride], stride);
  }
  return out;
}

Image resize(const Image& image, int width, int height, Resample filter, const Loops& loops) {
  CHECK(width >= 1 && height >= 1 && image.width >= 1 && image.height >= 1);
  if (width == image.width && height == image.height) return image;
  if (width == image.width) return resize_columns(image, height, filter, loops);
  Image rows = resize_rows(image, width, filter, loops);
  return height == image.height ? rows : resize_columns(rows, height, filter, loops);
}

}  // namespace

Taps make_taps(int in, int out, Resample resample) {
  CHECK(in >= 1 && out >= 1);
  const Filter filter = filter_of(resample);
  const double scale = static_cast<double>(in) / out;
  const double stretch = std::max(scale, 1.0), support = filter.support * stretch;
  const double inverse = 1.0 / stretch;

  Taps taps;
  taps.outputs.reserve(out);
  std::vector<double> weights;
  for (int i = 0; i < out; ++i) {
    const double centre = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int last = std::min(in, static_cast<int>(centre + support + 0.5));
    const std::size_t begin = weights.size();
    double sum = 0;
    for (int t = 0; t < last - first; ++t) {
      weights.push_back(filter.value((t + first - centre + 0.5) * inverse));
      sum += weights.back();
    }
    for (std::size_t w = begin; sum != 0 && w < weights.size(); ++w) weights[w] /= sum;
    taps.outputs.push_back({first, last - first, begin});
  }

  taps.bits = resample == Resample::torchvision_bicubic ? bits_of_int16(weights) : kMostBits;
  taps.weights.reserve(weights.size());
  for (double w : weights)
    taps.weights.push_back(static_cast<int>(w * (1 << taps.bits) + (w < 0 ? -0.5 : 0.5)));
  return taps;
}

Image resize(const Image& image, int width, int height, Resample filter) {
  return resize(image, width, height, filter, best_loops());
}

Image resize_plain(const Image& image, int width, int height, Resample filter) {
  return resize(image, width, height, filter, kPlain);
}

}  // namespace hearth
