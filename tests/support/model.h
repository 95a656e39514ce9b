// Small helpers for tests that run models: an engine's parts, and the measures of the goldens.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "models/registry.h"
#include "tasks/kv_cache.h"
#include "tensor/cpu_ops.h"

namespace hearth::test {

/// The kernel table that HEARTH_ISA names, else the best.
inline const kernels::KernelTable& kernel_table() {
  const char* isa = std::getenv("HEARTH_ISA");
  const kernels::KernelTable* table = kernels::find_kernels(isa ? isa : "");
  if (!table) throw std::runtime_error("HEARTH_ISA names no table of this machine");
  return *table;
}

/// Σ(x − t)² / Σt²
inline double nmse(std::span<const float> x, std::span<const float> target) {
  EXPECT_EQ(x.size(), target.size());
  double error = 0, power = 0;
  for (std::size_t i = 0; i < std::min(x.size(), target.size()); ++i) {
    double d = static_cast<double>(x[i]) - target[i];
    error += d * d;
    power += static_cast<double>(target[i]) * target[i];
  }
  return std::isfinite(error) ? error / power : INFINITY;
}

/// A text model loaded from a file, with a pool and backend of its own.
struct TextRig {
  ModelFiles files;
  ThreadPool pool;
  CpuOps ops;
  std::unique_ptr<TextModel> model;
  std::unique_ptr<KvCache> cache;

  TextRig(ModelFiles opened, CpuOptions options, int threads = 2, KvType kv = KvType::f32,
          const kernels::KernelTable& table = kernel_table())
      : files(std::move(opened)), pool(threads), ops(table, pool, options) {
    Loader loader(ops, files.text);
    auto loaded = load_text_model(loader);
    if (!loaded) throw std::runtime_error(loaded.error().message);
    model = *std::move(loaded);
    const TextShape& s = model->shape();
    cache = std::make_unique<KvCache>(ops, KvShape{kv, s.layers, s.kv_heads, s.head_dim}, 1024);
  }

  /// Logits of the wanted rows of these cells, read after what the cache already holds.
  std::vector<float> run(const std::vector<TokenId>& ids, std::vector<std::int32_t> wanted = {},
                         std::vector<std::int32_t> feature_rows = {},
                         std::span<const float> features = {}) {
    Scope scope = ops.scope();
    if (wanted.empty())
      for (std::size_t i = 0; i < ids.size(); ++i) wanted.push_back(static_cast<std::int32_t>(i));
    std::vector<Cell> cells;
    for (TokenId id : ids) cells.push_back({id, 0});
    Batch batch;
    batch.tokens = ids;
    batch.rows = cache->append(cells);
    batch.logit_rows = std::move(wanted);
    batch.feature_rows = std::move(feature_rows);
    batch.features = features;
    auto logits = model->forward(ops, batch, cache->pool());
    if (!logits) throw std::runtime_error(logits.error().message);
    return ops.read(*logits);
  }
};

}  // namespace hearth::test
