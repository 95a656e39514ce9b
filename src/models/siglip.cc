#include "models/siglip.h"

#include <cmath>
#include <numeric>

namespace hearth {
namespace {

Result<SiglipConfig> read_config(const Checkpoint& c) {
  SiglipConfig config;
  HEARTH_TRY(auto image, c.require_int("vision.image_size", 1, 1 << 14));
  HEARTH_TRY(auto patch, c.require_int("vision.patch_size", 1, image));
  HEARTH_TRY(auto hidden, c.require_int("vision.embedding_length", 1, 1 << 16));
  HEARTH_TRY(auto layers, c.require_int("vision.block_count", 1, 256));
  HEARTH_TRY(auto heads, c.require_int("vision.attention.head_count", 1, 1024));
  HEARTH_TRY(auto ffn, c.require_int("vision.feed_forward_length", 1, 1 << 18));
  HEARTH_TRY(auto eps, c.float_or("vision.attention.layer_norm_epsilon", 1e-6));
  if (hidden % heads != 0) {
    return bad_input(c.where + ": vision.embedding_length " + std::to_string(hidden) +
                     " is not a multiple of the " + std::to_string(heads) + " heads");
  }
  if (!(eps > 0) || eps > 1)
    return bad_input(c.where + ": vision layer_norm_epsilon " + std::to_string(eps) +
                     " is not in (0, 1]");
  config.image = static_cast<int>(image);
  config.patch = static_cast<int>(patch);
  config.hidden = static_cast<int>(hidden);
  config.layers = static_cast<int>(layers);
  config.heads = static_cast<int>(heads);
  config.ffn = static_cast<int>(ffn);
  config.norm_eps = static_cast<float>(eps);
  return config;
}

}  // namespace

Result<Siglip> Siglip::load(Loader& loader) {
  Siglip tower;
  HEARTH_TRY(tower.config_, read_config(loader.checkpoint()));
  const SiglipConfig& c = tower.config_;
  const int positions = c.grid() * c.grid();
  // Files made before llama.cpp's naming fix have fc1 and fc2 exchanged (spec §4.4).
  const StoredTensor* down = loader.checkpoint().find("v.blk.0.ffn_down.weight");
  const bool swapped = down && !down->shape.empty() && c.ffn != c.hidden &&
                       down->shape[0] == static_cast<std::uint64_t>(c.ffn);
  const char* fc1 = swapped ? "ffn_down" : "ffn_up";
  const char* fc2 = swapped ? "ffn_up" : "ffn_down";

  tower.patch_ = loader.biased("v.patch_embd", c.hidden, std::int64_t{3} * c.patch * c.patch);
  tower.positions_ = loader.table("v.position_embd.weight", positions, c.hidden, Use::gather);
  tower.position_ids_.resize(static_cast<std::size_t>(positions));
  std::iota(tower.position_ids_.begin(), tower.position_ids_.end(), 0);
  tower.post_w_ = loader.vec("v.post_ln.weight", c.hidden);
  tower.post_b_ = loader.vec("v.post_ln.bias", c.hidden);
  loader.use(loader.tower());
  for (int i = 0; i < c.layers && loader.status(); ++i) {
    const std::string b = "v.blk." + std::to_string(i) + ".";
    Layer layer;
    layer.ln1_w = loader.vec(b + "ln1.weight", c.hidden);
    layer.ln1_b = loader.vec(b + "ln1.bias", c.hidden);
    layer.ln2_w = loader.vec(b + "ln2.weight", c.hidden);
    layer.ln2_b = loader.vec(b + "ln2.bias", c.hidden);
    layer.q = loader.biased(b + "attn_q", c.hidden, c.hidden);
    layer.k = loader.biased(b + "attn_k", c.hidden, c.hidden);
    layer.v = loader.biased(b + "attn_v", c.hidden, c.hidden);
    layer.o = loader.biased(b + "attn_out", c.hidden, c.hidden);
    layer.fc1 = loader.biased(b + fc1, c.ffn, c.hidden);
    layer.fc2 = loader.biased(b + fc2, c.hidden, c.ffn);
    tower.layers_.push_back(std::move(layer));
  }
  HEARTH_TRY_STATUS(loader.status());
  return tower;
}

Result<Tensor> Siglip::forward(Ops& ops, Tensor pixels) const {
  const SiglipConfig& c = config_;
  const int T = c.grid() * c.grid();
  AttentionSpec spec;
  spec.heads = spec.kv_heads = c.heads;
  spec.head_dim = c.hidden / c.heads;
  spec.scale = 1 / std::sqrt(static_cast<float>(spec.head_dim));
  spec.causal = false;
  RowsSpec one_sequence;
  one_sequence.positions.assign(static_cast<std::size_t>(T), 0);
  one_sequence.sequences.assign(static_cast<std::size_t>(T), 0);
  Rows rows = ops.prepare(one_sequence);

  Tensor h = ops.gather(positions_, position_ids_);  // [T, hidden]
  {
    Scope scope = ops.scope();
    Tensor x = ops.patches(pixels, c.image, c.patch, ops.activation_for({&patch_}));
    h = ops.linear(x, patch_, {.residual = h});
  }
  for (const Layer& layer : layers_) {
    if (!ops.yield()) return cancelled();
    Scope scope = ops.scope();
    // x += Out(Attn(LN1 x))
    Tensor x = ops.layer_norm(h, layer.ln1_w, layer.ln1_b, c.norm_eps,
                              ops.activation_for({&layer.q, &layer.k, &layer.v}));
    const Linear* qkv_weights[] = {&layer.q, &layer.k, &layer.v};
    auto qkv = ops.linears(x, qkv_weights, {});
    Tensor a =
        ops.attention(qkv[0], qkv[1], qkv[2], spec, nullptr, rows, ops.activation_for({&layer.o}));
    h = ops.linear(a, layer.o, {.residual = h});
    // x += fc2(gelu(fc1(LN2 x)))
    x = ops.layer_norm(h, layer.ln2_w, layer.ln2_b, c.norm_eps, ops.activation_for({&layer.fc1}));
    x = ops.linear(x, layer.fc1, {.gelu = true, .out = ops.activation_for({&layer.fc2})});
    h = ops.linear(x, layer.fc2, {.residual = h});
  }
  return ops.layer_norm(h, post_w_, post_b_, c.norm_eps, Out::f32);
}

}  // namespace hearth
