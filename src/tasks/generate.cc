#include "tasks/generate.h"

#include <algorithm>
#include <chrono>

namespace hearth {
namespace {

class Stopwatch {
 public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Lets `go_on` decide between layers while this lives.
class YieldHook {
 public:
  YieldHook(Ops& ops, std::function<bool()> go_on) : ops_(ops) { ops_.on_yield(std::move(go_on)); }
  ~YieldHook() { ops_.on_yield({}); }

 private:
  Ops& ops_;
};

/// Runs cells through the model; the logits of the last one, where wanted.
Result<std::vector<float>> run_cells(Ops& ops, const TextModel& model, KvCache& cache,
                                     std::span<const Cell> cells,
                                     std::span<const Prompt::FeatureRow> features,
                                     std::int32_t first_cell, bool want_logits) {
  Scope scope = ops.scope();
  const int before = cache.used();
  Batch batch;
  for (const Cell& cell : cells) batch.tokens.push_back(cell.token);
  std::vector<float> rows;
  const auto width = static_cast<std::size_t>(model.shape().hidden);
  for (const Prompt::FeatureRow& f : features) {
    batch.feature_rows.push_back(f.cell - first_cell);
    const std::vector<float>& values = *f.picture->tiles[f.tile].features;
    auto begin =
        values.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(f.row) * width);
    rows.insert(rows.end(), begin, begin + static_cast<std::ptrdiff_t>(width));
  }
  batch.features = rows;
  batch.rows = cache.append(cells);
  if (want_logits) batch.logit_rows.push_back(static_cast<std::int32_t>(cells.size()) - 1);
  auto logits = model.forward(ops, batch, cache.pool());
  if (!logits) {
    cache.truncate(before);  // these rows' keys and values were not all computed
    return logits.error();
  }
  return want_logits ? ops.read(*logits) : std::vector<float>{};
}

Result<std::vector<float>> read_prompt(Ops& ops, const TextModel& model, KvCache& cache,
                                       const GenerateRequest& request, int start) {
  const Prompt& prompt = *request.prompt;
  const int total = static_cast<int>(prompt.cells.size());
  auto feature = std::lower_bound(
      prompt.features.begin(), prompt.features.end(), start,
      [](const Prompt::FeatureRow& f, std::int32_t cell) { return f.cell < cell; });
  std::vector<float> logits;
  for (int first = start; first < total; first += kPromptChunk) {
    if (request.on_prompt) request.on_prompt(first, total);
    int last = std::min(total, first + kPromptChunk);
    auto features_end =
        std::find_if(feature, prompt.features.end(), [&](const auto& f) { return f.cell >= last; });
    auto cells =
        std::span(prompt.cells)
            .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
    HEARTH_TRY(logits,
               run_cells(ops, model, cache, cells, {feature, features_end}, first, last == total));
    feature = features_end;
  }
  if (request.on_prompt) request.on_prompt(total, total);
  return logits;
}

}  // namespace

const char* name_of(StopReason reason) {
  switch (reason) {
    case StopReason::end:
      return "end";
    case StopReason::length:
      return "length";
    case StopReason::stop:
      return "stop";
    case StopReason::cancelled:
      return "cancelled";
  }
  return "";
}

Result<Generated> generate(Ops& ops, const TextModel& model, const Tokenizer& tokenizer,
                           KvCache& cache, const GenerateRequest& request) {
  const Prompt& prompt = *request.prompt;
  const int length = static_cast<int>(prompt.cells.size());
  if (length == 0) return bad_input("the prompt is empty: it has no token to start from");
  if (length > cache.context()) {
    std::string advice = ": shorten it";
    if (!prompt.features.empty()) advice += ", use fewer picture tiles (--max-tiles)";
    return Error{ErrorKind::too_long,
                 "the prompt has " + std::to_string(length) + " tokens, the context holds " +
                     std::to_string(cache.context()) + advice + " or give a larger --ctx"};
  }
  for (const Cell& cell : prompt.cells) {
    if (cell.token < 0 || cell.token >= model.shape().vocab)
      return bad_input("token " + std::to_string(cell.token) +
                       " is outside the model's vocabulary of " +
                       std::to_string(model.shape().vocab));
  }
  auto wanted = [&] {
    return !(request.cancel && request.cancel->load(std::memory_order_relaxed));
  };
  YieldHook hook(ops, wanted);

  Generated out;
  Stopwatch prompt_time;
  // The last cell is always computed: its logits are what we are after.
  out.cached = std::min(cache.shared_prefix(prompt.cells), length - 1);
  cache.truncate(out.cached);
  auto first_logits = read_prompt(ops, model, cache, request, out.cached);
  out.prompt_ms = prompt_time.ms();
  if (!first_logits) return first_logits.error();
  std::vector<float> logits = *std::move(first_logits);

  Stopwatch decode_time;
  Sampler sampler(request.sampling);
  TextStream stream(request.stop);
  std::vector<TokenId> history;
  for (const Cell& cell : prompt.cells) history.push_back(cell.token);
  const auto& ends = tokenizer.end_of_generation();
  bool started = !request.trim_start, go_on = true;
  auto emit = [&](std::string text) {
    if (!started) {
      text.erase(0, std::min(text.find_first_not_of(" \t\r\n"), text.size()));
      started = !text.empty();
    }
    if (text.empty()) return;
    out.text += text;
    if (request.on_text && !request.on_text(text)) go_on = false;
  };
  out.reason = StopReason::length;
  while (static_cast<int>(out.ids.size()) < request.max_tokens) {
    TokenId id = sampler.sample(logits, history, static_cast<std::uint64_t>(history.size()));
    if (!request.ignore_end && std::find(ends.begin(), ends.end(), id) != ends.end()) {
      out.reason = StopReason::end;
      break;
    }
    out.ids.push_back(id);
    history.push_back(id);
    if (!tokenizer.is_control(id)) emit(stream.push(tokenizer.piece(id)));
    if (stream.stopped()) {
      out.reason = StopReason::stop;
      break;
    }
    if (!go_on || !wanted()) {
      out.reason = StopReason::cancelled;
      break;
    }
    if (static_cast<int>(out.ids.size()) == request.max_tokens || cache.used() == cache.context())
      break;
    Cell cell{id, 0};
    auto next = run_cells(ops, model, cache, {&cell, 1}, {}, 0, true);
    if (!next) {
      if (next.error().kind != ErrorKind::cancelled) return next.error();
      out.reason = StopReason::cancelled;
      break;
    }
    logits = *std::move(next);
  }
  if (out.reason != StopReason::stop) emit(stream.finish());
  out.decode_ms = decode_time.ms();
  return out;
}

}  // namespace hearth
