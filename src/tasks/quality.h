// How well a model predicts a text, alone or beside another one: what quantisation costs.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "models/model.h"
#include "tasks/kv_cache.h"

namespace hearth {

/// A model and the ops that its weights belong to.
struct Predictor {
  Ops* ops = nullptr;
  const TextModel* model = nullptr;
  KvType kv_type = KvType::f16;
};

/// Sums over the predictions of a text; natural logarithms.
struct QualityScore {
  std::vector<double> nats;            ///< −log p of the token that came, one a prediction
  std::vector<double> reference_nats;  ///< the same of the reference, where there is one
  std::vector<double> kl;              ///< KL(reference ‖ model) of whole distributions
  std::size_t same_top = 0;            ///< predictions whose likeliest token is the reference's
};

struct QualityRequest {
  std::span<const TokenId> tokens;
  /// The text is cut into windows of this many tokens. Each is read from scratch, its first half is
  /// context, and the tokens of its second half are predicted: as llama.cpp's llama-perplexity
  /// does, so that figures compare. A text shorter than a window is one window; a rest is left out.
  int window = 512;
  std::optional<TokenId> bos;  ///< takes the place of every window's first token
  std::function<void(std::size_t done, std::size_t total)> progress;
};

/// Errors (`bad_input`): fewer than four tokens, a window below four, a reference of another
/// vocabulary; `cancelled`.
Result<QualityScore> score(const Predictor& model, const Predictor* reference,
                           const QualityRequest& request);

}  // namespace hearth
