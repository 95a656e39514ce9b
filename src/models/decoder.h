// The pre-norm decoder that llama, qwen and gemma share. Each family's file fills the Config; the
// forward pass reads beside the papers.
#pragma once

#include <memory>
#include <vector>

#include "models/model.h"

namespace hearth {

struct DecoderConfig {
  TextShape shape;
  int ffn = 0;
  float norm_eps = 1e-5f;
  Rope rope;
  bool qkv_bias = false;  ///< the family has them: a file without is broken
  bool qk_norms = false;  ///< likewise
  // gemma
  Rope local_rope;          ///< of layers with a window
  int window = 0;           ///< > 0: sliding window of local layers
  int global_every = 0;     ///< layer i is global where (i + 1) % global_every == 0
  bool post_norms = false;  ///< RMSNorm after attention and MLP, before the residual
  bool gelu = false;        ///< GeGLU instead of SwiGLU
  float embedding_scale = 1;
  float attention_scale = 0;  ///< 0: head_dim^-½
  float attention_softcap = 0, logit_softcap = 0;
};

struct DecoderLayer {
  Vec attn_norm, ffn_norm, post_attn_norm, post_ffn_norm, q_norm, k_norm;
  Linear q, k, v, o, gate, up, down;
};

class Decoder final : public TextModel {
 public:
  /// Loads every tensor under its GGUF name. Biases and per-head norms are used where the file has
  /// them, and required where the config says so. config.rope.factors comes from rope_freqs.weight
  /// where present.
  static Result<std::unique_ptr<TextModel>> load(DecoderConfig config, Loader& loader);

  const TextShape& shape() const override { return config_.shape; }
  Result<Tensor> forward(Ops& ops, const Batch& batch, KvPool& kv) const override;

 private:
  Tensor attend(Ops& ops, const DecoderLayer& layer, int index, Tensor h, const Rows& rows,
                KvPool& kv) const;
  Tensor feed_forward(Ops& ops, const DecoderLayer& layer, Tensor h) const;

  DecoderConfig config_;
  Weight embedding_;
  Vec output_norm_;
  Linear head_;
  std::vector<DecoderLayer> layers_;
};

/// The hyper-parameters that all families name alike (GGUF names), checked against each other.
Result<DecoderConfig> read_decoder_config(const Checkpoint& checkpoint);

}  // namespace hearth
