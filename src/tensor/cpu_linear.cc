// Linears on the CPU: products of packed weights, and what happens to their outputs while they are
// still in a near cache.
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "tensor/cpu_impl.h"

namespace hearth {

using kernels::kPanelRows;

namespace {

// Columns of one task: two panels at least, so that a q8a result's blocks of 32 are never shared.
// For one row a task is a stretch of weights worth streaming; for many rows a tile that stays in
// L2, of as many rows as leave every thread some tasks (the more, the less widening float weights
// costs).
constexpr std::int64_t kMostQuantRows = 128, kMostFloatRows = 256, kLeastRows = 64;
constexpr std::int64_t kTasksPerThread = 3, kManyRowsPanels = 12, kMostPanels = 64;

std::int64_t panels_per_task(std::int64_t rows, std::int64_t panels, int threads) {
  if (rows > 1) return kManyRowsPanels;
  std::int64_t share = panels / (threads * 4) / 2 * 2;
  return std::clamp<std::int64_t>(share, 2, kMostPanels);
}

std::int64_t rows_per_task(std::int64_t rows, std::int64_t columns, int threads, bool quantised) {
  std::int64_t each = quantised ? kMostQuantRows : kMostFloatRows;
  while (each > kLeastRows && (rows + each - 1) / each * columns < kTasksPerThread * threads)
    each /= 2;
  return std::clamp<std::int64_t>(rows, 1, each);
}

}  // namespace

/// x·Wᵀ + bias with x in the form that W wants.
struct CpuOps::Product {
  const CpuWeight* weight = nullptr;
  const float* bias = nullptr;
  Tensor in;
};

/// One result of a call: `of`, or act(gate)·of where there is a gate.
struct CpuOps::LinearJob {
  Product of, gate;
  Gate act = Gate::silu;
  Tensor out;
  std::int64_t first_column = 0, panels_each = 0;  ///< columns of tasks
};

Tensor CpuOps::quantised(Tensor x) {
  if (x.dtype == Elem::q8a) return x;
  Tensor q = make(x.rows, x.cols, Elem::q8a);
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t r = first; r < last; ++r)
      kernels_.quantise_q8a(row_of(x, r), x.cols, row_bytes_of(q, r), 0, x.cols);
  });
  return q;
}

Out CpuOps::activation_for(std::initializer_list<const Linear*> weights) const {
  for (const Linear* linear : weights)
    if (!impl(linear->weight).quantised()) return Out::f32;
  return Out::q8a;
}

CpuOps::Product CpuOps::product(const Linear& linear, Tensor x, Tensor& eight) {
  const CpuWeight& w = impl(linear.weight);
  if (w.quantised() && !eight) eight = quantised(x);
  const Tensor in = w.quantised() ? eight : x;
  CHECK(in.cols == w.panels.k && in.dtype == (w.quantised() ? Elem::q8a : Elem::f32));
  const double products = 2.0 * static_cast<double>(x.rows * w.panels.n * w.panels.k);
  (w.quantised() ? work_.int8_ops : w.panels.pairs ? work_.bf16_ops : work_.float_ops) += products;
  work_.bytes += static_cast<double>(w.panels.panel_bytes) * static_cast<double>(w.panels.panels());
  return {&w, values(linear.bias), in};
}

std::vector<Tensor> CpuOps::linears(Tensor x, std::span<const Linear* const> weights,
                                    const Epilogue& epilogue) {
  CHECK(!epilogue.residual || weights.size() == 1);
  Tensor eight = {};
  std::vector<LinearJob> jobs;
  std::vector<Tensor> results;
  for (const Linear* linear : weights) {
    LinearJob job;
    job.of = product(*linear, x, eight);
    job.out =
        epilogue.residual ? epilogue.residual : make(x.rows, job.of.weight->panels.n, epilogue.out);
    CHECK(job.out.cols == job.of.weight->panels.n && job.out.rows == x.rows);
    results.push_back(job.out);
    jobs.push_back(job);
  }
  run(jobs, epilogue);
  return results;
}

Tensor CpuOps::gated(Tensor x, const Linear& gate, const Linear& up, Gate act, Out out) {
  Tensor eight = {};
  LinearJob job;
  job.gate = product(gate, x, eight);
  job.of = product(up, x, eight);
  job.act = act;
  CHECK(job.gate.weight->panels.n == job.of.weight->panels.n);
  job.out = make(x.rows, job.of.weight->panels.n, out);
  run({&job, 1}, {.out = out});
  return job.out;
}

void CpuOps::multiply(const Product& product, std::int64_t p0, std::int64_t p1, std::int64_t m0,
                      std::int64_t rows, float* out, std::int64_t ldo) {
  const kernels::Panels& panels = product.weight->panels;
  const Tensor& in = product.in;
  if (product.weight->quantised())
    kernels_.gemm_quant(panels, p0, p1, row_bytes_of(in, m0), in.row_stride, rows, out, ldo);
  else if (panels.pairs)
    kernels_.gemm_bf16(panels, p0, p1, row_of(in, m0), in.cols, rows, out, ldo);
  else
    kernels_.gemm_float(panels, p0, p1, row_of(in, m0), in.cols, rows, out, ldo);
  const std::int64_t n0 = p0 * kPanelRows, n1 = std::min(panels.n, p1 * kPanelRows);
  for (std::int64_t m = 0; product.bias && m < rows; ++m)
    kernels_.add(out + m * ldo + n0, product.bias + n0, n1 - n0, out + m * ldo + n0);
}

void CpuOps::run(std::span<LinearJob> jobs, const Epilogue& epilogue) {
  const std::int64_t rows = jobs[0].out.rows;
  std::int64_t columns = 0;
  for (LinearJob& job : jobs) {
    const std::int64_t panels = job.of.weight->panels.panels();
    job.first_column = columns;
    job.panels_each = panels_per_task(rows, panels, pool_.threads());
    columns += (panels + job.panels_each - 1) / job.panels_each;
  }
  const std::int64_t rows_each =
      rows_per_task(rows, columns, pool_.threads(), jobs[0].of.weight->quantised());
  const std::int64_t tile_floats =
      (rows == 1 ? kMostPanels : kManyRowsPanels) * kPanelRows * rows_each;
  const std::size_t scratch_floats = static_cast<std::size_t>(2 * tile_floats);  // and a gate's
  auto* scratch = reinterpret_cast<float*>(worker_scratch(scratch_floats * sizeof(float)));

  const std::int64_t tasks = (rows + rows_each - 1) / rows_each * columns;
  pool_.run(tasks, [&](std::int64_t task, int worker) {
    const std::int64_t column = task % columns, m0 = task / columns * rows_each;
    const LinearJob* job = &jobs.back();
    while (column < job->first_column) --job;
    const std::int64_t n = job->out.cols, count = std::min(rows_each, rows - m0);
    const std::int64_t p0 = (column - job->first_column) * job->panels_each;
    const std::int64_t p1 = std::min(job->of.weight->panels.panels(), p0 + job->panels_each);
    const std::int64_t n0 = p0 * kPanelRows, width = std::min(n, p1 * kPanelRows) - n0;

    // Kernels write column i of a row at out[m·ldo + i]: a tile is addressed so that column n0 is
    // its first. Sums go straight into the result where nothing is left to do, but not those of
    // many quantised rows: two lines of each, here and there, cost a fifth of the product.
    const bool straight = (rows == 1 || !job->of.weight->quantised()) && !job->gate.weight &&
                          !epilogue.residual && epilogue.out == Out::f32;
    float* tile = scratch + static_cast<std::size_t>(worker) * scratch_floats;
    float* gate = tile + tile_floats;
    const std::int64_t ldo = straight ? n : (p1 - p0) * kPanelRows;
    multiply(job->of, p0, p1, m0, count, straight ? row_of(job->out, m0) : tile - n0, ldo);
    if (job->gate.weight) multiply(job->gate, p0, p1, m0, count, gate - n0, ldo);
    for (std::int64_t m = 0; m < count; ++m) {
      float* y = straight ? row_of(job->out, m0 + m) + n0 : tile + m * ldo;
      if (job->gate.weight)
        (job->act == Gate::gelu ? kernels_.geglu : kernels_.swiglu)(gate + m * ldo, y, width, y);
      if (epilogue.gelu) kernels_.gelu(y, width, y);
      if (straight) continue;
      if (epilogue.out == Out::q8a) {
        kernels_.quantise_q8a(y, width, row_bytes_of(job->out, m0 + m), n0, n);
        continue;
      }
      float* out = row_of(job->out, m0 + m) + n0;
      if (epilogue.residual)
        kernels_.add(out, y, width, out);
      else
        std::memcpy(out, y, static_cast<std::size_t>(width) * sizeof(float));
    }
  });
}

}  // namespace hearth
