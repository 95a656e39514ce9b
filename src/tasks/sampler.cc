#include "tasks/sampler.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/check.h"

namespace hearth {
namespace {

// SplitMix64's finaliser (Steele et al. 2014): a bijection whose output passes as random.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

}  // namespace

double uniform(std::uint64_t seed, std::uint64_t choice, std::uint64_t position) {
  constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15u;
  std::uint64_t x = mix(seed + kGamma);
  x = mix(x ^ (choice + 1) * kGamma);
  x = mix(x ^ (position + 1) * kGamma);
  return static_cast<double>(x >> 11) * 0x1p-53;
}

TokenId Sampler::sample(std::span<const float> logits, std::span<const TokenId> history,
                        std::uint64_t position, std::uint64_t choice) {
  CHECK(!logits.empty());
  if (config_.repeat_penalty != 1) {
    penalised_.assign(logits.begin(), logits.end());
    auto window =
        std::min<std::size_t>(history.size(), static_cast<std::size_t>(config_.repeat_window));
    std::unordered_set<TokenId> seen(history.end() - static_cast<std::ptrdiff_t>(window),
                                     history.end());
    auto penalty = static_cast<float>(config_.repeat_penalty);
    for (TokenId id : seen) {
      if (id < 0 || static_cast<std::size_t>(id) >= penalised_.size()) continue;
      float& logit = penalised_[static_cast<std::size_t>(id)];
      logit = logit > 0 ? logit / penalty : logit * penalty;
    }
    logits = penalised_;
  }
  if (config_.temperature <= 0)
    return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());

  // What is less likely than the likeliest by a factor of 10²⁰ is never drawn: no need to sort it.
  const double least =
      *std::max_element(logits.begin(), logits.end()) - 20 * std::log(10.0) * config_.temperature;
  candidates_.clear();
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (!(logits[i] < least)) candidates_.push_back({logits[i], static_cast<TokenId>(i)});
  auto likelier = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  std::size_t keep = candidates_.size();
  if (config_.top_k > 0)
    keep = std::min<std::size_t>(keep, static_cast<std::size_t>(config_.top_k));
  if (keep < candidates_.size())
    std::nth_element(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(keep),
                     candidates_.end(), likelier);
  candidates_.resize(keep);
  std::sort(candidates_.begin(), candidates_.end(), likelier);

  std::vector<double> weights(keep);
  double sum = 0;
  for (std::size_t i = 0; i < keep; ++i) {
    weights[i] = std::exp((static_cast<double>(candidates_[i].logit) - candidates_[0].logit) /
                          config_.temperature);
    sum += weights[i];
  }
  if (config_.top_p < 1) {  // the smallest set whose probability reaches top_p
    double reached = 0, wanted = config_.top_p * sum;
    std::size_t i = 0;
    while (i < keep && reached < wanted) reached += weights[i++];
    keep = std::max<std::size_t>(i, 1);
  }
  if (config_.min_p > 0) {  // relative to the likeliest, whose weight is 1
    std::size_t i = 1;
    while (i < keep && weights[i] >= config_.min_p) ++i;
    keep = i;
  }
  sum = 0;
  for (std::size_t i = 0; i < keep; ++i) sum += weights[i];
  double point = uniform(config_.seed, choice, position) * sum;
  for (std::size_t i = 0; i < keep; ++i) {
    point -= weights[i];
    if (point < 0) return candidates_[i].id;
  }
  return candidates_[keep - 1].id;
}

}  // namespace hearth
