// Llama, SmolLM2, Llama 3.x, Mistral shapes (Touvron et al. 2023); Qwen2 adds biases on q, k and v,
// Qwen3 an RMSNorm per head on q and k.
#pragma once

#include "models/decoder.h"

namespace hearth {

Result<std::unique_ptr<TextModel>> load_llama(Loader& loader);

}  // namespace hearth
