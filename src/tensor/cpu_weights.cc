// Load time: from file rows to packed panels, tensor by tensor, so that peak memory is the packed
// size and not twice that.
#include <algorithm>
#include <cstring>

#include "base/blocks.h"
#include "base/check.h"
#include "base/files.h"
#include "kernels/pack.h"
#include "tensor/cpu_impl.h"

namespace hearth {
namespace {

using kernels::kPanelRows;

/// Rows in the type that the panels want, widened or quantised one panel at a time.
class RowSource {
 public:
  RowSource(const RawWeight& raw, DType wanted) : raw_(raw), wanted_(wanted) {
    stride_ = row_bytes(raw.type, static_cast<std::size_t>(raw.k));
    if (wanted == raw.type) return;
    padded_ = is_quantised(wanted) ? kernels::q8a_padded(raw.k) : raw.k;
    wanted_stride_ = row_bytes(wanted, static_cast<std::size_t>(padded_));
    floats_.resize(static_cast<std::size_t>(padded_));
    converted_.resize(wanted_stride_ * kPanelRows);
  }

  void panel(std::int64_t p, const std::byte* rows[kPanelRows]) {
    for (int lane = 0; lane < kPanelRows; ++lane) {
      std::int64_t row = p * kPanelRows + lane;
      rows[lane] = nullptr;
      if (row >= raw_.n) continue;
      if (!raw_.row_order.empty()) row = raw_.row_order[static_cast<std::size_t>(row)];
      const std::byte* stored = raw_.data.data() + static_cast<std::size_t>(row) * stride_;
      rows[lane] = wanted_ == raw_.type ? stored : convert(stored, lane);
    }
  }

 private:
  const std::byte* convert(const std::byte* stored, int lane) {
    dequantise_row(raw_.type, stored, floats_.data(), static_cast<std::size_t>(raw_.k));
    std::fill(floats_.begin() + raw_.k, floats_.end(), 0.0f);
    std::byte* out = converted_.data() + wanted_stride_ * static_cast<std::size_t>(lane);
    quantise_row(wanted_, floats_.data(), out, floats_.size());
    return out;
  }

  const RawWeight& raw_;
  DType wanted_;
  std::int64_t padded_ = 0;
  std::size_t stride_ = 0, wanted_stride_ = 0;
  std::vector<float> floats_;
  std::vector<std::byte> converted_;
};

DType panel_type(DType stored, Arithmetic arithmetic) {
  if (arithmetic == Arithmetic::f32 && is_quantised(stored)) return DType::f32;
  if (arithmetic == Arithmetic::int8 && !is_quantised(stored)) return DType::q8_0;
  return stored;
}

/// FNV-1a; 0 for rows as they are stored.
std::uint64_t hash_of(const std::vector<std::int32_t>& row_order) {
  if (row_order.empty()) return 0;
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::int32_t row : row_order)
    hash = (hash ^ static_cast<std::uint32_t>(row)) * 0x100000001b3;
  return hash;
}

}  // namespace

std::shared_ptr<const std::byte> CpuOps::pack(const RawWeight& raw, const kernels::Panels& panels) {
  const std::int64_t count = panels.panels();
  const std::size_t bytes = panels.panel_bytes * static_cast<std::size_t>(count);
  const PackedKey key{raw.name, panels.type, raw.n, raw.k, hash_of(raw.row_order)};
  PackedStore* store = raw.mapped && !raw.name.empty() ? options_.packed : nullptr;
  if (store)
    if (auto found = store->find(key, bytes)) return found;

  const std::shared_ptr<std::byte> storage =
      options_.pack_only
          ? std::shared_ptr<std::byte>(aligned_bytes(bytes).release(), AlignedDelete())
          : weight_memory_.allocate(bytes);
  constexpr std::int64_t kPanelsEach = 4;
  // Made before the threads begin, where running out of memory can still be told.
  std::vector<RowSource> sources(static_cast<std::size_t>(pool_.threads()),
                                 RowSource(raw, panels.type));
  pool_.run((count + kPanelsEach - 1) / kPanelsEach, [&](std::int64_t chunk, int worker) {
    RowSource& source = sources[static_cast<std::size_t>(worker)];
    const std::byte* rows[kPanelRows];
    const std::int64_t end = std::min(count, (chunk + 1) * kPanelsEach);
    for (std::int64_t p = chunk * kPanelsEach; p < end; ++p) {
      source.panel(p, rows);
      std::byte* panel = storage.get() + static_cast<std::size_t>(p) * panels.panel_bytes;
      if (panels.pairs)
        kernels::pack_pairs(rows, raw.k, panel);
      else
        kernels::pack_panel(panels.type, rows, raw.k, panel);
    }
  });
  if (raw.mapped) MappedFile::release(raw.data);
  if (store) store->keep(key, {storage.get(), bytes});
  return options_.pack_only ? nullptr : storage;
}

Weight CpuOps::prepare(const RawWeight& raw, Use use) {
  CHECK(raw.data.size() ==
        row_bytes(raw.type, static_cast<std::size_t>(raw.k)) * static_cast<std::size_t>(raw.n));
  auto weight = std::make_shared<CpuWeight>();
  weight->raw = raw;
  if (use != Use::gather) {
    kernels::Panels& panels = weight->panels;
    panels.n = raw.n;
    panels.k = raw.k;
    panels.type =
        panel_type(raw.type, options_.quantised_activations ? raw.arithmetic : Arithmetic::f32);
    panels.pairs = options_.bf16 && !is_quantised(panels.type) && raw.arithmetic != Arithmetic::f32;
    if (panels.pairs) panels.type = DType::bf16;
    panels.panel_bytes =
        panels.pairs ? kernels::pair_panel_bytes(raw.k) : kernels::panel_bytes(panels.type, raw.k);
    weight->storage = pack(raw, panels);
    panels.data = weight->storage.get();
    prepared_bytes_ += panels.panel_bytes * static_cast<std::size_t>(panels.panels());
  }
  weight->raw.row_order.clear();
  weight->raw.row_order.shrink_to_fit();
  return {raw.n, raw.k, std::move(weight)};
}

Vec CpuOps::prepare(std::span<const float> values) {
  auto vec = std::make_shared<CpuVec>();
  vec->values.assign(values.begin(), values.end());
  return {static_cast<std::int64_t>(values.size()), std::move(vec)};
}

}  // namespace hearth
