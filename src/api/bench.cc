#include "hearth/bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>

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

struct Bencher {
  Model::Impl& model;
  KvCache cache;
  Numbers numbers;

  explicit Bencher(Model::Impl& m)
      : model(m),
        cache(*m.ops,
              KvShape{m.kv_type, m.text->shape().layers, m.text->shape().kv_heads,
                      m.text->shape().head_dim},
              m.info.context) {}

  Result<Generated> generate_from(int prompt_tokens, int new_tokens) {
    Prompt prompt;
    for (int i = 0; i < prompt_tokens; ++i) {
      auto vocab = static_cast<std::uint64_t>(model.text->shape().vocab);
      prompt.cells.push_back({static_cast<TokenId>((numbers.next() >> 33) % vocab), 0});
    }
    cache.truncate(0);
    GenerateRequest request;
    request.prompt = &prompt;
    request.max_tokens = new_tokens;
    request.ignore_end = true;
    return generate(*model.ops, *model.text, *model.tokenizer, cache, request);
  }

  Result<double> read(int tokens) {
    HEARTH_TRY(Generated made, generate_from(tokens, 0));
    return made.prompt_ms;
  }

  // n + 1 tokens: the first comes with the prompt's logits, each other costs one step.
  Result<double> decode(int tokens) {
    HEARTH_TRY(Generated made, generate_from(1, tokens + 1));
    return made.decode_ms;
  }

  Result<double> encode(int tiles) {
    const auto size = static_cast<std::size_t>(model.vision->shape().tile);
    std::vector<float> pixels(3 * size * size);
    double ms = 0;
    for (int i = 0; i < tiles; ++i) {
      for (float& p : pixels) p = numbers.unit();
      auto start = std::chrono::steady_clock::now();
      HEARTH_TRY(auto features, model.vision->encode(*model.ops, pixels));
      ms += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
                .count();
    }
    return ms;
  }

  Result<double> run(const BenchResult& test) {
    if (test.test == "tile") return encode(test.n);
    return test.test == "decode" ? decode(test.n) : read(test.n);
  }
};

}  // namespace

Result<std::vector<BenchResult>> bench(const Model& handle, const BenchOptions& options) {
  return guarded([&]() -> Result<std::vector<BenchResult>> {
    Model::Impl& model = *handle.impl();
    if (options.prompt < 0 || options.decode < 0 || options.tiles < 0 || options.repeats < 1)
      return bad_input("bench: counts must not be negative, repeats at least 1");
    int needed = std::max(options.prompt, options.decode + 1);
    if (needed > model.info.context) {
      return bad_input("bench: " + std::to_string(needed) + " positions, the context holds " +
                       std::to_string(model.info.context));
    }
    std::lock_guard compute(model.engine->computing);
    std::vector<BenchResult> results;
    auto add = [&](const char* test, int n) { results.push_back({test, n, {}, {}}); };
    if (options.prompt > 0) add("prompt", options.prompt);
    if (options.decode > 0) add("decode", options.decode);
    if (options.tiles > 0 && model.vision) add("tile", options.tiles);
    add("first_token", std::min(8, model.info.context));
    Bencher bencher(model);
    const double total = static_cast<double>(results.size()) * (options.repeats + 1);
    double done = 0;
    for (int round = -1; round < options.repeats; ++round) {
      for (BenchResult& result : results) {
        if (options.progress) options.progress({"measuring", done++, total});
        const Work before = model.ops->work();
        HEARTH_TRY(double ms, bencher.run(result));
        const Work work = model.ops->work() - before;
        // A decode test's one prompt token is not timed.
        const double timed = result.test == "decode" ? result.n / (result.n + 1.0) : 1;
        result.work = {work.int8_ops * timed, work.float_ops * timed, work.bytes * timed};
        if (round >= 0) result.ms.push_back(ms);
      }
    }
    if (options.progress) options.progress({"measuring", total, total});
    return results;
  });
}

Result<Roof> measure_roof(const Engine& engine) {
  return guarded([&]() -> Result<Roof> {
    const Engine::Impl& impl = *engine.impl();
    std::lock_guard compute(engine.impl()->computing);
    const kernels::Roof roof = kernels::measure_roof(*impl.kernels, impl.pool->threads());
    return Roof{roof.int8_gops, roof.f32_gflops, roof.read_gbs};
  });
}

double BenchWork::roof_ms(const Roof& roof) const {
  if (roof.int8_gops <= 0 || roof.f32_gflops <= 0 || roof.read_gbs <= 0) return 0;
  const double compute = int8_ops / roof.int8_gops + float_ops / roof.f32_gflops;
  return std::max(compute, bytes / roof.read_gbs) * 1e-6;
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) << 10;
}

}  // namespace hearth
