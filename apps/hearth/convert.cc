// hearth convert: a Hugging Face directory into GGUF files.
#include "hearth/convert.h"

#include <fmt/core.h>

#include "hearth/flags.h"
#include "hearth/interrupt.h"
#include "hearth/report.h"
#include "hearth/verbs.h"

namespace hearth::cli {
namespace {

struct Wishes {
  std::optional<std::string> directory, out;
  std::string type = "q8_0";
};

int convert(Context& context, const Wishes& wishes) {
  Console& console = context.console;
  Answering answering;
  ConvertOptions options;
  options.type = wishes.type;
  options.progress = console.progress_hook();
  options.cancel = answering.cancel();
  const auto converted = convert_model(*wishes.directory, *wishes.out, options);
  console.clear_progress();
  if (!converted) return console.report(converted.error());
  std::string names;
  for (const auto& file : converted->files) names += (names.empty() ? "" : " and ") + file;
  console.line(fmt::format("{}: {}", names, human_bytes(converted->bytes)));
  return kOk;
}

}  // namespace

void add_convert(CLI::App& app, Context& context) {
  const auto wishes = std::make_shared<Wishes>();
  Verb verb(app, "convert", "Make GGUF files from a Hugging Face directory");
  verb.word("HF_DIR", wishes->directory, "config.json, safetensors, tokenizer.json", true)
      .word("OUT.gguf", wishes->out, "a vision half is written beside it as mmproj-OUT.gguf", true)
      .value("--type", "T", read_choice(wishes->type, {"q8_0", "q4_0", "f16", "bf16", "f32"}),
             "of matrices: q8_0 (default), q4_0, f16, bf16, f32");
  verb.action([wishes, &context] { return convert(context, *wishes); });
}

}  // namespace hearth::cli
