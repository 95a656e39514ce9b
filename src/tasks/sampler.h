// Choosing the next token. Pure: logits and history in, token out.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "media/tokenizer.h"

namespace hearth {

/// Applied in transformers' order: repeat penalty, temperature, top-k, top-p, min-p, draw.
struct SamplerConfig {
  double temperature = 0;     ///< ≤ 0: the likeliest token (ties: the smallest id)
  int top_k = 0;              ///< 0: off
  double top_p = 1;           ///< 1: off
  double min_p = 0;           ///< 0: off
  double repeat_penalty = 1;  ///< 1: off; Keskar et al. 2019, over the last `repeat_window` tokens
  int repeat_window = 64;
  std::uint64_t seed = 0;
};

/// A number in [0, 1) that depends only on its three arguments (a counter-based generator): sampled
/// text is the same alone, in a batch, and on any number of threads.
double uniform(std::uint64_t seed, std::uint64_t choice, std::uint64_t position);

class Sampler {
 public:
  explicit Sampler(SamplerConfig config) : config_(config) {}
  /// `history`: all tokens so far, the prompt's included. `position`: of the token to be chosen.
  TokenId sample(std::span<const float> logits, std::span<const TokenId> history,
                 std::uint64_t position, std::uint64_t choice = 0);

 private:
  struct Candidate {
    float logit;
    TokenId id;
  };
  SamplerConfig config_;
  std::vector<Candidate> candidates_;
  std::vector<float> penalised_;
};

}  // namespace hearth
