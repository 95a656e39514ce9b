#include "tensor/trace.h"

#include <algorithm>

namespace hearth {
namespace {

/// The number of each op, so that the macro below can name it.
enum class Op : std::size_t {
#define HEARTH_OP(result, name, parameters, arguments) name,
  HEARTH_OPS(HEARTH_OP)
#undef HEARTH_OP
};

std::span<const Tensor> tensors_of(const Tensor& one) { return {&one, 1}; }
std::span<const Tensor> tensors_of(const std::vector<Tensor>& many) { return many; }

}  // namespace

#define HEARTH_OP(result, name, parameters, arguments)                     \
  result Trace::name parameters {                                          \
    const auto began = Clock::now();                                       \
    result output = inner_.name arguments;                                 \
    finish(static_cast<std::size_t>(Op::name), began, tensors_of(output)); \
    return output;                                                         \
  }
HEARTH_OPS(HEARTH_OP)
#undef HEARTH_OP

void Trace::finish(std::size_t op, Clock::time_point began, std::span<const Tensor> outputs) {
  counts_[op].time += Clock::now() - began;
  ++counts_[op].calls;
  if (hook_) {
    Event event{.layer = layer_, .index = index_, .op = kOpNames[op]};
    for (const Tensor& output : outputs) {
      event.output = output;
      hook_(event);
      ++event.part;
    }
  }
  ++index_;
}

bool Trace::yield() {
  ++layer_;
  index_ = 0;
  return inner_.yield();
}

void Trace::restart() {
  layer_ = index_ = 0;
  counts_ = {};
}

std::vector<Trace::Total> Trace::totals() const {
  std::vector<Total> out;
  for (std::size_t op = 0; op < kOpCount; ++op) {
    if (counts_[op].calls == 0) continue;
    out.push_back(
        {kOpNames[op], counts_[op].calls, std::chrono::duration<double>(counts_[op].time).count()});
  }
  std::sort(out.begin(), out.end(),
            [](const Total& a, const Total& b) { return a.seconds > b.seconds; });
  return out;
}

}  // namespace hearth
