// Architecture strings to loaders: one explicit row each, and the only place that knows the names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/model.h"

namespace hearth {

/// Errors: unknown architecture (the known ones are listed), and whatever the loader finds.
Result<std::unique_ptr<TextModel>> load_text_model(Loader& loader);
Result<std::unique_ptr<VisionModel>> load_vision_model(Loader& loader, int text_hidden);
std::vector<std::string> known_architectures();

}  // namespace hearth
