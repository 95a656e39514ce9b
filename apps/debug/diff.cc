// hearth debug diff: where do two models, or two instruction sets, part?
#include <fmt/format.h>

#include <deque>

#include "debug/verbs.h"

namespace hearth::debug {
namespace {

/// One result of an op, as a run made it.
struct Step {
  int layer, index, part;
  std::string_view op;
  std::int64_t rows, cols;
  bool opaque;  ///< q8a: no two instruction sets lay it out alike
  std::vector<float> values;

  std::string name() const {
    return fmt::format("layer {:>3}  {:>2} {}{}", layer, index, op,
                       part > 0 ? fmt::format(".{}", part) : "");
  }
};

Step make_step(Trace& trace, const Trace::Event& e) {
  Step step{
      e.layer, e.index, e.part, e.op, e.output.rows, e.output.cols, e.output.dtype != Elem::f32,
      {}};
  if (!step.opaque) step.values = trace.read(e.output);
  return step;
}

Status run(Workbench& bench, const DiffWishes& wishes) {
  bench.trace().restart();
  if (!wishes.pixels.empty()) {
    HEARTH_TRY(const NpyArray pixels, read_npy(wishes.pixels));
    HEARTH_TRY(auto ignored, bench.encode(pixels));
    return {};
  }
  HEARTH_TRY(const auto tokens, parse_tokens(wishes.tokens, bench.text().shape().vocab));
  HEARTH_TRY(auto ignored, bench.logits(tokens, {}));
  return {};
}

/// Compares the second run with the first while it goes.
class Comparison {
 public:
  Comparison(Console& console, const DiffWishes& wishes, std::deque<Step> first)
      : console_(console), wishes_(wishes), first_(std::move(first)) {}

  void look(const Step& b) {
    if (done()) return;
    if (first_.empty()) return part(b.name() + ": only the second has it");
    const Step a = std::move(first_.front());
    first_.pop_front();
    if (a.op != b.op || a.layer != b.layer)
      return part(a.name() + " against " + b.name() + ": the models differ in kind");
    if (a.rows != b.rows || a.cols != b.cols)
      return part(
          fmt::format("{}: [{}, {}] against [{}, {}]", b.name(), a.rows, a.cols, b.rows, b.cols));
    if (a.opaque || b.opaque) {
      console_.line(b.name() + fmt::format(" [{}, {}]  8-bit, not compared", b.rows, b.cols));
      return;
    }
    const Difference d = difference(b.values, a.values);
    const std::string line = fmt::format("{} [{}, {}]  NMSE {:.3g}  max {:.3g}", b.name(), b.rows,
                                         b.cols, d.nmse, d.max_abs);
    console_.line(line);
    if (!(d.nmse <= wishes_.threshold)) part(line);
  }

  void finish() {
    if (parted_.empty() && !first_.empty()) part(first_.front().name() + ": only the first has it");
    console_.line(parted_.empty()
                      ? fmt::format("no op parts by more than NMSE {:.3g}", wishes_.threshold)
                      : "first parts at " + parted_);
  }
  bool done() const { return !parted_.empty() && !wishes_.all; }

 private:
  void part(const std::string& what) {
    if (parted_.empty()) parted_ = what;
  }

  Console& console_;
  const DiffWishes& wishes_;
  std::deque<Step> first_;
  std::string parted_;
};

}  // namespace

Status diff(Console& console, const DiffWishes& wishes) {
  if (wishes.tokens.empty() == wishes.pixels.empty())
    return bad_input("expected either --tokens or --pixels");
  const auto half = wishes.pixels.empty() ? Workbench::Halves::text : Workbench::Halves::vision;
  std::deque<Step> first;
  {
    HEARTH_TRY(auto a, Workbench::open(wishes.a, half));
    a->trace().on_event([&](const Trace::Event& e) { first.push_back(make_step(a->trace(), e)); });
    HEARTH_TRY_STATUS(run(*a, wishes));
  }
  Setup same = wishes.a;  // but for the model, both run alike
  same.model = wishes.b;
  HEARTH_TRY(auto b, Workbench::open(same, half));
  Comparison comparison(console, wishes, std::move(first));
  b->trace().on_yield([&] { return !comparison.done(); });
  b->trace().on_event([&](const Trace::Event& e) { comparison.look(make_step(b->trace(), e)); });
  if (Status status = run(*b, wishes); !status && status.error().kind != ErrorKind::cancelled)
    return status;
  comparison.finish();
  return {};
}

}  // namespace hearth::debug
