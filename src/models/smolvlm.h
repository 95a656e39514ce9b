// SmolVLM, SmolVLM2 and Idefics3 (Marafioti et al. 2025): SigLIP tower, pixel shuffle, one linear
// connector into the text model's width. Facts: model files' configs, transformers'
// modeling_smolvlm.
#pragma once

#include <memory>

#include "models/model.h"

namespace hearth {

Result<std::unique_ptr<VisionModel>> load_smolvlm_vision(Loader& loader, int text_hidden);

}  // namespace hearth
