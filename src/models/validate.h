// Loading without weights: every hyper-parameter, name and shape is checked, nothing is packed.
#pragma once

#include "base/result.h"
#include "models/checkpoint.h"
#include "models/model.h"

namespace hearth {

/// What loading `files` would complain about, found without reading matrices.
Status validate(const ModelFiles& files);
/// What the vision half looks at, from its hyper-parameters. Errors: none there, or a broken one.
Result<VisionShape> vision_shape(const ModelFiles& files);

}  // namespace hearth
