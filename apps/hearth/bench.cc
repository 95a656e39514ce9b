// hearth bench: how fast a model runs on this machine.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/bench.h"
#include "hearth/flags.h"
#include "hearth/names.h"
#include "hearth/report.h"
#include "hearth/verbs.h"

namespace hearth::cli {
namespace {

struct BenchFlags {
  std::optional<std::string> model;
  std::string synthetic, mmproj, precision = "auto", vision_precision = "auto", kv_type = "f16";
  BenchOptions counts;
  int threads = 0, context = 0;
  bool roof = false, json = false, force = false;
};

struct Spread {
  double median, min, max;
};

Spread spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::size_t n = values.size();
  return {(values[(n - 1) / 2] + values[n / 2]) / 2, values.front(), values.back()};
}

nlohmann::ordered_json as_json(const Spread& s) {
  return {{"median", s.median}, {"min", s.min}, {"max", s.max}};
}

std::vector<double> rates(const BenchResult& result) {
  std::vector<double> out;
  for (double ms : result.ms) out.push_back(result.n / ms * 1000);
  return out;
}

/// Of the machine's roof, 0 … 1.
double share_of(const BenchResult& result, const Roof& roof) {
  return result.work.roof_ms(roof) / spread(result.ms).median;
}

int bench_model(Context& context, BenchFlags& flags) {
  Console& console = context.console;
  LoadOptions load;
  load.path =
      flags.synthetic.empty() ? flags.model.value_or("nano") : "synthetic:" + flags.synthetic;
  load.mmproj = flags.mmproj;
  load.precision = flags.precision;
  load.vision_precision = flags.vision_precision;
  load.kv_type = flags.kv_type;
  load.context = flags.context;
  load.force = flags.force;
  load.progress = console.progress_hook();
  if (load.context == 0)
    load.context = std::max({flags.counts.prompt, flags.counts.decode + 1, 64});
  if (flags.synthetic.empty() && !names_model(load.path))
    return console.report(no_such_model(load.path));
  auto engine = context.make_engine(flags.threads);
  if (!engine) return console.report(engine.error());
  auto model = Model::load(*engine, load);
  if (!model) return console.report(model.error());
  flags.counts.progress = console.progress_hook();
  auto results = bench(*model, flags.counts);
  console.clear_progress();
  if (!results) return console.report(results.error());

  const std::uint64_t peak_memory = peak_rss_bytes();  // the probe below needs some of its own
  std::optional<Roof> roof;
  if (flags.roof) {
    auto measured = measure_roof(*engine);
    if (!measured) return console.report(measured.error());
    roof = *measured;
  }
  const ModelInfo& info = model->info();
  if (flags.json) {
    nlohmann::ordered_json out = {{"model", info.name},
                                  {"type", info.weight_types},
                                  {"threads", engine->threads()},
                                  {"isa", engine->isa()},
                                  {"load_ms", model->load_ms()},
                                  {"peak_rss_bytes", peak_memory},
                                  {"results", nlohmann::ordered_json::array()}};
    if (roof)
      out["roof"] = {{"int8_gops", roof->int8_gops},
                     {"f32_gflops", roof->f32_gflops},
                     {"read_gbs", roof->read_gbs}};
    for (const BenchResult& result : *results) {
      nlohmann::ordered_json row = {{"test", result.test},
                                    {"n", result.n},
                                    {"tokens_per_second", as_json(spread(rates(result)))},
                                    {"ms", as_json(spread(result.ms))}};
      if (roof) row["roof_share"] = share_of(result, *roof);
      out["results"].push_back(std::move(row));
    }
    console.line(out.dump());
    return kOk;
  }
  console.line(fmt::format("{} ({}), {} threads, {}; loaded in {:.0f} ms, peak memory {}",
                           info.name, info.weight_types, engine->threads(), engine->isa(),
                           model->load_ms(), human_bytes(peak_memory)));
  if (roof)
    console.line(fmt::format("roof: {:.0f} int8 GOPS, {:.0f} f32 GFLOPS, memory {:.1f} GB/s",
                             roof->int8_gops, roof->f32_gflops, roof->read_gbs));
  console.line(fmt::format("{:<12} {:>6} {:>12} {:>12} {:>12} {:>14}{}", "test", "n", "median ms",
                           "min", "max", "a second", roof ? "     of the roof" : ""));
  for (const BenchResult& result : *results) {
    Spread ms = spread(result.ms);
    std::string share = roof ? fmt::format("{:>14.0f} %", 100 * share_of(result, *roof)) : "";
    console.line(fmt::format("{:<12} {:>6} {:>12.2f} {:>12.2f} {:>12.2f} {:>14.2f}{}", result.test,
                             result.n, ms.median, ms.min, ms.max, spread(rates(result)).median,
                             share));
  }
  return kOk;
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  const auto flags = std::make_shared<BenchFlags>();
  Verb verb(app, "bench", "Measure how fast a model runs here");
  verb.word("MODEL", flags->model, "nano, a .gguf file or a model directory (nano)")
      .text("--synthetic", "NAME:TYPE", flags->synthetic,
            "random weights of a true shape instead: smollm2-135m:q4_0, smolvlm2-500m:q8_0, …")
      .value("-p,--prompt", "N", read_into(flags->counts.prompt, {0, 1 << 20}),
             "prompt tokens (512)")
      .value("-n,--decode", "N", read_into(flags->counts.decode, {0, 1 << 20}), "new tokens (128)")
      .value("-r,--repeats", "N", read_into(flags->counts.repeats, {1, 1000}), "repeats (5)")
      .value("--tiles", "N", read_into(flags->counts.tiles, {0, 1000}), "picture tiles (1)")
      .value("--threads", "N", read_into(flags->threads, {0, 1024}), "threads (physical cores)")
      .value("--ctx", "N", read_into(flags->context, {0, 1 << 24}), "context (what the tests need)")
      .value("--kv-type", "T", read_choice(flags->kv_type, {"f16", "f32", "q8_0"}),
             "KV cache (f16)")
      .value("--precision", "P", read_choice(flags->precision, {"auto", "f32"}),
             "auto or f32 (auto)")
      .value("--vision-precision", "P",
             read_choice(flags->vision_precision, {"auto", "f32", "int8"}),
             "of the vision tower: auto, f32 or int8 (auto)")
      .text("--mmproj", "FILE", flags->mmproj, "vision half, where it is not beside MODEL")
      .flag("--roof", flags->roof, "measure this machine's limits too, and the share reached")
      .flag("--force", flags->force, "run even when memory looks too small")
      .flag("--json", flags->json, "print one JSON object");
  verb.action([flags, &context] { return bench_model(context, *flags); });
}

}  // namespace hearth::cli
