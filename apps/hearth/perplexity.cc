// hearth ppl: how well a model predicts a text, and what quantisation costs.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/flags.h"
#include "hearth/names.h"
#include "hearth/quality.h"
#include "hearth/report.h"
#include "hearth/verbs.h"

namespace hearth::cli {
namespace {

struct PerplexityFlags {
  std::optional<std::string> file;
  LoadOptions load;
  std::string reference;
  QualityOptions options;
  int threads = 0;
  bool json = false;
};

std::string as_json(const ModelInfo& model, const PerplexityFlags& flags, const Quality& q) {
  nlohmann::ordered_json out = {
      {"model", model.name},        {"type", model.weight_types},
      {"window", q.window},         {"predictions", q.predictions},
      {"perplexity", q.perplexity}, {"perplexity_error", q.perplexity_error}};
  if (q.beside)
    out["reference"] = {{"model", flags.reference},
                        {"perplexity", q.beside->perplexity},
                        {"kl", q.beside->kl},
                        {"kl_99", q.beside->kl_99},
                        {"same_top", q.beside->same_top}};
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

int perplexity(Context& context, PerplexityFlags& flags) {
  Console& console = context.console;
  const auto text = read_text_file(*flags.file);
  if (!text) return console.report(text.error());
  auto engine = context.make_engine(flags.threads);
  if (!engine) return console.report(engine.error());
  flags.load.progress = console.progress_hook();
  if (flags.load.context == 0) flags.load.context = std::max(flags.options.window, 64);

  const auto load = [&](const std::string& path) -> Result<Model> {
    if (!names_model(path)) return no_such_model(path);
    LoadOptions how = flags.load;
    how.path = path;
    return Model::load(*engine, how);
  };
  const auto model = load(flags.load.path);
  if (!model) return console.report(model.error());
  std::optional<Model> reference;
  if (!flags.reference.empty()) {
    auto loaded = load(flags.reference);
    if (!loaded) return console.report(loaded.error());
    reference = *loaded;
    flags.options.reference = &*reference;
  }
  flags.options.progress = console.progress_hook();
  const auto quality = measure_quality(*model, *text, flags.options);
  console.clear_progress();
  if (!quality) return console.report(quality.error());

  if (flags.json) {
    console.line(as_json(model->info(), flags, *quality));
    return kOk;
  }
  console.line(fmt::format("perplexity {:.4f} ± {:.4f} over {} predictions ({}, {}; windows of {})",
                           quality->perplexity, quality->perplexity_error,
                           with_commas(static_cast<std::uint64_t>(quality->predictions)),
                           model->info().name, model->info().weight_types, quality->window));
  if (quality->beside) console.line(beside_line(*quality->beside, flags.reference));
  return kOk;
}

}  // namespace

void add_perplexity(CLI::App& app, Context& context) {
  const auto flags = std::make_shared<PerplexityFlags>();
  flags->load.path = "nano";
  Verb verb(app, "ppl", "Measure how well a model predicts the text in FILE");
  verb.word("FILE", flags->file, "UTF-8 text, some thousand words or more", true)
      .text("--model", "MODEL", flags->load.path, "nano, a .gguf file or a model directory (nano)")
      .text("--kl", "REF", flags->reference,
            "a better model of the same vocabulary: what is lost beside it")
      .value("--window", "N", read_into(flags->options.window, {4, 1 << 20}),
             "tokens of a window; the second half is predicted (512)")
      .value("--threads", "N", read_into(flags->threads, {0, 1024}), "threads (physical cores)")
      .value("--kv-type", "T", read_choice(flags->load.kv_type, {"f16", "f32", "q8_0"}),
             "KV cache (f16)")
      .value("--precision", "P", read_choice(flags->load.precision, {"auto", "f32", "bf16"}),
             "auto, f32 or bf16 (auto)")
      .flag("--force", flags->load.force, "run even when memory looks too small")
      .flag("--json", flags->json, "print one JSON object");
  verb.action([flags, &context] { return perplexity(context, *flags); });
}

}  // namespace hearth::cli
