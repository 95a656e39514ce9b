// What the tests of quantised kernels share: weights as file bytes and packed, quantised rows.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/blocks.h"
#include "base/half.h"
#include "kernels/float_support.h"
#include "kernels/kernels.h"
#include "kernels/pack.h"

namespace hearth::kernels::test {

inline std::vector<DType> quantised_types() {
  std::vector<DType> types;
  for (const DTypeInfo& info : kDTypes)
    if (is_quantised(info.type)) types.push_back(info.type);
  return types;
}

/// The least multiple of the type's block ≥ k.
inline std::int64_t whole_blocks(DType type, std::int64_t k) {
  const std::int64_t block = dtype_info(type).block_elems;
  return (k + block - 1) / block * block;
}

/// Offsets of the f16 fields of a file block; -1: none.
struct HalfFields {
  int d = 0, min = -1;
};
inline HalfFields half_fields(DType type) {
  if (type == DType::q2_k) return {80, 82};
  if (type == DType::q3_k) return {108, -1};
  if (type == DType::q6_k) return {208, -1};
  const bool has_min =
      type == DType::q4_1 || type == DType::q5_1 || type == DType::q4_k || type == DType::q5_k;
  return {0, has_min ? 2 : -1};
}

/// A file's rows [n][k]: random bits, so every code and sub-scale occurs, and moderate f16 scales.
class FileWeight {
 public:
  FileWeight(DType type, std::int64_t n, std::int64_t k, std::uint64_t seed)
      : type_(type), n_(n), k_(k), bytes_(static_cast<std::size_t>(n) * row_bytes(type, k)) {
    Random random(seed);
    for (std::byte& b : bytes_) b = static_cast<std::byte>((random.uniform() + 1) * 128);
    const HalfFields fields = half_fields(type);
    for (std::size_t at = 0; at < bytes_.size(); at += dtype_info(type).block_bytes)
      for (int field : {fields.d, fields.min}) {
        if (field < 0) continue;
        f16 scale = to_f16(static_cast<float>(random.uniform() * 0.01));
        std::memcpy(&bytes_[at + static_cast<std::size_t>(field)], &scale.bits, 2);
      }
  }
  const std::byte* row(std::int64_t i) const {
    return bytes_.data() + static_cast<std::size_t>(i) * row_bytes(type_, k_);
  }
  std::vector<float> values(std::int64_t i) const {
    std::vector<float> v(static_cast<std::size_t>(k_));
    dequantise_row(type_, row(i), v.data(), v.size());
    return v;
  }
  /// Sets every byte of row i but its f16 scales.
  void fill(std::int64_t i, std::byte value) {
    const HalfFields fields = half_fields(type_);
    const auto block = static_cast<int>(dtype_info(type_).block_bytes);
    std::byte* row = bytes_.data() + static_cast<std::size_t>(i) * row_bytes(type_, k_);
    for (int at = 0; at < static_cast<int>(row_bytes(type_, k_)); ++at) {
      const int byte = at % block;
      const bool is_scale = byte / 2 * 2 == fields.d || byte / 2 * 2 == fields.min;
      if (!is_scale) row[at] = value;
    }
  }
  DType type() const { return type_; }
  std::int64_t n() const { return n_; }
  std::int64_t k() const { return k_; }

 private:
  DType type_;
  std::int64_t n_, k_;
  std::vector<std::byte> bytes_;
};

class PackedWeight {
 public:
  explicit PackedWeight(const FileWeight& file) {
    panels_.type = file.type();
    panels_.n = file.n();
    panels_.k = file.k();
    panels_.panel_bytes = panel_bytes(file.type(), file.k());
    data_ = aligned_bytes(panels_.panel_bytes * static_cast<std::size_t>(panels_.panels()));
    panels_.data = data_.get();
    for (std::int64_t p = 0; p < panels_.panels(); ++p) {
      const std::byte* rows[kPanelRows];
      for (std::int64_t i = 0; i < kPanelRows; ++i)
        rows[i] = p * kPanelRows + i < file.n() ? file.row(p * kPanelRows + i) : nullptr;
      pack_panel(file.type(), rows, file.k(),
                 data_.get() + static_cast<std::size_t>(p) * panels_.panel_bytes);
    }
  }
  const Panels& operator*() const { return panels_; }

 private:
  Panels panels_;
  AlignedBytes data_;
};

/// Rows [m][k]; every other one has a value far above its neighbours, each in a place of its own.
inline std::vector<float> rows_with_outliers(std::uint64_t seed, std::int64_t m, std::int64_t k) {
  std::vector<float> x = Random(seed).values(static_cast<std::size_t>(m * k));
  for (std::int64_t r = 0; r < m; r += 2) x[static_cast<std::size_t>(r * k + r * 37 % k)] = 50;
  return x;
}

/// Activation rows as q8a, quantised by the reference.
class QuantisedRows {
 public:
  QuantisedRows(const std::vector<float>& x, std::int64_t k)
      : k_(k), m_(static_cast<std::int64_t>(x.size()) / k), data_(aligned_bytes(bytes())) {
    for (std::int64_t r = 0; r < m_; ++r)
      reference_kernels().quantise_q8a(x.data() + r * k, k, row(r), 0, k);
  }
  std::size_t stride() const { return q8a_row_bytes(k_); }
  std::byte* row(std::int64_t r) const {
    return data_.get() + static_cast<std::size_t>(r) * stride();
  }
  std::int64_t rows() const { return m_; }
  /// What the row means, exactly.
  std::vector<double> values(std::int64_t r) const {
    std::vector<double> v(static_cast<std::size_t>(k_));
    for (std::int64_t i = 0; i < k_; ++i) v[static_cast<std::size_t>(i)] = value(row(r), i);
    for (std::int64_t i = 0; i < k_; ++i)
      if (q8a_has_rest(row(r), k_)[i / 32])
        v[static_cast<std::size_t>(i)] += value(q8a_rest(row(r), k_), i);
    return v;
  }

 private:
  double value(const std::byte* part, std::int64_t i) const {
    return static_cast<double>(q8a_codes(part)[i]) * q8a_scales(part, k_)[i / 32];
  }
  std::size_t bytes() const { return static_cast<std::size_t>(m_) * stride(); }
  std::int64_t k_, m_;
  AlignedBytes data_;
};

/// All outputs [m][n] of rows [first, first + m).
inline std::vector<float> product(const KernelTable& table, const Panels& w, const QuantisedRows& a,
                                  std::int64_t first, std::int64_t m) {
  std::vector<float> y(static_cast<std::size_t>(m * w.n), -1e30f);
  table.gemm_quant(w, 0, w.panels(), a.row(first), a.stride(), m, y.data(), w.n);
  return y;
}
inline std::vector<float> product(const KernelTable& table, const Panels& w,
                                  const QuantisedRows& a) {
  return product(table, w, a, 0, a.rows());
}

}  // namespace hearth::kernels::test
