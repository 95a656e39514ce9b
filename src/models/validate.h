// Loading without weights: every hyper-parameter, name and shape is checked, nothing is packed.
#pragma once

#include "base/result.h"
#include "models/checkpoint.h"

namespace hearth {

/// What loading `files` would complain about, found without reading matrices.
Status validate(const ModelFiles& files);

}  // namespace hearth
