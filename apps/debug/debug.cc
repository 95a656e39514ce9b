// hearth debug: .npy and JSON for parity work. A developer's tool; it sees src.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "debug/verbs.h"
#include "hearth/names.h"
#include "hearth/verbs.h"

namespace hearth::debug {
namespace {

/// "--max-tiles" → "HEARTH_MAX_TILES", as all verbs have it.
std::string variable(const std::string& flag) {
  std::string out = "HEARTH_";
  for (const char c : flag.substr(2))
    out += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

template <class T>
CLI::Option* add(CLI::App& verb, const std::string& flag, T& target, const std::string& help) {
  return verb.add_option(flag, target, help)->envname(variable(flag));
}

void add_setup(CLI::App& verb, Setup& setup) {
  add(verb, "--precision", setup.precision,
      "auto (8-bit activations for quantised weights), f32 or bf16")
      ->capture_default_str();
  add(verb, "--vision-precision", setup.vision_precision, "auto, f32 or int8 (the vision tower)")
      ->capture_default_str();
  add(verb, "--kv-type", setup.kv_type, "f32, f16 or q8_0")->capture_default_str();
  add(verb, "--threads", setup.threads, "0: the physical cores")->check(CLI::Range(0, 1024));
}

void add_model(CLI::App& verb, Setup& setup) {
  add(verb, "--model", setup.model, "nano, a .gguf, a directory, synthetic:NAME:TYPE; PATH@isa")
      ->required();
  add(verb, "--mmproj", setup.mmproj, "the vision half, where it is not beside the model");
  add_setup(verb, setup);
}

/// A verb of debug: its wishes live as long as the program's flags.
template <class Wishes>
std::pair<CLI::App*, std::shared_ptr<Wishes>> add_verb(CLI::App& debug, cli::Context& context,
                                                       const char* name, const char* help,
                                                       Status (*act)(Console&, const Wishes&)) {
  auto wishes = std::make_shared<Wishes>();
  CLI::App* verb = debug.add_subcommand(name, help);
  verb->callback([wishes, &context, act] {
    const Status status = act(context.console, *wishes);
    context.exit_code = status ? cli::kOk : context.console.report(status.error());
  });
  return {verb, wishes};
}

}  // namespace
}  // namespace hearth::debug

namespace hearth::cli {

void add_debug(CLI::App& app, Context& context) {
  using namespace hearth::debug;
  CLI::App& debug =
      *app.add_subcommand("debug", "Parity work: .npy files, JSON, first differences");
  debug.allow_extras();
  debug.callback([&debug, &context] {
    if (!debug.get_subcommands().empty()) return;
    std::vector<std::string> names;
    for (const auto* verb : debug.get_subcommands([](CLI::App*) { return true; }))
      names.push_back(verb->get_name());
    const auto extras = debug.remaining();
    const std::string word = extras.empty() ? "" : extras.front();
    std::string meant = did_you_mean(nearest(word, names));
    if (meant.empty()) meant = fmt::format(": expected {}", fmt::join(names, ", "));
    context.exit_code = context.console.report(
        bad_input(word.empty() ? "debug: no verb given" + meant
                               : fmt::format("debug: no verb {}{}", in_quotes(word), meant)));
  });
  {
    auto [verb, w] = add_verb(debug, context, "logits", "Logits of every position", logits);
    add_model(*verb, w->setup);
    add(*verb, "--tokens", w->tokens, "ids: 1,2,3")->required();
    add(*verb, "--features", w->features, ".npy [rows, hidden]: takes the places of <image>");
    add(*verb, "--image", w->images, "a picture whose features take the places of <image>");
    add(*verb, "--out", w->out, ".npy [T, vocab]")->required();
    add(*verb, "--dump", w->dump, "directory for the f32 result of every op");
    verb->add_flag("--times", w->times, "time by op on stderr");
  }
  {
    auto [verb, w] = add_verb(debug, context, "features", "What the vision half makes", features);
    add_model(*verb, w->setup);
    add(*verb, "--pixels", w->pixels, ".npy [n, 3, S, S] or [3, S, S], normalised");
    add(*verb, "--image", w->images, "a picture, cut into tiles as the model wants");
    add(*verb, "--out", w->out, ".npy [n, tokens, hidden]")->required();
    verb->add_flag("--times", w->times, "time by op on stderr");
  }
  {
    auto [verb, w] =
        add_verb(debug, context, "preprocess", "Sizes and CRC-32s of every stage", preprocess);
    add(*verb, "--model", w->model, "whose sizes are used");
    add(*verb, "--mmproj", w->mmproj, "the vision half, where it is not beside the model");
    add(*verb, "--longest-edge", w->longest_edge, "of stage 1, pixels")
        ->check(CLI::Range(1, 1 << 15));
    add(*verb, "--tile", w->tile, "pixels of a side")->check(CLI::Range(1, 1 << 14));
    add(*verb, "--image", w->image, "the picture")->required();
    add(*verb, "--preprocess", w->mode, "hf_pil or hf_torchvision")->capture_default_str();
    add(*verb, "--max-tiles", w->max_tiles, "largest longest edge with at most N tiles")
        ->check(CLI::Range(0, 1 << 20));
    verb->add_flag("--no-upscale", w->no_upscale, "longest edge no larger than the picture's");
    verb->add_flag("--global-only", w->global_only, "the global view alone");
    verb->add_flag("--json", w->json, "on one line");
  }
  {
    auto [verb, w] =
        add_verb(debug, context, "template", "Renders a chat template", render_template);
    verb->add_option("FILE", w->file, "a .jinja file")->required();
    add(*verb, "--input", w->input, "JSON: messages, tools, add_generation_prompt, …")->required();
  }
  {
    auto [verb, w] = add_verb(debug, context, "diff", "The first op where two models part", diff);
    verb->add_option("A", w->a.model, "a model, or MODEL@isa")->required();
    verb->add_option("B", w->b, "another")->required();
    add(*verb, "--tokens", w->tokens, "ids: 1,2,3");
    add(*verb, "--pixels", w->pixels, ".npy: compares the vision halves");
    add_setup(*verb, w->a);
    add(*verb, "--threshold", w->threshold, "NMSE that counts as parting")->capture_default_str();
    verb->add_flag("--all", w->all, "go on behind the first");
  }
  {
    auto [verb, w] = add_verb(debug, context, "compare", "NMSE of two .npy files", compare);
    verb->add_option("A", w->a, "values")->required();
    verb->add_option("B", w->b, "target")->required();
    add(*verb, "--max", w->limit, "exit 1 where the NMSE is above it");
  }
}

}  // namespace hearth::cli
