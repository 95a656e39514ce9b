#include "tensor/cpu_ops.h"

#include <algorithm>
#include <cstring>

#include "base/blocks.h"
#include "base/check.h"
#include "tensor/cpu_impl.h"

namespace hearth {

using kernels::kPanelRows;

CpuOps::CpuOps(const kernels::KernelTable& kernels, ThreadPool& pool, CpuOptions options)
    : kernels_(kernels), pool_(pool), options_(options) {}

CpuOps::~CpuOps() = default;

// ---- memory ----

Tensor CpuOps::make(std::int64_t rows, std::int64_t cols, Elem dtype) {
  Tensor t;
  t.buffer = &cpu_address_space;
  t.rows = rows;
  t.cols = cols;
  t.dtype = dtype;
  t.row_stride = dtype == Elem::q8a ? kernels::q8a_row_bytes(cols)
                                    : static_cast<std::size_t>(cols) * sizeof(float);
  t.offset = reinterpret_cast<std::size_t>(
      arena_.allocate(std::max<std::size_t>(1, t.row_stride * static_cast<std::size_t>(rows))));
  t.id = next_id_++;
  return t;
}

std::size_t CpuOps::mark() {
  marks_.push_back(arena_.mark());
  return marks_.size() - 1;
}

void CpuOps::release(std::size_t mark) {
  CHECK(mark + 1 == marks_.size());  // scopes nest
  arena_.release(marks_.back());
  marks_.pop_back();
}

std::byte* CpuOps::worker_scratch(std::size_t bytes_each) {
  std::size_t wanted = (bytes_each + 63) / 64 * 64 * static_cast<std::size_t>(pool_.threads());
  if (wanted > scratch_bytes_) {
    scratch_ = aligned_bytes(wanted);
    scratch_bytes_ = wanted;
  }
  return scratch_.get();
}

void CpuOps::read(Tensor x, std::span<float> out) {
  CHECK(x.dtype == Elem::f32 && out.size() == static_cast<std::size_t>(x.rows * x.cols));
  for (std::int64_t r = 0; r < x.rows; ++r)
    std::memcpy(out.data() + r * x.cols, row_of(x, r), static_cast<std::size_t>(x.cols) * 4);
}

Tensor CpuOps::upload(std::span<const float> values, std::int64_t rows, std::int64_t cols) {
  CHECK(values.size() == static_cast<std::size_t>(rows * cols));
  Tensor t = make(rows, cols, Elem::f32);
  std::copy(values.begin(), values.end(), static_cast<float*>(row_of(t, 0)));
  return t;
}

// ---- linear ----

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

namespace {

// Columns of one task: two panels at least, so that a q8a result's blocks of 32 are never shared.
// For one row a task is a stretch of weights worth streaming; for many rows a tile that stays in
// L2, of as many rows as leave every thread some tasks.
constexpr std::int64_t kMostRows = 256, kLeastRows = 64, kTasksPerThread = 3;
constexpr std::int64_t kManyRowsPanels = 12, kMostPanels = 64;

std::int64_t panels_per_task(std::int64_t rows, std::int64_t panels, int threads) {
  if (rows > 1) return kManyRowsPanels;
  std::int64_t share = panels / (threads * 4) / 2 * 2;
  return std::clamp<std::int64_t>(share, 2, kMostPanels);
}

std::int64_t rows_per_task(std::int64_t rows, std::int64_t columns, int threads) {
  std::int64_t each = kMostRows;
  while (each > kLeastRows && (rows + each - 1) / each * columns < kTasksPerThread * threads)
    each /= 2;
  return each;
}

}  // namespace

std::vector<Tensor> CpuOps::linears(Tensor x, std::span<const Linear* const> weights,
                                    const Epilogue& epilogue) {
  CHECK(!epilogue.residual || weights.size() == 1);
  Tensor eight = {};
  for (const Linear* linear : weights)
    if (impl(linear->weight).quantised()) eight = eight ? eight : quantised(x);

  struct Job {
    const CpuWeight* weight;
    const float* bias;
    Tensor in, out;
    std::int64_t first_column, panels_each;  ///< columns of tasks
  };
  std::vector<Job> jobs;
  std::vector<Tensor> results;
  std::int64_t columns = 0;
  for (const Linear* linear : weights) {
    const CpuWeight& w = impl(linear->weight);
    Tensor in = w.quantised() ? eight : x;
    CHECK(in.cols == w.panels.k && in.dtype == (w.quantised() ? Elem::q8a : Elem::f32));
    Tensor out = epilogue.residual ? epilogue.residual : make(x.rows, w.panels.n, epilogue.out);
    CHECK(out.cols == w.panels.n && out.rows == x.rows);
    std::int64_t each = panels_per_task(x.rows, w.panels.panels(), pool_.threads());
    jobs.push_back({&w, values(linear->bias), in, out, columns, each});
    columns += (w.panels.panels() + each - 1) / each;
    results.push_back(out);
    double products = 2.0 * static_cast<double>(x.rows * w.panels.n * w.panels.k);
    (w.quantised()    ? work_.int8_ops
     : w.panels.pairs ? work_.bf16_ops
                      : work_.float_ops) += products;
    work_.bytes +=
        static_cast<double>(w.panels.panel_bytes) * static_cast<double>(w.panels.panels());
  }

  const std::int64_t rows_each =
      std::clamp<std::int64_t>(x.rows, 1, rows_per_task(x.rows, columns, pool_.threads()));
  const std::size_t tile_bytes = (x.rows == 1 ? kMostPanels : kManyRowsPanels) * kPanelRows *
                                 static_cast<std::size_t>(rows_each) * sizeof(float);
  std::byte* scratch = worker_scratch(tile_bytes);

  const std::int64_t tasks = (x.rows + rows_each - 1) / rows_each * columns;
  pool_.run(tasks, [&](std::int64_t task, int worker) {
    const std::int64_t column = task % columns;
    const Job* job = &jobs.back();
    while (column < job->first_column) --job;
    std::int64_t m0 = task / columns * rows_each;
    std::int64_t rows = std::min(rows_each, x.rows - m0);
    const kernels::Panels& panels = job->weight->panels;
    std::int64_t p0 = (column - job->first_column) * job->panels_each;
    std::int64_t p1 = std::min(panels.panels(), p0 + job->panels_each);
    std::int64_t n0 = p0 * kPanelRows, n1 = std::min(panels.n, p1 * kPanelRows);

    // Kernels write column i of a row at out[m·ldo + i]: straight into the result where nothing is
    // left to do, else into a tile (addressed so that column n0 is its first).
    bool plain = !epilogue.residual && epilogue.out == Out::f32;
    float* tile = reinterpret_cast<float*>(scratch + static_cast<std::size_t>(worker) * tile_bytes);
    std::int64_t ldo = plain ? job->out.cols : (p1 - p0) * kPanelRows;
    float* out = plain ? row_of(job->out, m0) : tile - n0;
    if (job->weight->quantised()) {
      kernels_.gemm_quant(panels, p0, p1, row_bytes_of(job->in, m0), job->in.row_stride, rows, out,
                          ldo);
    } else if (panels.pairs) {
      kernels_.gemm_bf16(panels, p0, p1, row_of(job->in, m0), job->in.cols, rows, out, ldo);
    } else {
      kernels_.gemm_float(panels, p0, p1, row_of(job->in, m0), job->in.cols, rows, out, ldo);
    }
    if (plain && !job->bias && !epilogue.gelu) return;
    for (std::int64_t m = 0; m < rows; ++m) {
      float* y = out + m * ldo + n0;
      if (job->bias) kernels_.add(y, job->bias + n0, n1 - n0, y);
      if (epilogue.gelu) kernels_.gelu(y, n1 - n0, y);
      if (epilogue.residual) {
        float* target = row_of(job->out, m0 + m) + n0;
        kernels_.add(target, y, n1 - n0, target);
      } else if (epilogue.out == Out::q8a) {
        kernels_.quantise_q8a(y, n1 - n0, row_bytes_of(job->out, m0 + m), n0, panels.n);
      }
    }
  });
  return results;
}

// ---- rows ----

Tensor CpuOps::rms_norm(Tensor x, const Vec& weight, float eps, Out out) {
  const float* w = values(weight);
  return produce(x.rows, x.cols, out, [&](std::int64_t r, float* y) {
    kernels_.rms_norm(row_of(x, r), w, x.cols, eps, y);
  });
}

Tensor CpuOps::layer_norm(Tensor x, const Vec& weight, const Vec& bias, float eps, Out out) {
  const float* w = values(weight);
  const float* b = values(bias);
  return produce(x.rows, x.cols, out, [&](std::int64_t r, float* y) {
    kernels_.layer_norm(row_of(x, r), w, b, x.cols, eps, y);
  });
}

Tensor CpuOps::swiglu(Tensor gate, Tensor up, Out out) {
  return produce(gate.rows, gate.cols, out, [&](std::int64_t r, float* y) {
    kernels_.swiglu(row_of(gate, r), row_of(up, r), gate.cols, y);
  });
}

Tensor CpuOps::geglu(Tensor gate, Tensor up, Out out) {
  return produce(gate.rows, gate.cols, out, [&](std::int64_t r, float* y) {
    kernels_.geglu(row_of(gate, r), row_of(up, r), gate.cols, y);
  });
}

Tensor CpuOps::silu(Tensor x) {
  return produce(x.rows, x.cols, Out::f32,
                 [&](std::int64_t r, float* y) { kernels_.silu(row_of(x, r), x.cols, y); });
}

Tensor CpuOps::gelu(Tensor x) {
  return produce(x.rows, x.cols, Out::f32,
                 [&](std::int64_t r, float* y) { kernels_.gelu(row_of(x, r), x.cols, y); });
}

Tensor CpuOps::softmax(Tensor x) {
  return produce(x.rows, x.cols, Out::f32,
                 [&](std::int64_t r, float* y) { kernels_.softmax(row_of(x, r), x.cols, y); });
}

Tensor CpuOps::add(Tensor a, Tensor b) {
  CHECK(a.rows == b.rows && a.cols == b.cols);
  for_rows(a.rows, a.cols, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t r = first; r < last; ++r)
      kernels_.add(row_of(a, r), row_of(b, r), a.cols, row_of(a, r));
  });
  return a;
}

Tensor CpuOps::mul(Tensor a, Tensor b) {
  CHECK(a.rows == b.rows && a.cols == b.cols);
  for_rows(a.rows, a.cols, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t r = first; r < last; ++r)
      kernels_.mul(row_of(a, r), row_of(b, r), a.cols, row_of(a, r));
  });
  return a;
}

Tensor CpuOps::scale(Tensor x, float factor) {
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t r = first; r < last; ++r)
      kernels_.scale(row_of(x, r), factor, x.cols, row_of(x, r));
  });
  return x;
}

Tensor CpuOps::softcap(Tensor x, float cap) {
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last, int) {
    for (std::int64_t r = first; r < last; ++r)
      kernels_.softcap(row_of(x, r), cap, x.cols, row_of(x, r));
  });
  return x;
}

// ---- moving rows ----

Tensor CpuOps::gather(const Weight& table, std::span<const std::int32_t> ids) {
  const RawWeight& raw = impl(table).raw;
  CHECK(raw.row_order.empty());
  std::size_t stride = row_bytes(raw.type, static_cast<std::size_t>(raw.k));
  return produce(static_cast<std::int64_t>(ids.size()), raw.k, Out::f32,
                 [&](std::int64_t r, float* y) {
                   std::int32_t id = ids[static_cast<std::size_t>(r)];
                   CHECK(id >= 0 && id < raw.n);
                   dequantise_row(raw.type, raw.data.data() + static_cast<std::size_t>(id) * stride,
                                  y, static_cast<std::size_t>(raw.k));
                 });
}

Tensor CpuOps::select_rows(Tensor x, std::span<const std::int32_t> rows) {
  return produce(static_cast<std::int64_t>(rows.size()), x.cols, Out::f32,
                 [&](std::int64_t r, float* y) {
                   std::int32_t row = rows[static_cast<std::size_t>(r)];
                   CHECK(row >= 0 && row < x.rows);
                   std::memcpy(y, row_of(x, row), static_cast<std::size_t>(x.cols) * 4);
                 });
}

Tensor CpuOps::put_rows(Tensor x, std::span<const std::int32_t> rows, Tensor values) {
  CHECK(values.rows == static_cast<std::int64_t>(rows.size()) && values.cols == x.cols);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i] >= 0 && rows[i] < x.rows);
    std::memcpy(row_of(x, rows[i]), row_of(values, static_cast<std::int64_t>(i)),
                static_cast<std::size_t>(x.cols) * 4);
  }
  return x;
}

Tensor CpuOps::pixel_shuffle(Tensor x, int grid, int s, Out out) {
  CHECK(x.rows == std::int64_t{grid} * grid && grid % s == 0);
  const int side = grid / s;
  return produce(std::int64_t{side} * side, x.cols * s * s, out, [&](std::int64_t t, float* y) {
    for (int dy = 0; dy < s; ++dy) {
      for (int dx = 0; dx < s; ++dx) {
        std::int64_t patch = (t / side * s + dy) * grid + t % side * s + dx;
        std::memcpy(y + (dy * s + dx) * x.cols, row_of(x, patch),
                    static_cast<std::size_t>(x.cols) * 4);
      }
    }
  });
}

Tensor CpuOps::patches(Tensor pixels, int size, int patch, Out out) {
  const int grid = size / patch;  // a remainder is not looked at ("valid" convolution)
  const float* chw = row_of(pixels, 0);
  CHECK(pixels.cols == std::int64_t{3} * size * size);
  return produce(std::int64_t{grid} * grid, std::int64_t{3} * patch * patch, out,
                 [&](std::int64_t t, float* y) {
                   std::int64_t top = t / grid * patch, left = t % grid * patch;
                   for (int c = 0; c < 3; ++c) {
                     for (int dy = 0; dy < patch; ++dy) {
                       std::memcpy(y, chw + (std::int64_t{c} * size + top + dy) * size + left,
                                   static_cast<std::size_t>(patch) * 4);
                       y += patch;
                     }
                   }
                 });
}

}  // namespace hearth
