#include "hearth/chat.h"

#include <chrono>

#include "api/impl.h"
#include "media/image.h"
#include "tasks/generate.h"

namespace hearth {

struct Chat::Impl {
  std::shared_ptr<Model::Impl> model;
  std::string system;
  std::vector<PromptMessage> messages;
  std::unique_ptr<KvCache> cache;
  std::mutex asking;

  void reset() {
    messages.clear();
    if (!system.empty()) messages.push_back({"system", {{system, nullptr}}});
  }
};

namespace {

/// Text and places for pictures, in order: "<image>" in a text takes the next picture without one.
struct Laid {
  std::vector<PromptPart> parts;    ///< pictures not yet there
  std::vector<std::size_t> places;  ///< index into `parts` of each source
  std::vector<PictureSource> sources;
};

PictureSource source_of(const Part& part) {
  return part.kind == Part::Kind::image_file ? PictureSource{part.value, ""}
                                             : PictureSource{"", part.value};
}

Result<Laid> lay_out(const std::vector<Part>& message) {
  constexpr std::string_view kPlace = "<image>";
  std::size_t wanted = 0, given = 0;
  for (const Part& part : message) {
    if (part.kind != Part::Kind::text)
      ++given;
    else
      for (std::size_t at = part.value.find(kPlace); at != std::string::npos;
           at = part.value.find(kPlace, at + 1))
        ++wanted;
  }
  Laid laid;
  auto place = [&](const Part& part) {
    laid.places.push_back(laid.parts.size());
    laid.sources.push_back(source_of(part));
    laid.parts.push_back({});
  };
  if (given == 0 || wanted == 0) {  // every part stands where it is
    for (const Part& part : message) {
      if (part.kind == Part::Kind::text)
        laid.parts.push_back({part.value, nullptr});
      else
        place(part);
    }
    return laid;
  }
  if (wanted != given) {
    return bad_input("the text has " + std::to_string(wanted) + " <image> places for " +
                     std::to_string(given) + " pictures");
  }
  auto next = message.begin();
  auto next_picture = [&]() -> const Part& {
    while (next->kind == Part::Kind::text) ++next;
    return *next++;
  };
  for (const Part& part : message) {
    if (part.kind != Part::Kind::text) continue;
    std::size_t from = 0;
    for (std::size_t at; (at = part.value.find(kPlace, from)) != std::string::npos;
         from = at + kPlace.size()) {
      if (at > from) laid.parts.push_back({part.value.substr(from, at - from), nullptr});
      place(next_picture());
    }
    if (from < part.value.size()) laid.parts.push_back({part.value.substr(from), nullptr});
  }
  return laid;
}

Result<VisionPreprocess> preprocess_for(const VisionModel& vision, const PictureOptions& options) {
  VisionPreprocess p = vision.shape().preprocess;
  if (options.preprocess == "hf_torchvision")
    p.mode = PreprocessMode::hf_torchvision;
  else if (options.preprocess != "hf_pil")
    return bad_input("--preprocess: expected hf_pil or hf_torchvision, found \"" +
                     options.preprocess + "\"");
  p.no_upscale = options.no_upscale;
  p.max_tiles = options.max_tiles;
  return p;
}

Result<std::vector<PromptPart>> read_pictures(Model::Impl& model, Laid laid,
                                              const AnswerOptions& options) {
  if (laid.sources.empty()) return std::move(laid.parts);
  if (!model.vision)
    return bad_input(model.info.name +
                     " reads text only: it was given a picture (a vision model "
                     "has an mmproj file: --mmproj)");
  HEARTH_TRY(VisionPreprocess preprocess, preprocess_for(*model.vision, options.pictures));
  model.ops->on_yield([&] { return !(options.cancel && *options.cancel); });
  auto pictures =
      encode_pictures(*model.ops, *model.vision, laid.sources, preprocess, model.features,
                      [&](int done, int total) {
                        if (options.progress)
                          options.progress({"encoding picture", double(done), double(total)});
                      });
  model.ops->on_yield({});
  if (!pictures) return pictures.error();
  for (std::size_t i = 0; i < laid.places.size(); ++i)
    laid.parts[laid.places[i]].picture = (*pictures)[i];
  return std::move(laid.parts);
}

Result<Answer> answer(Model::Impl& model, KvCache& cache, const Prompt& prompt,
                      const AnswerOptions& options, bool trim_start, double image_ms) {
  GenerateRequest request;
  request.prompt = &prompt;
  request.max_tokens = options.max_tokens;
  const SamplingOptions& s = options.sampling;
  request.sampling.temperature = s.temperature;
  request.sampling.top_k = s.top_k;
  request.sampling.top_p = s.top_p;
  request.sampling.min_p = s.min_p;
  request.sampling.repeat_penalty = s.repeat_penalty;
  request.sampling.seed = s.seed;
  request.stop = options.stop;
  request.trim_start = trim_start;
  request.on_text = options.on_text;
  request.cancel = options.cancel;
  if (options.progress)
    request.on_prompt = [&](int done, int total) {
      options.progress({"reading prompt", double(done), double(total)});
    };
  HEARTH_TRY(Generated made, generate(*model.ops, *model.text, *model.tokenizer, cache, request));
  Answer out;
  out.text = std::move(made.text);
  out.token_ids = std::move(made.ids);
  out.stop_reason = name_of(made.reason);
  out.usage.prompt_tokens = static_cast<int>(prompt.cells.size());
  out.usage.image_tokens = static_cast<int>(prompt.features.size());
  out.usage.completion_tokens = static_cast<int>(out.token_ids.size());
  out.usage.cached_tokens = made.cached;
  out.timings.image_ms = image_ms;
  out.timings.prompt_ms = made.prompt_ms;
  out.timings.decode_ms = made.decode_ms;
  out.timings.first_token_ms = image_ms + made.prompt_ms;
  return out;
}

Status check(const AnswerOptions& o) {
  auto wrong = [](const char* flag, const char* expected, double found) {
    char number[32];
    std::snprintf(number, sizeof number, "%g", found);
    return bad_input(std::string(flag) + ": expected " + expected + ", found " + number);
  };
  const SamplingOptions& s = o.sampling;
  if (o.max_tokens < 0) return wrong("--max-tokens", "0 or more", o.max_tokens);
  if (!(s.temperature >= 0) || s.temperature > 100)
    return wrong("--temperature", "0 to 100", s.temperature);
  if (s.top_k < 0) return wrong("--top-k", "0 or more", s.top_k);
  if (!(s.top_p > 0) || s.top_p > 1) return wrong("--top-p", "more than 0, at most 1", s.top_p);
  if (!(s.min_p >= 0) || s.min_p > 1) return wrong("--min-p", "0 to 1", s.min_p);
  if (!(s.repeat_penalty > 0) || s.repeat_penalty > 100)
    return wrong("--repeat-penalty", "more than 0, at most 100", s.repeat_penalty);
  if (o.pictures.max_tiles < -1) return wrong("--max-tiles", "0 or more", o.pictures.max_tiles);
  return {};
}

PromptContext context_of(const Model::Impl& model, const AnswerOptions& options, bool chat) {
  PromptContext context;
  context.tokenizer = &*model.tokenizer;
  context.chat_template = chat && model.chat_template ? &*model.chat_template : nullptr;
  context.vision = model.vision.get();
  context.model = model.files.path;
  context.parse_special = options.parse_special;
  return context;
}

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

/// A message laid out and its pictures read: what every turn begins with.
struct ReadMessage {
  std::vector<PromptPart> parts;
  double image_ms = 0;
};

Result<ReadMessage> read_message(Model::Impl& model, const std::vector<Part>& message,
                                 const AnswerOptions& options) {
  auto start = std::chrono::steady_clock::now();
  HEARTH_TRY(Laid laid, lay_out(message));
  HEARTH_TRY(auto parts, read_pictures(model, std::move(laid), options));
  return ReadMessage{std::move(parts), ms_since(start)};
}

}  // namespace

Status check_picture(const std::string& path) {
  return guarded([&]() -> Status {
    auto image = load_image(path);
    return image ? Status() : image.error();
  });
}

Result<Chat> Chat::create(const Model& model, std::string system) {
  return guarded([&]() -> Result<Chat> {
    auto impl = std::make_shared<Impl>();
    impl->model = model.impl();
    impl->system = std::move(system);
    const TextShape& t = impl->model->text->shape();
    impl->cache = std::make_unique<KvCache>(
        *impl->model->ops, KvShape{impl->model->kv_type, t.layers, t.kv_heads, t.head_dim},
        impl->model->info.context);
    impl->reset();
    if (!impl->model->chat_template)
      impl->model->engine->log(LogLevel::warning,
                               impl->model->info.name + " has no chat template: plain completion");
    Chat chat;
    chat.impl_ = std::move(impl);
    return chat;
  });
}

Result<Answer> Chat::ask(const std::vector<Part>& message, const AnswerOptions& options) {
  return guarded([&]() -> Result<Answer> {
    HEARTH_TRY_STATUS(check(options));
    Impl& chat = *impl_;
    std::lock_guard turn(chat.asking);
    std::lock_guard compute(chat.model->engine->computing);
    HEARTH_TRY(ReadMessage read, read_message(*chat.model, message, options));
    std::vector<PromptMessage> messages = chat.messages;
    messages.push_back({"user", std::move(read.parts)});
    HEARTH_TRY(Prompt prompt, build_chat_prompt(context_of(*chat.model, options, true), messages));
    HEARTH_TRY(Answer out, answer(*chat.model, *chat.cache, prompt, options,
                                  chat.model->chat_template.has_value(), read.image_ms));
    messages.push_back({"assistant", {{out.text, nullptr}}});
    chat.messages = std::move(messages);
    return out;
  });
}

Result<Answer> Chat::complete(const std::vector<Part>& message, const AnswerOptions& options) {
  return guarded([&]() -> Result<Answer> {
    HEARTH_TRY_STATUS(check(options));
    Impl& chat = *impl_;
    std::lock_guard turn(chat.asking);
    std::lock_guard compute(chat.model->engine->computing);
    HEARTH_TRY(ReadMessage read, read_message(*chat.model, message, options));
    HEARTH_TRY(Prompt prompt,
               build_raw_prompt(context_of(*chat.model, options, false), read.parts));
    return answer(*chat.model, *chat.cache, prompt, options, false, read.image_ms);
  });
}

void Chat::clear() {
  std::lock_guard turn(impl_->asking);
  impl_->reset();
}

int Chat::used() const { return impl_->cache->used(); }

}  // namespace hearth
