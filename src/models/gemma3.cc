#include "models/gemma3.h"

#include <cmath>

namespace hearth {

Result<std::unique_ptr<TextModel>> load_gemma3(Loader& loader) {
  const Checkpoint& c = loader.checkpoint();
  HEARTH_TRY(DecoderConfig config, read_decoder_config(c));
  HEARTH_TRY(auto window, c.require_int("attention.sliding_window", 1, 1 << 30));
  HEARTH_TRY(auto local_base, c.float_or("rope.local.freq_base", 10000));
  HEARTH_TRY(auto softcap, c.float_or("final_logit_softcapping", 0));
  HEARTH_TRY(auto scale, c.float_or("attention.scale", 0));
  for (auto [key, value, good] : {std::tuple("rope.local.freq_base", local_base, local_base > 0),
                                  {"final_logit_softcapping", softcap, softcap >= 0},
                                  {"attention.scale", scale, scale >= 0}}) {
    if (!good)
      return bad_input(c.where + ": gemma3." + key + ": expected a positive number, found " +
                       std::to_string(value));
  }
  config.qk_norms = true;
  config.window = static_cast<int>(window);
  config.global_every = 6;
  config.local_rope.base = static_cast<float>(local_base);
  config.post_norms = true;
  config.gelu = true;
  config.embedding_scale = std::sqrt(static_cast<float>(config.shape.hidden));
  config.logit_softcap = static_cast<float>(softcap);
  // The 27B divides by √(hidden / heads) instead of √head_dim.
  if (config.shape.layers == 62)
    config.attention_scale = 1 / std::sqrt(static_cast<float>(config.shape.hidden) /
                                           static_cast<float>(config.shape.heads));
  if (scale > 0) config.attention_scale = static_cast<float>(scale);
  return Decoder::load(std::move(config), loader);
}

}  // namespace hearth
