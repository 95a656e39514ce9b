// Attention on the CPU: rotate and append, then streaming softmax over pages of 64 positions.
#include <sys/mman.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "tensor/cpu_impl.h"

namespace hearth {

using kernels::kPagePositions;
static_assert(kPagePositions == kKvPagePositions);

// ---- the pool ----

CpuKvPool::CpuKvPool(const KvShape& shape, int pages)
    : shape_(shape),
      pages_(pages),
      half_bytes_((kernels::kv_half_page_bytes(shape.type, shape.head_dim) + 63) / 64 * 64) {
  // Untouched pages of an anonymous mapping cost nothing: a long context is paid for when used.
  // It also reads as zeros, so masked slots of a fresh page are finite.
  void* p = ::mmap(nullptr, page_bytes() * static_cast<std::size_t>(pages), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  prefer_huge_pages(p, page_bytes() * static_cast<std::size_t>(pages));
  data_ = static_cast<std::byte*>(p);
}

CpuKvPool::~CpuKvPool() { ::munmap(data_, page_bytes() * static_cast<std::size_t>(pages_)); }

std::size_t CpuKvPool::page_bytes() const {
  return half_bytes_ * 2 * static_cast<std::size_t>(shape_.layers) *
         static_cast<std::size_t>(shape_.kv_heads);
}

std::byte* CpuKvPool::head(int page, int layer, int kv_head) const {
  CHECK(page >= 0 && page < pages_);
  std::size_t index = static_cast<std::size_t>(layer) * static_cast<std::size_t>(shape_.kv_heads) +
                      static_cast<std::size_t>(kv_head);
  return data_ + page_bytes() * static_cast<std::size_t>(page) + half_bytes_ * 2 * index;
}

std::unique_ptr<KvPool> CpuOps::make_kv_pool(const KvShape& shape, int pages) {
  return std::make_unique<CpuKvPool>(shape, pages);
}

// ---- rows ----

Rows CpuOps::prepare(const RowsSpec& spec) {
  auto rows = std::make_shared<CpuRows>();
  rows->positions = spec.positions;
  const std::size_t count = spec.sequences.size();
  CHECK(spec.positions.size() == count);
  for (std::size_t r = 0; r < count; ++r) {
    if (r == 0 || spec.sequences[r] != spec.sequences[r - 1]) {
      CHECK(r == 0 || spec.sequences[r] > spec.sequences[r - 1]);
      CpuRows::Sequence sequence;
      sequence.first = static_cast<std::int64_t>(r);
      auto index = static_cast<std::size_t>(spec.sequences[r]);
      if (index < spec.pages.size()) sequence.pages = spec.pages[index];
      rows->sequences.push_back(std::move(sequence));
    }
    rows->sequences.back().last = static_cast<std::int64_t>(r) + 1;
  }
  return {static_cast<std::int64_t>(count), std::move(rows)};
}

const CpuOps::CpuRows::Rotation& CpuOps::CpuRows::rotation(const Rope& rope, int head_dim) const {
  auto [it, fresh] =
      rotations_.try_emplace(Key{rope.base, rope.scale, rope.factors.prepared.get(), head_dim});
  Rotation& rotation = it->second;
  if (!fresh) return rotation;
  const std::size_t half = static_cast<std::size_t>(head_dim) / 2;
  const float* factors = values(rope.factors);
  std::vector<float> frequency(half);
  for (std::size_t i = 0; i < half; ++i) {
    double exponent = 2.0 * static_cast<double>(i) / head_dim;
    frequency[i] = static_cast<float>(1.0 / std::pow(static_cast<double>(rope.base), exponent));
    if (factors) frequency[i] /= factors[i];
  }
  rotation.cos.resize(positions.size() * half);
  rotation.sin.resize(positions.size() * half);
  for (std::size_t r = 0; r < positions.size(); ++r) {
    float position = static_cast<float>(positions[r]) * rope.scale;
    for (std::size_t i = 0; i < half; ++i) {
      float angle = position * frequency[i];
      rotation.cos[r * half + i] = std::cos(angle);
      rotation.sin[r * half + i] = std::sin(angle);
    }
  }
  return rotation;
}

// ---- attention ----

void CpuOps::rotate_heads(const AttentionSpec& spec, const CpuRows& rows, Tensor q, Tensor k,
                          std::int64_t first, std::int64_t last) {
  const std::int64_t half = spec.head_dim / 2;
  const CpuRows::Rotation* rotation =
      spec.rope ? &rows.rotation(*spec.rope, spec.head_dim) : nullptr;
  auto turn = [&](float* head, const Vec& norm, std::int64_t r) {
    if (norm) kernels_.rms_norm(head, values(norm), spec.head_dim, spec.norm_eps, head);
    if (rotation)
      kernels_.rope(head, rotation->cos.data() + r * half, rotation->sin.data() + r * half, half,
                    head);
  };
  for (std::int64_t r = first; r < last; ++r) {
    for (int h = 0; h < spec.heads; ++h) turn(row_of(q, r) + h * spec.head_dim, spec.q_norm, r);
    for (int h = 0; h < spec.kv_heads; ++h) turn(row_of(k, r) + h * spec.head_dim, spec.k_norm, r);
  }
}

Tensor CpuOps::attention(Tensor q, Tensor k, Tensor v, const AttentionSpec& spec, const KvLayer* kv,
                         const Rows& rows_handle, Out out) {
  const CpuRows& rows = impl(rows_handle);
  const int hd = spec.head_dim;
  CHECK(q.cols == std::int64_t{spec.heads} * hd && k.cols == std::int64_t{spec.kv_heads} * hd);
  CHECK(rows_handle.count == q.rows);
  if (spec.rope) (void)rows.rotation(*spec.rope, hd);  // made before the threads look it up

  Tensor result = make(q.rows, q.cols, Out::f32);
  attend_into(result, q, k, v, spec, kv, rows);
  return out == Out::q8a ? quantised(result) : result;
}

void CpuOps::attend_into(Tensor result, Tensor q, Tensor k, Tensor v, const AttentionSpec& spec,
                         const KvLayer* kv, const CpuRows& rows) {
  const int hd = spec.head_dim, group = spec.heads / spec.kv_heads;
  // A tower has no cache: its rows' keys and values lie in pages of this scope's own.
  Scope inner = scope();
  KvType type = kv ? static_cast<CpuKvPool*>(kv->pool)->shape().type : KvType::f32;
  std::size_t half_bytes = kernels::kv_half_page_bytes(type, hd);
  std::byte* own_pages = nullptr;
  std::vector<std::int64_t> own_first;  // per sequence: its first page among our own
  if (kv) {
    half_bytes = static_cast<CpuKvPool*>(kv->pool)->half_bytes();
  } else {
    std::int64_t pages = 0;
    for (const auto& sequence : rows.sequences) {
      own_first.push_back(pages);
      pages += (sequence.last - sequence.first + kPagePositions - 1) / kPagePositions;
    }
    std::size_t bytes = half_bytes * 2 * static_cast<std::size_t>(pages * spec.kv_heads);
    own_pages = arena_.allocate(bytes);
    std::fill_n(own_pages, bytes, std::byte{0});  // masked slots of a last page must be finite
  }
  auto position_of = [&](const CpuRows::Sequence& s, std::int64_t row) {
    return kv ? rows.positions[static_cast<std::size_t>(row)]
              : static_cast<std::int32_t>(row - s.first);
  };
  auto page_of = [&](std::size_t sequence, std::int32_t block, int head) -> std::byte* {
    if (kv) {
      int page = rows.sequences[sequence].pages.at(static_cast<std::size_t>(block));
      return static_cast<CpuKvPool*>(kv->pool)->head(page, kv->layer, head);
    }
    return own_pages +
           half_bytes * 2 *
               static_cast<std::size_t>((own_first[sequence] + block) * spec.kv_heads + head);
  };

  // 1. Rotate and append. Cheap per row; one row is not worth a fork.
  auto append = [&](std::int64_t first, std::int64_t last, int) {
    rotate_heads(spec, rows, q, k, first, last);
    for (std::size_t s = 0; s < rows.sequences.size(); ++s) {
      const auto& sequence = rows.sequences[s];
      for (std::int64_t r = std::max(first, sequence.first); r < std::min(last, sequence.last);
           ++r) {
        std::int32_t position = position_of(sequence, r);
        for (int h = 0; h < spec.kv_heads; ++h) {
          std::byte* page = page_of(s, position / kPagePositions, h);
          kernels_.kv_append(type, hd, row_of(k, r) + h * hd, row_of(v, r) + h * hd, page,
                             page + half_bytes, position % kPagePositions);
        }
      }
    }
  };
  for_rows(q.rows, q.cols + 2 * k.cols, append);

  for (std::size_t s = 0; s < rows.sequences.size(); ++s) {
    const auto& sequence = rows.sequences[s];
    const double count = static_cast<double>(sequence.last - sequence.first);
    const double last = position_of(sequence, sequence.last - 1) + 1.0;
    double seen = count * last;  // pairs of a query and a key, of one head
    if (spec.causal) seen -= count * (count - 1) / 2;
    if (spec.window > 0) seen = std::min(seen, count * spec.window);
    work_.float_ops += 4.0 * seen * spec.heads * hd;
    work_.bytes += 2.0 * static_cast<double>(half_bytes) * spec.kv_heads * last / kPagePositions;
  }

  // 2. Attend: a task is one KV head's group of query heads over a run of rows.
  struct Task {
    std::size_t sequence;
    int head, first_in_group, in_group;
    std::int64_t first, last;
  };
  std::vector<Task> tasks;
  for (std::size_t s = 0; s < rows.sequences.size(); ++s) {
    const auto& sequence = rows.sequences[s];
    std::int64_t count = sequence.last - sequence.first;
    // Few rows and few heads would leave threads idle: split the group instead.
    int split = count == 1 && spec.kv_heads < 2 * pool_.threads() ? group : 1;
    std::int64_t step = std::max<std::int64_t>(1, 96 / group);
    if (count == 1) step = 1;
    for (std::int64_t first = sequence.first; first < sequence.last; first += step) {
      for (int h = 0; h < spec.kv_heads; ++h) {
        for (int part = 0; part < split; ++part)
          tasks.push_back({s, h, part * group / split, group / split, first,
                           std::min(first + step, sequence.last)});
      }
    }
  }
  const std::size_t scratch_each = (kernels::attend_scratch_bytes(hd) + 63) / 64 * 64;
  std::byte* scratch = worker_scratch(scratch_each);
  pool_.run(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t index, int worker) {
    // Long rows first: with a causal mask the last rows have the most to read.
    const Task& task = tasks[tasks.size() - 1 - static_cast<std::size_t>(index)];
    const auto& sequence = rows.sequences[task.sequence];
    std::int32_t last_position =
        spec.causal ? position_of(sequence, task.last - 1)
                    : static_cast<std::int32_t>(sequence.last - sequence.first - 1);
    thread_local std::vector<const std::byte*> k_pages, v_pages;
    thread_local std::vector<const float*> queries;
    thread_local std::vector<float*> outputs;
    thread_local std::vector<std::int32_t> begins, ends;
    k_pages.clear(), v_pages.clear(), queries.clear(), outputs.clear(), begins.clear(),
        ends.clear();
    for (std::int32_t block = 0; block <= last_position / kPagePositions; ++block) {
      std::byte* page = page_of(task.sequence, block, task.head);
      k_pages.push_back(page);
      v_pages.push_back(page + half_bytes);
    }
    for (std::int64_t r = task.first; r < task.last; ++r) {
      std::int32_t end = spec.causal ? position_of(sequence, r) + 1 : last_position + 1;
      std::int32_t begin = spec.window > 0 ? std::max(0, end - spec.window) : 0;
      for (int i = 0; i < task.in_group; ++i) {
        int head = task.head * group + task.first_in_group + i;
        queries.push_back(row_of(q, r) + head * hd);
        outputs.push_back(row_of(result, r) + head * hd);
        begins.push_back(begin);
        ends.push_back(end);
      }
    }
    kernels::Attend args;
    args.head_dim = hd;
    args.type = type;
    args.k_pages = k_pages.data();
    args.v_pages = v_pages.data();
    args.rows = static_cast<std::int64_t>(queries.size());
    args.q = queries.data();
    args.out = outputs.data();
    args.begin = begins.data();
    args.end = ends.data();
    args.scale = spec.scale;
    args.softcap = spec.softcap;
    args.scratch = scratch + scratch_each * static_cast<std::size_t>(worker);
    kernels_.attend(args);
  });
}

}  // namespace hearth
