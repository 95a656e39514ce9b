#include "tensor/trace.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace hearth {
namespace {

/// Says what was called and returns tensors that carry a number.
class Recorder final : public Ops {
 public:
  std::vector<std::string> calls;

#define HEARTH_OP(result, name, parameters, arguments) \
  result name parameters override { return note<result>(#name); }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
  HEARTH_OPS(HEARTH_OP)
#pragma GCC diagnostic pop
#undef HEARTH_OP

  Weight prepare(const RawWeight& raw, Use) override { return {raw.n, raw.k, nullptr}; }
  Vec prepare(std::span<const float> v) override {
    return {static_cast<std::int64_t>(v.size()), nullptr};
  }
  Rows prepare(const RowsSpec&) override { return {7, nullptr}; }
  std::unique_ptr<KvPool> make_kv_pool(const KvShape&, int) override { return nullptr; }
  Out activation_for(std::initializer_list<const Linear*>) const override { return Out::q8a; }
  void reserve(std::size_t) override {}
  std::size_t prepared_bytes() const override { return 5; }
  Work work() const override { return {1, 0, 2, 3}; }
  using Ops::read;
  void read(Tensor x, std::span<float> out) override { out[0] = static_cast<float>(x.id); }
  bool yield() override { return on; }
  void on_yield(std::function<bool()>) override {}
  std::size_t mark() override { return ++marks; }
  void release(std::size_t) override { --marks; }

  bool on = true;
  std::size_t marks = 0;

 private:
  template <class R>
  R note(const char* name) {
    calls.push_back(name);
    Tensor t;
    t.rows = t.cols = 1;
    t.id = calls.size();
    if constexpr (std::is_same_v<R, Tensor>)
      return t;
    else
      return {t, t};
  }
};

/// Calls every op of the table once, through `ops`.
void call_everything(Ops& ops) {
  const Tensor x;
  const Vec v;
  const Linear l;
  const std::vector<std::int32_t> ids{0};
  const std::vector<float> values{1};
  const Linear* weights[] = {&l, &l};
  ops.linears(x, weights, {});
  ops.gated(x, l, l, Gate::silu, Out::f32);
  ops.rms_norm(x, v, 1e-5f, Out::f32);
  ops.layer_norm(x, v, v, 1e-5f, Out::f32);
  ops.attention(x, x, x, {}, nullptr, {}, Out::f32);
  ops.add(x, x);
  ops.mul(x, x);
  ops.scale(x, 2);
  ops.softcap(x, 2);
  ops.silu(x);
  ops.gelu(x);
  ops.softmax(x);
  ops.gather({}, ids);
  ops.select_rows(x, ids);
  ops.put_rows(x, ids, x);
  ops.pixel_shuffle(x, 2, 1, Out::f32);
  ops.patches(x, 2, 1, Out::f32);
  ops.upload(values, 1, 1);
}

TEST(Trace, ForwardsEveryOpOfTheTableOnceAndCountsIt) {
  Recorder inner;
  Trace trace(inner);
  call_everything(trace);
  EXPECT_EQ(inner.calls, std::vector<std::string>(std::begin(kOpNames), std::end(kOpNames)));
  std::map<std::string_view, std::int64_t> counted;
  for (const Trace::Total& total : trace.totals()) {
    counted[total.op] += total.calls;
    EXPECT_GE(total.seconds, 0);
  }
  EXPECT_EQ(counted.size(), kOpCount);
  for (auto [op, calls] : counted) EXPECT_EQ(calls, 1) << op;
}

TEST(Trace, TellsLayerIndexAndEveryResultOfALinears) {
  Recorder inner;
  Trace trace(inner);
  std::vector<std::string> seen;
  trace.on_event([&](const Trace::Event& e) {
    seen.push_back(std::to_string(e.layer) + ":" + std::to_string(e.index) + " " +
                   std::string(e.op) + "." + std::to_string(e.part) + " #" +
                   std::to_string(trace.read(e.output)[0]).substr(0, 1));
  });
  const Linear l;
  const Linear* weights[] = {&l, &l};
  trace.scale({}, 2);
  EXPECT_TRUE(trace.yield());
  trace.linears({}, weights, {});
  trace.add({}, {});
  EXPECT_TRUE(trace.yield());
  trace.add({}, {});
  EXPECT_EQ(seen, (std::vector<std::string>{"0:0 scale.0 #1", "1:0 linears.0 #2",
                                            "1:0 linears.1 #2", "1:1 add.0 #3", "2:0 add.0 #4"}));
  trace.restart();
  seen.clear();
  trace.add({}, {});
  EXPECT_EQ(seen, (std::vector<std::string>{"0:0 add.0 #5"}));
  EXPECT_EQ(trace.totals().size(), 1u);
}

TEST(Trace, PassesEverythingElseThrough) {
  Recorder inner;
  Trace trace(inner);
  EXPECT_EQ(trace.prepare(RowsSpec{}).count, 7);
  EXPECT_EQ(trace.prepared_bytes(), 5u);
  EXPECT_EQ(trace.work().float_ops, 2);
  EXPECT_EQ(trace.activation_for({}), Out::q8a);
  {
    Scope scope = trace.scope();
    EXPECT_EQ(inner.marks, 1u);
  }
  EXPECT_EQ(inner.marks, 0u);
  inner.on = false;
  EXPECT_FALSE(trace.yield());
}

}  // namespace
}  // namespace hearth
