// Trace: a decorator of Ops that times every op by name and shows its result to a hook.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <string_view>
#include <vector>

#include "tensor/ops.h"

namespace hearth {

/// The ops by number, from the one table.
inline constexpr std::string_view kOpNames[] = {
#define HEARTH_OP(result, name, parameters, arguments) #name,
    HEARTH_OPS(HEARTH_OP)
#undef HEARTH_OP
};
inline constexpr std::size_t kOpCount = std::size(kOpNames);

/// Forwards every op whole, fused ones too.
///
///     Trace trace(ops);
///     trace.on_event([](const Trace::Event& e) { … });
///     model.forward(trace, batch, kv);
///     for (const auto& [name, calls, seconds] : trace.totals()) …
class Trace final : public Ops {
 public:
  /// One op has run. `output` is alive until the hook returns; `trace.read(output)` gives its
  /// values where they are f32.
  struct Event {
    int layer = 0;  ///< calls of yield() before it: 0 is what comes before the first layer
    int index = 0;  ///< of the op within the layer
    std::string_view op;
    int part = 0;  ///< of the results of a `linears`
    Tensor output{};
  };
  struct Total {
    std::string_view op;
    std::int64_t calls = 0;
    double seconds = 0;
  };

  explicit Trace(Ops& inner) : inner_(inner) {}

  void on_event(std::function<void(const Event&)> hook) { hook_ = std::move(hook); }
  /// The ops that ran, most time first.
  std::vector<Total> totals() const;
  /// Layers, indices and times start again.
  void restart();

#define HEARTH_OP(result, name, parameters, arguments) result name parameters override;
  HEARTH_OPS(HEARTH_OP)
#undef HEARTH_OP

  Weight prepare(const RawWeight& raw, Use use) override { return inner_.prepare(raw, use); }
  Vec prepare(std::span<const float> values) override { return inner_.prepare(values); }
  Rows prepare(const RowsSpec& rows) override { return inner_.prepare(rows); }
  std::unique_ptr<KvPool> make_kv_pool(const KvShape& shape, int pages) override {
    return inner_.make_kv_pool(shape, pages);
  }
  Out activation_for(std::initializer_list<const Linear*> weights) const override {
    return inner_.activation_for(weights);
  }
  void reserve(std::size_t bytes) override { inner_.reserve(bytes); }
  std::size_t prepared_bytes() const override { return inner_.prepared_bytes(); }
  Work work() const override { return inner_.work(); }
  using Ops::read;
  void read(Tensor x, std::span<float> out) override { inner_.read(x, out); }
  bool yield() override;
  void on_yield(std::function<bool()> hook) override { inner_.on_yield(std::move(hook)); }
  std::size_t mark() override { return inner_.mark(); }
  void release(std::size_t mark) override { inner_.release(mark); }

 private:
  using Clock = std::chrono::steady_clock;
  void finish(std::size_t op, Clock::time_point began, std::span<const Tensor> outputs);

  Ops& inner_;
  std::function<void(const Event&)> hook_;
  int layer_ = 0, index_ = 0;
  struct Count {
    std::int64_t calls = 0;
    Clock::duration time{};
  };
  std::array<Count, kOpCount> counts_{};
};

}  // namespace hearth
