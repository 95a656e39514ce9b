// Models of the true shapes with random weights: how fast would a model run here, before anybody
// downloads it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/checkpoint.h"

namespace hearth {

/// "smollm2-135m:q4_0", "smolvlm2-500m:q8_0", … Weights lie in memory, each tensor in its own, in
/// blocks that are random but for their scales, which keep activations near unit variance.
///
/// The type is that of all matrices; q4_k_m is published files' mix of q4_k and q6_k. Widths that
/// do not divide into blocks fall back as published files do (spec §4.5). Towers of quantised
/// models are q8_0. Errors (`bad_input`): an unknown name or type, with the known ones.
Result<ModelFiles> synthetic_model(std::string_view name_and_type);

std::vector<std::string> synthetic_names();  ///< "smollm2-135m", …
std::vector<std::string> synthetic_types();  ///< "f32", …, "q4_k_m"

}  // namespace hearth
