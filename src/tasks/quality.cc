#include "tasks/quality.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace hearth {
namespace {

constexpr std::size_t kRows = 128;  // whose logits are held at once

/// Reads one window piece by piece.
class WindowReader {
 public:
  WindowReader(const Predictor& predictor, std::size_t window)
      : ops_(*predictor.ops),
        model_(*predictor.model),
        vocab_(static_cast<std::size_t>(model_.shape().vocab)),
        cache_(ops_,
               {predictor.kv_type, model_.shape().layers, model_.shape().kv_heads,
                model_.shape().head_dim},
               static_cast<int>(window)) {}

  void start() { cache_.truncate(0); }

  /// Appends tokens; logits [tokens, vocab] where they are wanted.
  Status read(std::span<const TokenId> tokens, bool wanted) {
    Batch batch;
    batch.tokens.assign(tokens.begin(), tokens.end());
    std::vector<Cell> cells;
    for (const TokenId token : tokens) cells.push_back({token, 0});
    batch.rows = cache_.append(cells);
    for (std::size_t i = 0; wanted && i < tokens.size(); ++i)
      batch.logit_rows.push_back(static_cast<std::int32_t>(i));
    Scope scope = ops_.scope();
    HEARTH_TRY(const Tensor out, model_.forward(ops_, batch, cache_.pool()));
    if (!wanted) return {};
    logits_.resize(tokens.size() * vocab_);
    ops_.read(out, logits_);
    return {};
  }
  std::span<const float> logits(std::size_t row) const {
    return std::span(logits_).subspan(row * vocab_, vocab_);
  }

 private:
  Ops& ops_;
  const TextModel& model_;
  std::size_t vocab_;
  KvCache cache_;
  std::vector<float> logits_;
};

/// log Σ exp(x).
double log_sum(std::span<const float> x) {
  const double top = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (const float value : x) sum += std::exp(value - top);
  return top + std::log(sum);
}

std::size_t top_of(std::span<const float> x) {
  return static_cast<std::size_t>(std::max_element(x.begin(), x.end()) - x.begin());
}

void compare(std::span<const float> logits, double log_total, std::span<const float> reference,
             TokenId next, QualityScore& score) {
  const double reference_total = log_sum(reference);
  score.reference_nats.push_back(reference_total - reference[static_cast<std::size_t>(next)]);
  double kl = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double log_p = reference[i] - reference_total, log_q = logits[i] - log_total;
    kl += std::exp(log_p) * (log_p - log_q);
  }
  score.kl.push_back(kl);
  score.same_top += top_of(logits) == top_of(reference);
}

Status check(const Predictor& model, const Predictor* reference, const QualityRequest& request) {
  const int vocab = model.model->shape().vocab;
  if (request.tokens.size() < 4)
    return bad_input("the text has " + std::to_string(request.tokens.size()) +
                     " tokens: expected at least 4");
  if (request.window < 4)
    return bad_input("a window of " + std::to_string(request.window) +
                     " tokens: expected at least 4");
  if (reference && reference->model->shape().vocab != vocab)
    return bad_input("the reference has a vocabulary of " +
                     std::to_string(reference->model->shape().vocab) + " tokens, the model of " +
                     std::to_string(vocab) + ": they cannot be compared");
  for (const TokenId token : request.tokens)
    if (token < 0 || token >= vocab)
      return bad_input("token " + std::to_string(token) + " is outside the model's vocabulary of " +
                       std::to_string(vocab));
  return {};
}

}  // namespace

Result<QualityScore> score(const Predictor& model, const Predictor* reference,
                           const QualityRequest& request) {
  HEARTH_TRY_STATUS(check(model, reference, request));
  const std::size_t window =
      std::min(static_cast<std::size_t>(request.window), request.tokens.size());
  const std::size_t windows = request.tokens.size() / window, half = window / 2;
  WindowReader reader(model, window);
  std::optional<WindowReader> beside;
  if (reference) beside.emplace(*reference, window);
  QualityScore out;
  for (std::size_t w = 0; w < windows; ++w) {
    const auto text = request.tokens.subspan(w * window, window);
    std::vector<TokenId> tokens(text.begin(), text.end());
    if (request.bos) tokens[0] = *request.bos;
    reader.start();
    if (beside) beside->start();
    // Row i predicts token i + 1; rows from half on are scored, and the last predicts nothing here.
    for (std::size_t first = 0; first + 1 < window;) {
      const bool scored = first >= half;
      const std::size_t end = std::min(first + kRows, scored ? window - 1 : half);
      const auto piece = std::span<const TokenId>(tokens).subspan(first, end - first);
      HEARTH_TRY_STATUS(reader.read(piece, scored));
      if (beside) HEARTH_TRY_STATUS(beside->read(piece, scored));
      for (std::size_t row = 0; scored && row < piece.size(); ++row) {
        const auto logits = reader.logits(row);
        const TokenId next = tokens[first + row + 1];
        const double total = log_sum(logits);
        out.nats.push_back(total - logits[static_cast<std::size_t>(next)]);
        if (beside) compare(logits, total, beside->logits(row), next, out);
      }
      first = end;
      if (request.progress) request.progress(w * window + first, windows * window);
    }
  }
  return out;
}

}  // namespace hearth
