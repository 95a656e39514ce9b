#include "hearth/bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "api/impl.h"
#include "kernels/roof.h"
#include "tasks/generate.h"

namespace hearth {
namespace {

/// A repeatable stream of numbers: what they are does not matter, that none repeat does.
class Numbers {
 public:
  std::uint64_t next() { return state_ = state_ * 6364136223846793005u + 1442695040888963407u; }
  float unit() { return static_cast<float>(next() >> 40) * 0x1p-23f - 1; }

 private:
  std::uint64_t state_ = 1;
};

/// One test, with a cache of its own: what a decode test has read once stays for its repeats.
class Test {
 public:
  Test(Model::Impl& model, BenchResult result) : model_(model), result_(std::move(result)) {
    if (result_.test == "tile") return;
    const bool decodes = result_.test == "decode";
    cache_.emplace(*model.ops,
                   KvShape{model.kv_type, model.text->shape().layers, model.text->shape().kv_heads,
                           model.text->shape().head_dim},
                   decodes ? result_.depth + result_.n + 1 : result_.n);
    const auto vocab = static_cast<std::uint64_t>(model.text->shape().vocab);
    for (int i = 0; i < (decodes ? result_.depth + 1 : result_.n); ++i)
      prompt_.cells.push_back({static_cast<TokenId>((numbers_.next() >> 33) % vocab), 0});
  }

  const BenchResult& result() const { return result_; }

  /// The machine's roof around the last repeat, and the best so far.
  void set_roof(const Roof& now, const Roof& best) {
    result_.roof = best;
    if (const double ms = result_.work.roof_ms(now); ms > 0)
      result_.shares.push_back(ms / result_.ms.back());
  }

  Status run(bool counts) {
    const Work before = model_.ops->work();
    HEARTH_TRY(const double ms, result_.test == "tile"     ? encode()
                                : result_.test == "decode" ? decode()
                                                           : read());
    const Work work = model_.ops->work() - before;
    // The prompt's last token, which a decode test reads again for its logits, is not timed.
    const double timed = result_.test == "decode" ? result_.n / (result_.n + 1.0) : 1;
    result_.work = {work.int8_ops * timed, work.bf16_ops * timed, work.float_ops * timed,
                    work.bytes * timed};
    if (counts) result_.ms.push_back(ms);
    return {};
  }

 private:
  Result<Generated> generate_tokens(int count) {
    GenerateRequest request;
    request.prompt = &prompt_;
    request.max_tokens = count;
    request.ignore_end = true;
    return generate(*model_.ops, *model_.text, *model_.tokenizer, *cache_, request);
  }

  Result<double> read() {
    cache_->truncate(0);
    HEARTH_TRY(const Generated made, generate_tokens(0));
    return made.prompt_ms;
  }

  // n + 1 tokens: the first comes with the prompt's logits, each other costs one step.
  Result<double> decode() {
    HEARTH_TRY(const Generated made, generate_tokens(result_.n + 1));
    return made.decode_ms;
  }

  Result<double> encode() {
    const auto size = static_cast<std::size_t>(model_.vision->shape().tile);
    std::vector<float> pixels(3 * size * size);
    double ms = 0;
    for (int i = 0; i < result_.n; ++i) {
      for (float& p : pixels) p = numbers_.unit();
      auto start = std::chrono::steady_clock::now();
      HEARTH_TRY(auto features, model_.vision->encode(*model_.ops, pixels));
      ms += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
                .count();
    }
    return ms;
  }

  Model::Impl& model_;
  BenchResult result_;
  Numbers numbers_;
  std::optional<KvCache> cache_;
  Prompt prompt_;
};

bool any_below(const std::vector<int>& values, int least) {
  return std::any_of(values.begin(), values.end(), [&](int value) { return value < least; });
}

bool any_above(const std::vector<int>& values, int most) {
  return std::any_of(values.begin(), values.end(), [&](int value) { return value > most; });
}

Roof probe(const Engine::Impl& engine) {
  const kernels::Roof roof = kernels::measure_roof(*engine.kernels, engine.pool->threads());
  return {roof.int8_gops, roof.bf16_gflops, roof.f32_gflops, roof.read_gbs};
}

Roof better(const Roof& a, const Roof& b) {
  return {std::max(a.int8_gops, b.int8_gops), std::max(a.bf16_gflops, b.bf16_gflops),
          std::max(a.f32_gflops, b.f32_gflops), std::max(a.read_gbs, b.read_gbs)};
}

/// Every test keeps its cache while the others run: they must fit together.
Status check_caches(const BenchOptions& options, const ModelInfo& info) {
  std::uint64_t positions = 8;
  for (int prompt : options.prompts) positions += static_cast<std::uint64_t>(prompt);
  for (int depth : options.depths)
    if (options.decode > 0) positions += static_cast<std::uint64_t>(depth + options.decode + 1);
  const std::uint64_t needed = positions * info.kv_bytes_per_token, free = available_memory();
  if (free == 0 || needed <= free) return {};
  return bad_input("bench: these prompts and depths keep " + std::to_string(needed >> 20) +
                   " MB of cache together, " + std::to_string(free >> 20) +
                   " MB are free: measure fewer at once");
}

}  // namespace

int positions_needed(const BenchOptions& options) {
  int needed = 8;
  for (int prompt : options.prompts) needed = std::max(needed, prompt);
  for (int depth : options.depths)
    if (options.decode > 0) needed = std::max(needed, depth + options.decode + 1);
  return needed;
}

Result<std::vector<BenchResult>> bench(const Model& handle, const BenchOptions& options) {
  return guarded([&]() -> Result<std::vector<BenchResult>> {
    Model::Impl& model = *handle.impl();
    constexpr int kMost = 1 << 24;  // no model reads as many
    if (any_above(options.prompts, kMost) || any_above(options.depths, kMost) ||
        options.decode > kMost)
      return bad_input("bench: at most " + std::to_string(kMost) + " tokens");
    if (any_below(options.prompts, 0) || any_below(options.depths, 0) || options.decode < 0 ||
        options.tiles < 0 || options.repeats < 1)
      return bad_input("bench: counts must not be negative, repeats at least 1");
    if (const int needed = positions_needed(options); needed > model.info.context) {
      return bad_input("bench: " + std::to_string(needed) + " positions, the context holds " +
                       std::to_string(model.info.context));
    }
    HEARTH_TRY_STATUS(check_caches(options, model.info));
    std::lock_guard compute(model.engine->computing);
    std::vector<Test> tests;
    const auto add = [&](const char* test, int n, int depth = 0) {
      tests.emplace_back(model, BenchResult{test, n, depth});
    };
    for (int prompt : options.prompts)
      if (prompt > 0) add("prompt", prompt);
    for (int depth : options.depths)
      if (options.decode > 0) add("decode", options.decode, depth);
    if (options.tiles > 0 && model.vision) add("tile", options.tiles);
    add("first_token", 8);
    const double total = static_cast<double>(tests.size()) * (options.repeats + 1);
    double done = 0;
    Roof before, best;
    for (int round = -1; round < options.repeats; ++round) {
      for (Test& test : tests) {
        if (options.progress) options.progress({"measuring", done++, total});
        HEARTH_TRY_STATUS(test.run(round >= 0));
      }
      if (!options.roof) continue;
      const Roof after = probe(*model.engine);
      best = better(best, after);
      for (Test& test : tests)
        if (round >= 0) test.set_roof(better(before, after), best);
      before = after;
    }
    if (options.progress) options.progress({"measuring", total, total});
    std::vector<BenchResult> results;
    for (const Test& test : tests) results.push_back(test.result());
    return results;
  });
}

Result<Roof> measure_roof(const Engine& engine) {
  return guarded([&]() -> Result<Roof> {
    std::lock_guard compute(engine.impl()->computing);
    return probe(*engine.impl());
  });
}

double BenchWork::roof_ms(const Roof& roof) const {
  if (roof.int8_gops <= 0 || roof.f32_gflops <= 0 || roof.read_gbs <= 0) return 0;
  const double bf16 = bf16_ops > 0 ? bf16_ops / roof.bf16_gflops : 0;
  const double compute = int8_ops / roof.int8_gops + bf16 + float_ops / roof.f32_gflops;
  return std::max(compute, bytes / roof.read_gbs) * 1e-6;
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) << 10;
}

}  // namespace hearth
