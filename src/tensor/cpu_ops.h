// CpuOps: Ops on the processor, through the kernel table of one ISA and one thread pool.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/arena.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "tensor/ops.h"
#include "tensor/packed_store.h"

namespace hearth {

struct CpuOptions {
  /// Quantised weights are multiplied with 8-bit activations; off: they are widened to f32 at load.
  bool quantised_activations = true;
  /// Float weights are multiplied in bfloat16 (KernelTable::has_bf16) unless f32 is asked for.
  bool bf16 = false;
  /// Where the packed weights of files lie and go, or null. Asked while weights are prepared.
  PackedStore* packed = nullptr;
  /// Only fill `packed`: the weights cannot be computed with.
  bool pack_only = false;
};

class CpuOps final : public Ops {
 public:
  /// `kernels` and `pool` outlive this.
  CpuOps(const kernels::KernelTable& kernels, ThreadPool& pool, CpuOptions options = {});
  ~CpuOps() override;

#define HEARTH_OP(result, name, parameters, arguments) result name parameters override;
  HEARTH_OPS(HEARTH_OP)
#undef HEARTH_OP

  Weight prepare(const RawWeight& raw, Use use) override;
  Vec prepare(std::span<const float> values) override;
  Rows prepare(const RowsSpec& rows) override;
  std::unique_ptr<KvPool> make_kv_pool(const KvShape& shape, int pages) override;
  Out activation_for(std::initializer_list<const Linear*> weights) const override;
  void reserve(std::size_t bytes) override { arena_.reserve(bytes); }
  std::size_t prepared_bytes() const override { return prepared_bytes_; }
  Work work() const override { return work_; }

  using Ops::read;
  void read(Tensor x, std::span<float> out) override;
  bool yield() override { return !yield_hook_ || yield_hook_(); }
  void on_yield(std::function<bool()> hook) override { yield_hook_ = std::move(hook); }
  std::size_t mark() override;
  void release(std::size_t mark) override;

  struct CpuWeight;
  struct CpuVec;
  struct CpuRows;

 private:
  /// The panels of a weight: found in the store, or packed and kept there.
  std::shared_ptr<const std::byte> pack(const RawWeight& raw, const kernels::Panels& panels);
  Tensor make(std::int64_t rows, std::int64_t cols, Elem dtype);
  /// Calls body(first_row, last_row, worker) over all rows, in parallel where it pays.
  template <class Body>
  void for_rows(std::int64_t rows, std::int64_t cols, Body&& body);
  /// x in q8a, made in the arena where it is f32.
  Tensor quantised(Tensor x);
  struct Product;
  struct LinearJob;
  /// The product of x, quantised into `eight` (once) where the weight wants that; counts its work.
  Product product(const Linear& linear, Tensor x, Tensor& eight);
  /// Rows [m0, m0 + rows) times panels [p0, p1), plus bias.
  void multiply(const Product& product, std::int64_t p0, std::int64_t p1, std::int64_t m0,
                std::int64_t rows, float* out, std::int64_t ldo);
  /// Computes results of one call, which have as many rows.
  void run(std::span<LinearJob> jobs, const Epilogue& epilogue);
  /// A tensor of x's shape in the wanted form, filled row by row by f(row number, f32 out).
  template <class RowFunction>
  Tensor produce(std::int64_t rows, std::int64_t cols, Out out, RowFunction&& f);
  std::byte* worker_scratch(std::size_t bytes_each);
  void attend_into(Tensor result, Tensor q, Tensor k, Tensor v, const AttentionSpec& spec,
                   const KvLayer* kv, const CpuRows& rows);
  void rotate_heads(const AttentionSpec& spec, const CpuRows& rows, Tensor q, Tensor k,
                    std::int64_t first, std::int64_t last);

  const kernels::KernelTable& kernels_;
  ThreadPool& pool_;
  CpuOptions options_;
  Arena arena_;
  std::vector<Arena::Mark> marks_;
  HugeArena weight_memory_;
  std::size_t prepared_bytes_ = 0;
  Work work_;
  std::uint64_t next_id_ = 1;
  AlignedBytes scratch_;
  std::size_t scratch_bytes_ = 0;
  std::function<bool()> yield_hook_;
};

}  // namespace hearth
