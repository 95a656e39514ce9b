// SigLIP's vision tower (Zhai et al. 2023): patches, learned positions, pre-norm blocks with
// bidirectional attention, tanh-GELU, a last LayerNorm; no class token, no pooling head.
#pragma once

#include <memory>
#include <vector>

#include "models/model.h"

namespace hearth {

struct SiglipConfig {
  int image = 0, patch = 0;  ///< pixels; a remainder of image % patch is not looked at
  int hidden = 0, layers = 0, heads = 0, ffn = 0;
  float norm_eps = 1e-6f;

  int grid() const { return image / patch; }
};

class Siglip {
 public:
  static Result<Siglip> load(Loader& loader);
  const SiglipConfig& config() const { return config_; }
  /// pixels [1, 3·image²] CHW → [grid², hidden]. Error: cancelled.
  Result<Tensor> forward(Ops& ops, Tensor pixels) const;

 private:
  struct Layer {
    Vec ln1_w, ln1_b, ln2_w, ln2_b;
    Linear q, k, v, o, fc1, fc2;
  };
  SiglipConfig config_;
  Linear patch_;
  Weight positions_;  // [grid², hidden]
  std::vector<std::int32_t> position_ids_;
  Vec post_w_, post_b_;
  std::vector<Layer> layers_;
};

}  // namespace hearth
