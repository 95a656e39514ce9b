// Gemma 3 text (Gemma Team 2025): five sliding-window layers for each global one, norms before and
// after each half, GeGLU, per-head norms on q and k, embeddings scaled by √hidden.
#pragma once

#include "models/decoder.h"

namespace hearth {

Result<std::unique_ptr<TextModel>> load_gemma3(Loader& loader);

}  // namespace hearth
