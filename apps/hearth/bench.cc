// hearth bench: how fast a model runs on this machine.
#include "hearth/bench.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "hearth/bench_report.h"
#include "hearth/busy.h"
#include "hearth/flags.h"
#include "hearth/names.h"
#include "hearth/verbs.h"

namespace hearth::cli {
namespace {

struct BenchFlags {
  std::optional<std::string> model;
  std::string synthetic, mmproj, precision = "auto", vision_precision = "auto", kv_type = "f16";
  std::string compare, reference, chart;
  BenchOptions counts;
  int threads = 0, context = 0, busy = 0;
  bool json = false, markdown = false, force = false;
  bool keep_packed = false, low_memory = false;
};

LoadOptions load_options(const BenchFlags& flags, Console& console) {
  LoadOptions load;
  load.path =
      flags.synthetic.empty() ? flags.model.value_or("nano") : "synthetic:" + flags.synthetic;
  load.mmproj = flags.mmproj;
  load.precision = flags.precision;
  load.vision_precision = flags.vision_precision;
  load.kv_type = flags.kv_type;
  load.context = flags.context > 0 ? flags.context : std::max(positions_needed(flags.counts), 64);
  load.force = flags.force;
  if (flags.keep_packed) load.packed_cache = default_packed_cache();
  load.low_memory = flags.low_memory;
  load.progress = console.progress_hook();
  return load;
}

/// What the flags say together.
Status check(const BenchFlags& flags) {
  if (!flags.synthetic.empty() && flags.model)
    return bad_input(
        fmt::format("bench: MODEL is {} and --synthetic is {}: only one can be measured",
                    in_quotes(*flags.model), flags.synthetic));
  if (flags.keep_packed)
    if (auto status = has_packed_cache(); !status) return status;
  if (flags.json && flags.markdown)
    return bad_input("--json and --markdown: only one can be printed");
  const std::filesystem::path folder = std::filesystem::path(flags.chart).parent_path();
  std::error_code ignored;
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored))
    return bad_input(fmt::format("--chart {}: no such directory", flags.chart));
  if (!flags.compare.empty()) return readable_file(flags.compare);
  return {};
}

std::vector<double> rates(const BenchResult& result) {
  std::vector<double> out;
  for (double ms : result.ms) out.push_back(result.n / ms * 1000);
  return out;
}

BenchReport make_report(const Engine& engine, const Model& model,
                        const std::vector<BenchResult>& results) {
  BenchReport report;
  report.model = model.info().name;
  report.types = model.info().weight_types;
  report.isa = engine.isa();
  report.threads = engine.threads();
  report.load_ms = model.load_ms();
  report.peak_rss_bytes = peak_rss_bytes();
  for (const BenchResult& result : results) {
    BenchRow& row = report.rows.emplace_back();
    row.test = result.test;
    row.n = result.n;
    row.depth = result.depth;
    row.ms = spread(result.ms);
    row.rate = spread(rates(result));
    if (!result.shares.empty()) row.share = spread(result.shares).median;
  }
  return report;
}

/// What quantisation costs beside a better model.
Result<Quality::Beside> measure_beside(const Engine& engine, const Model& model,
                                       const BenchFlags& flags, Console& console) {
  if (!names_model(flags.reference)) return no_such_model(flags.reference);
  LoadOptions load = load_options(flags, console);
  load.path = flags.reference;
  load.mmproj.clear();
  const auto reference = Model::load(engine, load);
  if (!reference) return reference.error();
  QualityOptions options;
  options.reference = &*reference;
  options.window = std::min({options.window, model.info().context, reference->info().context});
  options.own_text = true;
  options.progress = console.progress_hook();
  const auto quality = measure_quality(model, "", options);
  if (!quality) return quality.error();
  return *quality->beside;
}

/// The figures that the flags ask for beside the plain ones.
Status add_more(const Engine& engine, const Model& model, const BenchFlags& flags, Console& console,
                BenchReport& report) {
  if (flags.busy > 0) {
    const BusyProcesses others(flags.busy);
    report.busy = others.count();
    if (report.busy < flags.busy)
      return failed(
          fmt::format("--busy {}: the system grants only {} processes", flags.busy, report.busy));
    BenchOptions counts = flags.counts;
    counts.roof = false;
    const auto busy = bench(model, counts);
    if (!busy) return busy.error();
    for (std::size_t i = 0; i < busy->size(); ++i)
      report.rows[i].busy_rate = spread(rates((*busy)[i])).median;
  }
  if (!flags.compare.empty())
    if (auto status = compare_with(flags.compare, report); !status) return status;
  if (flags.reference.empty()) return {};
  const auto quality = measure_beside(engine, model, flags, console);
  if (!quality) return quality.error();
  report.reference = flags.reference;
  report.quality = *quality;
  return {};
}

Result<BenchReport> measure(Context& context, BenchFlags& flags) {
  Console& console = context.console;
  if (auto status = check(flags); !status) return status.error();
  const LoadOptions load = load_options(flags, console);
  if (flags.synthetic.empty() && !names_model(load.path)) return no_such_model(load.path);
  const auto engine = context.make_engine(flags.threads);
  if (!engine) return engine.error();
  const auto model = Model::load(*engine, load);
  if (!model) return model.error();
  flags.counts.progress = console.progress_hook();
  const auto results = bench(*model, flags.counts);
  if (!results) return results.error();
  BenchReport report = make_report(*engine, *model, *results);
  if (flags.counts.roof) report.roof = results->front().roof;  // "first_token" always runs
  auto status = add_more(*engine, *model, flags, console, report);
  if (!status) return status.error();
  return report;
}

int bench_model(Context& context, BenchFlags& flags) {
  Console& console = context.console;
  const auto report = measure(context, flags);
  console.clear_progress();
  if (!report) return console.report(report.error());
  if (flags.json)
    console.line(as_json(*report));
  else
    console.print(flags.markdown ? as_markdown(*report) : as_text(*report));
  if (flags.chart.empty()) return kOk;
  const auto written = write_text_file(flags.chart, as_svg(*report));
  return written ? kOk : console.report(written.error());
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  const auto flags = std::make_shared<BenchFlags>();
  Verb verb(app, "bench", "Measure how fast a model runs here");
  verb.word("MODEL", flags->model, "nano, a .gguf file or a model directory (nano)")
      .text("--synthetic", "NAME:TYPE", flags->synthetic,
            "random weights of a true shape instead: smollm2-135m:q4_0, smolvlm2-500m:q8_0, …")
      .value("-p,--prompt", "N,…", read_into(flags->counts.prompts, {0, 1 << 20}),
             "prompt tokens, a test each (512)")
      .value("-n,--decode", "N", read_into(flags->counts.decode, {0, 1 << 20}), "new tokens (128)")
      .value("-d,--depth", "N,…", read_into(flags->counts.depths, {0, 1 << 20}),
             "tokens in the cache before the new ones, a test each (0)")
      .value("-r,--repeats", "N", read_into(flags->counts.repeats, {1, 1000}), "repeats (5)")
      .value("--tiles", "N", read_into(flags->counts.tiles, {0, 1000}), "picture tiles (1)")
      .value("--threads", "N", read_into(flags->threads, {0, 1024}), "threads (physical cores)")
      .value("--ctx", "N", read_into(flags->context, {0, 1 << 24}), "context (what the tests need)")
      .value("--kv-type", "T", read_choice(flags->kv_type, {"f16", "f32", "q8_0"}),
             "KV cache (f16)")
      .value("--precision", "P", read_choice(flags->precision, {"auto", "f32", "bf16"}),
             "auto, f32 or bf16 (auto)")
      .value("--vision-precision", "P",
             read_choice(flags->vision_precision, {"auto", "f32", "int8"}),
             "of the vision tower: auto, f32 or int8 (auto)")
      .text("--mmproj", "FILE", flags->mmproj, "vision half, where it is not beside MODEL")
      .flag("--roof", flags->counts.roof,
            "measure this machine's limits too, and the share reached")
      .value("--busy", "N", read_into(flags->busy, {0, 64}),
             "once more beside N other busy processes, and what is left")
      .text("--compare", "FILE", flags->compare,
            "beside the figures of another hearth bench --json or llama-bench -o json")
      .text("--kl", "REF", flags->reference,
            "what is lost beside a better model, on text that it writes (hearth ppl: on yours)")
      .text("--chart", "FILE.svg", flags->chart, "draw it too")
      .flag("--markdown", flags->markdown, "print a Markdown table")
      .flag("--packed-cache", flags->keep_packed, "as in hearth run")
      .flag("--low-memory", flags->low_memory, "as in hearth run")
      .flag("--force", flags->force, "run even when memory looks too small")
      .flag("--json", flags->json, "print one JSON object");
  verb.action([flags, &context] { return bench_model(context, *flags); });
}

}  // namespace hearth::cli
