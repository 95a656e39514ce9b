// Ops: the seam. Everything above is arithmetic-free, everything below is model-free. Eager
// operations on value tensors; a backend computes at once or records until read().
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensor/kv.h"
#include "tensor/tensor.h"

namespace hearth {

/// In what form a producer leaves its rows. `activation` is q8a where the next linear's weight is
/// quantised and the precision allows it, else f32: ask Ops::activation_for(weight).
using Out = Elem;

/// What happens to the outputs of a linear before they are stored, in this order.
struct Epilogue {
  bool gelu = false;     ///< tanh-approximated
  Tensor residual = {};  ///< added last; the result takes its memory (single-output linears only)
  Out out = Out::f32;    ///< q8a: the result feeds another linear
};

/// What a gate goes through before it multiplies.
enum class Gate : std::uint8_t { silu, gelu /* tanh-approximated */ };

/// Rotary embedding: rotate-half over the whole head, angle = position · base^(-2i/head_dim) /
/// factor_i.
struct Rope {
  float base = 10000;
  float scale = 1;  ///< positions are multiplied by it (linear scaling: 1/factor)
  Vec factors;      ///< [head_dim/2], may be empty
};

struct AttentionSpec {
  int heads = 0, kv_heads = 0, head_dim = 0;
  float scale = 1;
  bool causal = true;
  int window = 0;  ///< > 0: a row sees only the last `window` positions, its own included
  float softcap = 0;
  const Rope* rope = nullptr;  ///< null: no rotation
  Vec q_norm, k_norm;          ///< per-head RMSNorm [head_dim] before the rotation; may be empty
  float norm_eps = 1e-6f;
};

/// Where each of the T rows of a batch stands. Rows of one sequence are adjacent and ascend.
struct RowsSpec {
  std::vector<std::int32_t> positions;           ///< [T]
  std::vector<std::int32_t> sequences;           ///< [T] index into `pages`; ascending
  std::vector<std::vector<std::int32_t>> pages;  ///< per sequence: page of positions 64i … 64i+63
};
struct PreparedRows {
  virtual ~PreparedRows() = default;
};
/// The same, where the backend wants it.
struct Rows {
  std::int64_t count = 0;
  std::shared_ptr<const PreparedRows> prepared;
};

/// What the matrix products and attentions so far came to: the yardstick of a benchmark.
struct Work {
  double int8_ops = 0;   ///< in products on q8a activations; a multiply and an add are two
  double bf16_ops = 0;   ///< in products of bfloat16
  double float_ops = 0;  ///< in other products and in attention
  double bytes = 0;      ///< of weights and of KV cache, read once by every op that needs them

  Work operator-(const Work& before) const {
    return {int8_ops - before.int8_ops, bf16_ops - before.bf16_ops, float_ops - before.float_ops,
            bytes - before.bytes};
  }
};

/// Memory of the tensors made while it lives is given back when it ends. Scopes nest.
class Scope;

// The op table: OP(result, name, (parameters), (arguments)). Decorators forward by it, so none can
// be forgotten. T rows; D, H, V the model's widths.
#define HEARTH_OPS(OP)                                                                                \
  /* [T, weights[i].n] each: x·Wᵀ + bias, then the epilogue. Several weights on one input share it \
   */                                                                                                 \
  OP(std::vector<Tensor>, linears,                                                                    \
     (Tensor x, std::span<const Linear* const> weights, const Epilogue& epilogue),                    \
     (x, weights, epilogue))                                                                          \
  /* [T, F] act(gate(x))·up(x), the feed-forward of a GLU (arXiv:2002.05202) */                      \
  OP(Tensor, gated, (Tensor x, const Linear& gate, const Linear& up, Gate act, Out out),              \
     (x, gate, up, act, out))                                                                         \
  OP(Tensor, rms_norm, (Tensor x, const Vec& weight, float eps, Out out), (x, weight, eps, out))      \
  OP(Tensor, layer_norm, (Tensor x, const Vec& weight, const Vec& bias, float eps, Out out),          \
     (x, weight, bias, eps, out))                                                                     \
  /* rotates, appends k and v to the cache (null: a tower, rows attend within their sequence),        \
   * attends */                                                                                       \
  OP(Tensor, attention,                                                                               \
     (Tensor q, Tensor k, Tensor v, const AttentionSpec& spec, const KvLayer* kv,                     \
      const Rows& rows, Out out),                                                                     \
     (q, k, v, spec, kv, rows, out))                                                                  \
  OP(Tensor, add, (Tensor a, Tensor b), (a, b))            /* a + b, in a's memory */                 \
  OP(Tensor, mul, (Tensor a, Tensor b), (a, b))            /* a · b, in a's memory */                \
  OP(Tensor, scale, (Tensor x, float factor), (x, factor)) /* in x's memory */                        \
  OP(Tensor, softcap, (Tensor x, float cap), (x, cap))     /* cap·tanh(x/cap), in x's memory */      \
  OP(Tensor, silu, (Tensor x), (x))                                                                   \
  OP(Tensor, gelu, (Tensor x), (x))                                                                   \
  OP(Tensor, softmax, (Tensor x), (x))                                                                \
  /* rows ids[t] of a [V, D] weight, widened to f32 */                                                \
  OP(Tensor, gather, (const Weight& table, std::span<const std::int32_t> ids), (table, ids))          \
  /* rows of x by number */                                                                           \
  OP(Tensor, select_rows, (Tensor x, std::span<const std::int32_t> rows), (x, rows))                  \
  /* x with row rows[i] replaced by row i of values, in x's memory */                                 \
  OP(Tensor, put_rows, (Tensor x, std::span<const std::int32_t> rows, Tensor values),                 \
     (x, rows, values))                                                                               \
  /* a [grid², C] picture into [(grid/s)², s·s·C]: channel = dy·s·C + dx·C + c (spec §1.7) */ \
  OP(Tensor, pixel_shuffle, (Tensor x, int grid, int s, Out out), (x, grid, s, out))                  \
  /* one CHW picture [1, 3·size²] into its patches [grid², 3·p²], a patch as (c, dy, dx) */      \
  OP(Tensor, patches, (Tensor pixels, int size, int patch, Out out), (pixels, size, patch, out))      \
  OP(Tensor, upload, (std::span<const float> values, std::int64_t rows, std::int64_t cols),           \
     (values, rows, cols))

class Ops {
 public:
  virtual ~Ops() = default;

#define HEARTH_OP(result, name, parameters, arguments) virtual result name parameters = 0;
  HEARTH_OPS(HEARTH_OP)
#undef HEARTH_OP

  // ---- preparing (load time) ----
  virtual Weight prepare(const RawWeight& raw, Use use) = 0;
  virtual Vec prepare(std::span<const float> values) = 0;
  virtual Rows prepare(const RowsSpec& rows) = 0;
  virtual std::unique_ptr<KvPool> make_kv_pool(const KvShape& shape, int pages) = 0;
  /// q8a where all of these run on integer kernels, else f32: what their input should be.
  virtual Out activation_for(std::initializer_list<const Linear*> weights) const = 0;
  /// Makes room for that many bytes of live tensors, so that computing need not allocate.
  virtual void reserve(std::size_t bytes) = 0;
  /// Bytes that the backend holds for prepared weights.
  virtual std::size_t prepared_bytes() const = 0;
  /// Since this was made.
  virtual Work work() const = 0;

  // ---- control ----
  /// Copies an f32 tensor to the host: the only point where a backend must have finished.
  virtual void read(Tensor x, std::span<float> out) = 0;
  /// Called between layers: false means stop (cancelled). Also serves progress and fairness.
  virtual bool yield() = 0;
  /// Where `yield` asks; empty: always go on.
  virtual void on_yield(std::function<bool()> hook) = 0;
  virtual std::size_t mark() = 0;              // Scope only
  virtual void release(std::size_t mark) = 0;  // Scope only

  // ---- conveniences ----
  Scope scope();
  Tensor linear(Tensor x, const Linear& weight, const Epilogue& epilogue = {}) {
    const Linear* one = &weight;
    return linears(x, {&one, 1}, epilogue)[0];
  }
  std::vector<float> read(Tensor x) {
    std::vector<float> out(static_cast<std::size_t>(x.rows * x.cols));
    read(x, out);
    return out;
  }
};

class [[nodiscard]] Scope {
 public:
  explicit Scope(Ops& ops) : ops_(&ops), mark_(ops.mark()) {}
  ~Scope() { ops_->release(mark_); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Ops* ops_;
  std::size_t mark_;
};

inline Scope Ops::scope() { return Scope(*this); }

}  // namespace hearth
