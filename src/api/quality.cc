#include "hearth/quality.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "api/impl.h"
#include "tasks/generate.h"
#include "tasks/quality.h"

namespace hearth {
namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Of the mean: its standard error.
double error_of(const std::vector<double>& values) {
  const double middle = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - middle) * (value - middle);
  const auto n = static_cast<double>(values.size());
  return n < 2 ? 0 : std::sqrt(squares / (n - 1) / n);
}

double percentile(std::vector<double> values, double share) {
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

Predictor predictor(const Model::Impl& model) {
  return {model.ops.get(), model.text.get(), model.kv_type};
}

Status check_window(const Model& model, int window) {
  if (window < 4)
    return bad_input("a window of " + std::to_string(window) + " tokens: expected at least 4");
  if (window <= model.info().context) return {};
  return bad_input("a window of " + std::to_string(window) + " tokens: " + model.info().name +
                   " was loaded with a context of " + std::to_string(model.info().context));
}

/// Tokens that a model writes by itself, from its beginning of text on.
Result<std::vector<TokenId>> written_by(const Model::Impl& model, int count) {
  const Tokenizer& tokenizer = *model.tokenizer;
  Prompt prompt;
  prompt.cells.push_back({tokenizer.bos().value_or(tokenizer.eos().value_or(0)), 0});
  const TextShape& shape = model.text->shape();
  KvCache cache(*model.ops, {model.kv_type, shape.layers, shape.kv_heads, shape.head_dim},
                count + 1);
  GenerateRequest request;
  request.prompt = &prompt;
  request.max_tokens = count;
  request.ignore_end = true;
  request.sampling.temperature = 1;
  HEARTH_TRY(const Generated made, generate(*model.ops, *model.text, tokenizer, cache, request));
  return made.ids;
}

/// The models compute in turn on pools that may be two: both are held, in one order.
struct Held {
  std::unique_lock<std::mutex> first, second;
  Held(std::mutex& a, std::mutex& b) : first(a, std::defer_lock), second(b, std::defer_lock) {
    if (&a == &b)
      first.lock();
    else
      std::lock(first, second);
  }
};

}  // namespace

Result<Quality> measure_quality(const Model& handle, std::string_view text,
                                const QualityOptions& options) {
  return guarded([&]() -> Result<Quality> {
    const Model::Impl& model = *handle.impl();
    HEARTH_TRY_STATUS(check_window(handle, options.window));
    if (options.reference) HEARTH_TRY_STATUS(check_window(*options.reference, options.window));
    const Model::Impl& author = options.reference ? *options.reference->impl() : model;
    const Held held(model.engine->computing, author.engine->computing);
    std::vector<TokenId> tokens;
    if (options.own_text) {
      if (options.progress) options.progress({"writing", 0, 1});
      HEARTH_TRY(tokens, written_by(author, 2 * options.window));
    } else {
      tokens = model.tokenizer->encode(text, {.parse_special = false});
    }
    const std::vector<TokenId> marks =
        model.tokenizer->encode("", {.parse_special = false, .add_special = true});
    QualityRequest request;
    request.tokens = tokens;
    request.window = options.window;
    if (!marks.empty() && marks.front() == model.tokenizer->bos()) request.bos = marks.front();
    if (options.progress)
      request.progress = [&](std::size_t done, std::size_t total) {
        options.progress({"reading", static_cast<double>(done), static_cast<double>(total)});
      };
    std::optional<Predictor> reference;
    if (options.reference) reference = predictor(*options.reference->impl());
    HEARTH_TRY(const QualityScore scored,
               score(predictor(model), reference ? &*reference : nullptr, request));
    Quality out;
    out.window = std::min(options.window, static_cast<int>(tokens.size()));
    out.predictions = static_cast<int>(scored.nats.size());
    out.perplexity = std::exp(mean(scored.nats));
    out.perplexity_error = out.perplexity * error_of(scored.nats);
    if (reference)
      out.beside = Quality::Beside{
          std::exp(mean(scored.reference_nats)), mean(scored.kl), percentile(scored.kl, 0.99),
          static_cast<double>(scored.same_top) / static_cast<double>(scored.nats.size())};
    return out;
  });
}

}  // namespace hearth
