// hearth run: one answer, or a chat on a terminal.
#include <fmt/core.h>

#include "hearth/conversation.h"
#include "hearth/flags.h"
#include "hearth/interrupt.h"
#include "hearth/message.h"
#include "hearth/names.h"
#include "hearth/report.h"
#include "hearth/verbs.h"

namespace hearth::cli {
namespace {

constexpr int kMostTokens = 1 << 24;  // no model reads as many

/// What the flags say together; each alone has been checked.
Status check(const RunOptions& options) {
  if (options.raw && !options.system.empty())
    return bad_input("--system: a --raw prompt has no place for a system message");
  if (options.global_only && options.answer.pictures.max_tiles > 0)
    return bad_input(fmt::format("--global-only means --max-tiles 0, but found --max-tiles {}",
                                 options.answer.pictures.max_tiles));
  if (options.keep_packed)
    if (auto status = has_packed_cache(); !status) return status;
  for (const auto& image : options.images)
    if (auto status = readable_file(image); !status) return status;
  return options.load.mmproj.empty() ? Status() : readable_file(options.load.mmproj);
}

/// Asks once: words as they come, or one JSON object.
int answer_once(Context& context, const Engine& engine, const Model& model,
                const RunOptions& options, const std::vector<Part>& message) {
  Console& console = context.console;
  auto chat = Chat::create(model, options.system);
  if (!chat) return console.report(chat.error());
  if (options.stats) console.stats(settings_line(engine, model));

  const Answering answering;
  AnswerOptions how = options.answer;
  if (!options.json) how.on_text = [&](std::string_view words) { return console.print(words); };
  how.progress = console.progress_hook();
  how.cancel = answering.cancel();
  const auto answer = options.raw ? chat->complete(message, how) : chat->ask(message, how);
  console.clear_progress();
  if (!answer) return console.report(answer.error());

  if (options.json)
    console.line(answer_json(engine, model, options, *answer));
  else if (!answer->text.ends_with('\n'))
    console.line("");
  if (options.stats)
    console.stats("loaded in " + human_time(model.load_ms()) + " · " + timings_line(*answer));
  return *answering.cancel() ? kInterrupted : kOk;
}

int run(Context& context, RunOptions& options) {
  Console& console = context.console;
  if (auto status = check(options); !status) return console.report(status.error());
  if (options.global_only) options.answer.pictures.max_tiles = 0;
  const auto asked = resolve(options.first, options.second);
  if (!asked) return console.report(asked.error());
  const auto piped = read_piped_input(console);
  if (!piped) return console.report(piped.error());

  std::string prompt = asked->prompt.value_or("");
  if (!prompt.empty() && !piped->empty()) prompt += '\n';
  prompt += *piped;
  const bool chat = prompt.empty() && console.input_is_terminal() && console.output_is_terminal();
  if (prompt.empty() && (!chat || options.json))
    return console.report(
        bad_input("no PROMPT: give one, pipe one in, or run on a terminal without --json to chat"));
  const auto message = make_message(prompt, options.images);
  if (!message) return console.report(message.error());

  const auto engine = context.make_engine(options.threads);
  if (!engine) return console.report(engine.error());
  options.load.path = asked->model;
  if (options.keep_packed) options.load.packed_cache = default_packed_cache();
  options.load.progress = console.progress_hook();
  const auto model = Model::load(*engine, options.load);
  console.clear_progress();
  if (!model) return console.report(model.error());
  if (!options.images.empty() && !model->info().has_vision)
    return console.report(bad_input("--image: " + reads_text_only(model->info())));
  return chat ? converse(context, *engine, *model, options)
              : answer_once(context, *engine, *model, options, *message);
}

void add_answer_flags(Verb& verb, RunOptions& o) {
  auto& sampling = o.answer.sampling;
  verb.list("--image", "FILE", o.images, "a picture; repeat for more")
      .text("--system", "TEXT", o.system, "the system message")
      .value("--max-tokens", "N", read_into(o.answer.max_tokens, {1, kMostTokens}),
             "longest answer (512)")
      .value("--temperature", "T", read_into(sampling.temperature, {0, 100}), "0 is greedy (0)")
      .value("--top-k", "K", read_into(sampling.top_k, {0, kMostTokens}),
             "the K likeliest only; 0: all (0)")
      .value("--top-p", "P", read_into(sampling.top_p, {0, 1, true}), "nucleus of this mass (1)")
      .value("--min-p", "P", read_into(sampling.min_p, {0, 1}),
             "at least this share of the likeliest (0)")
      .value("--repeat-penalty", "R", read_into(sampling.repeat_penalty, {0, 100, true}),
             "over the last 64 tokens; 1: none (1)")
      .value("--seed", "N", read_into(sampling.seed), "same seed, same text (0)")
      .list("--stop", "TEXT", o.answer.stop, "end the answer before this text; repeat for more")
      .flag("--raw", o.raw, "continue PROMPT without a chat template")
      .flag("--parse-special", o.answer.parse_special, "control tokens in PROMPT become tokens");
}

void add_model_flags(Verb& verb, RunOptions& o) {
  verb.value("--ctx", "N", read_into(o.load.context, {0, kMostTokens}),
             "context in tokens; 0: chosen by the model and free memory (0)")
      .value("--threads", "N", read_into(o.threads, {0, 1024}),
             "0: the physical cores this process may use (0)")
      .text("--mmproj", "FILE", o.load.mmproj, "vision half, where it is not beside MODEL")
      .value("--kv-type", "TYPE", read_choice(o.load.kv_type, {"f16", "f32", "q8_0"}),
             "memory of the conversation: f16, f32, q8_0 (f16)")
      .value("--precision", "P", read_choice(o.load.precision, {"auto", "f32", "bf16"}),
             "auto: quantised weights use 8-bit activations; f32: never; bf16: float weights in "
             "bfloat16 (auto)")
      .value("--vision-precision", "P",
             read_choice(o.load.vision_precision, {"auto", "f32", "int8"}),
             "of the vision tower: auto, f32 or int8 (auto: int8 where its file is quantised)")
      .flag("--packed-cache", o.keep_packed,
            "keep the packed weights in the cache directory: the next start maps them")
      .flag("--low-memory", o.load.low_memory,
            "compute from that file, for a model that does not fit into memory")
      .flag("--force", o.load.force, "load even where memory looks too small");
}

void add_picture_flags(Verb& verb, RunOptions& o) {
  auto& pictures = o.answer.pictures;
  verb.value("--preprocess", "KIND", read_choice(pictures.preprocess, {"hf_pil", "hf_torchvision"}),
             "resize pictures as hf_pil or hf_torchvision (hf_pil)")
      .flag("--no-upscale", pictures.no_upscale, "never enlarge a picture beyond a tile's edge")
      .value("--max-tiles", "N", read_into(pictures.max_tiles, {0, 10000}),
             "tiles beside the global view; 0: only that (as the model says)")
      .flag("--global-only", o.global_only, "the global view only, as --max-tiles 0");
}

}  // namespace

void add_run(CLI::App& app, Context& context) {
  const auto options = std::make_shared<RunOptions>();
  Verb verb(app, "run", "Answer PROMPT, about pictures too; without PROMPT, chat");
  verb.word("MODEL", options->first,
            "nano (embedded, the default), a .gguf file or a model directory")
      .word("PROMPT", options->second,
            "the question; piped input follows it, <image> says where a picture stands");
  add_answer_flags(verb, *options);
  add_model_flags(verb, *options);
  add_picture_flags(verb, *options);
  verb.flag("--offline", options->offline, "open no connection (a local model never does)")
      .flag("--json", options->json, "print one JSON object")
      .flag("--stats", options->stats, "print settings and timings on stderr");
  verb.action([options, &context] { return run(context, *options); });
}

}  // namespace hearth::cli
