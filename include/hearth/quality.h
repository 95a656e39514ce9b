// How well a model predicts a text, and what its quantisation costs beside a better one.
#pragma once

#include <optional>
#include <string_view>

#include "hearth/model.h"
#include "hearth/result.h"

namespace hearth {

struct QualityOptions {
  /// Tokens of a window: its first half is context, its second half is predicted (the method of
  /// llama-perplexity, so that figures compare). At most the model's context.
  int window = 512;
  const Model* reference = nullptr;  ///< a model of the same vocabulary to compare with
  /// Instead of a text that is given: two windows that the reference (or else the model) writes
  /// itself, each token drawn from its distribution, the same every time.
  bool own_text = false;
  ProgressHook progress = {};
};

struct Quality {
  int window = 0;  ///< tokens of a window: fewer than wanted where the text is short
  int predictions = 0;
  double perplexity = 0;        ///< e to the mean of −log p
  double perplexity_error = 0;  ///< standard error of that
  struct Beside {
    double perplexity = 0;  ///< the reference's
    double kl = 0;          ///< mean KL(reference ‖ model), nats a token; 0: nothing is lost
    double kl_99 = 0;       ///< 99 of 100 tokens are below
    double same_top = 0;  ///< share of tokens where both hold the same next one likeliest, 0 … 1
  };
  std::optional<Beside> beside;
};

/// Errors (`bad_input`): a text of fewer than four tokens, a window that the context does not hold,
/// models of different vocabularies.
Result<Quality> measure_quality(const Model& model, std::string_view text,
                                const QualityOptions& options = {});

}  // namespace hearth
