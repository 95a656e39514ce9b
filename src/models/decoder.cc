#include "models/decoder.h"

#include <cmath>

#include "base/check.h"
#include "formats/quote.h"

namespace hearth {

Result<DecoderConfig> read_decoder_config(const Checkpoint& c) {
  DecoderConfig config;
  TextShape& shape = config.shape;
  constexpr std::int64_t kWide = 1 << 20;
  HEARTH_TRY(auto layers, c.require_int("block_count", 1, 1024));
  HEARTH_TRY(auto hidden, c.require_int("embedding_length", 1, kWide));
  HEARTH_TRY(auto heads, c.require_int("attention.head_count", 1, 4096));
  HEARTH_TRY(auto kv_heads, c.int_or("attention.head_count_kv", heads, 1, 4096));
  HEARTH_TRY(auto head_dim, c.int_or("attention.key_length", hidden / heads, 2, 1024));
  HEARTH_TRY(auto value_dim, c.int_or("attention.value_length", head_dim, 2, 1024));
  HEARTH_TRY(auto rotary, c.int_or("rope.dimension_count", head_dim, 2, 1024));
  HEARTH_TRY(auto ffn, c.require_int("feed_forward_length", 1, kWide));
  HEARTH_TRY(auto context, c.int_or("context_length", 2048, 1, std::int64_t{1} << 30));
  HEARTH_TRY(auto eps, c.require_float("attention.layer_norm_rms_epsilon"));
  HEARTH_TRY(auto base, c.float_or("rope.freq_base", 10000));
  auto problem = [&](const std::string& what) { return bad_input(c.where + ": " + what); };
  if (heads % kv_heads != 0)
    return problem("attention.head_count " + std::to_string(heads) +
                   " is not a multiple of head_count_kv " + std::to_string(kv_heads));
  if (head_dim % 2 != 0)
    return problem("attention.key_length " + std::to_string(head_dim) + " is odd");
  if (value_dim != head_dim)
    return problem("attention.value_length: expected key_length " + std::to_string(head_dim) +
                   ", found " + std::to_string(value_dim));
  if (rotary != head_dim)
    return problem("rope.dimension_count: expected the head's " + std::to_string(head_dim) +
                   ", found " + std::to_string(rotary) + " (partial rotation is not supported)");
  if (!(eps > 0) || eps > 1)
    return problem("attention.layer_norm_rms_epsilon " + std::to_string(eps) + " is not in (0, 1]");
  if (!(base > 0)) return problem("rope.freq_base " + std::to_string(base) + " is not positive");
  HEARTH_TRY(auto scaling, c.string_or("rope.scaling.type", "none"));
  HEARTH_TRY(auto factor, c.float_or("rope.scaling.factor", 1));
  if (scaling == "linear") {
    if (factor < 1e-3 || factor > 1e6)
      return problem("rope.scaling.factor: expected 0.001 to 1000000, found " +
                     std::to_string(factor));
    config.rope.scale = static_cast<float>(1 / factor);
  } else if (scaling != "none" && scaling != "") {
    return problem("rope.scaling.type " + quote_name(scaling) +
                   " is not supported (known: none, linear)");
  }

  const StoredTensor* embedding = c.find("token_embd.weight");
  if (!embedding || embedding->shape.size() != 2)
    return problem("tensor token_embd.weight is missing or is no matrix");
  if (embedding->shape[0] < 1 || embedding->shape[0] > (1u << 24))
    return problem("token_embd.weight has " + std::to_string(embedding->shape[0]) + " rows");
  const auto vocab = static_cast<std::int64_t>(embedding->shape[0]);
  HEARTH_TRY(auto vocab_given, c.int_or("vocab_size", vocab, INT64_MIN, INT64_MAX));
  if (vocab_given != vocab)
    return problem("vocab_size is " + std::to_string(vocab_given) + ", but token_embd.weight has " +
                   std::to_string(vocab) + " rows");
  shape.vocab = static_cast<int>(vocab);
  shape.layers = static_cast<int>(layers);
  shape.hidden = static_cast<int>(hidden);
  shape.heads = static_cast<int>(heads);
  shape.kv_heads = static_cast<int>(kv_heads);
  shape.head_dim = static_cast<int>(head_dim);
  shape.trained_context = static_cast<int>(context);
  config.ffn = static_cast<int>(ffn);
  config.norm_eps = static_cast<float>(eps);
  config.rope.base = static_cast<float>(base);
  return config;
}

Result<std::unique_ptr<TextModel>> Decoder::load(DecoderConfig config, Loader& loader) {
  auto model = std::make_unique<Decoder>();
  const TextShape& s = config.shape;
  const int q_width = s.heads * s.head_dim, kv_width = s.kv_heads * s.head_dim;
  if (loader.has("rope_freqs.weight")) {
    std::vector<float> factors = loader.floats("rope_freqs.weight", s.head_dim / 2);
    for (float f : factors) {
      if (loader.status() && !(f > 0 && std::isfinite(f)))
        return bad_input(loader.checkpoint().where + ": rope_freqs.weight holds " +
                         std::to_string(f) + ", expected positive factors");
    }
    config.rope.factors = loader.vec("rope_freqs.weight", s.head_dim / 2);
  }
  bool tied = !loader.has("output.weight");
  model->embedding_ =
      loader.table("token_embd.weight", s.vocab, s.hidden, tied ? Use::both : Use::gather);
  model->output_norm_ = loader.vec("output_norm.weight", s.hidden);
  if (tied)
    model->head_.weight = model->embedding_;
  else
    model->head_ = loader.linear("output", s.vocab, s.hidden);

  std::vector<std::int32_t> q_order, k_order;
  if (loader.checkpoint().interleaved_qk) {
    q_order = rotary_row_order(s.heads, s.head_dim);
    k_order = rotary_row_order(s.kv_heads, s.head_dim);
  }
  for (int i = 0; i < s.layers && loader.status(); ++i) {
    const std::string b = "blk." + std::to_string(i) + ".";
    DecoderLayer layer;
    layer.attn_norm = loader.vec(b + "attn_norm.weight", s.hidden);
    const auto qkv = config.qkv_bias ? &Loader::biased : &Loader::linear;
    layer.q = (loader.*qkv)(b + "attn_q", q_width, s.hidden, q_order);
    layer.k = (loader.*qkv)(b + "attn_k", kv_width, s.hidden, k_order);
    layer.v = (loader.*qkv)(b + "attn_v", kv_width, s.hidden, {});
    layer.o = loader.linear(b + "attn_output", s.hidden, q_width);
    const auto norm = config.qk_norms ? &Loader::vec : &Loader::optional_vec;
    layer.q_norm = (loader.*norm)(b + "attn_q_norm.weight", s.head_dim);
    layer.k_norm = (loader.*norm)(b + "attn_k_norm.weight", s.head_dim);
    layer.ffn_norm = loader.vec(b + "ffn_norm.weight", s.hidden);
    layer.gate = loader.linear(b + "ffn_gate", config.ffn, s.hidden);
    layer.up = loader.linear(b + "ffn_up", config.ffn, s.hidden);
    layer.down = loader.linear(b + "ffn_down", s.hidden, config.ffn);
    if (config.post_norms) {
      layer.post_attn_norm = loader.vec(b + "post_attention_norm.weight", s.hidden);
      layer.post_ffn_norm = loader.vec(b + "post_ffw_norm.weight", s.hidden);
    }
    model->layers_.push_back(std::move(layer));
  }
  HEARTH_TRY_STATUS(loader.status());
  model->config_ = std::move(config);
  return std::unique_ptr<TextModel>(std::move(model));
}

// h [T, D] → h + o(attention(q, k, v))
Tensor Decoder::attend(Ops& ops, const DecoderLayer& layer, int index, Tensor h, const Rows& rows,
                       KvPool& kv) const {
  const TextShape& s = config_.shape;
  const bool local =
      config_.window > 0 && config_.global_every > 0 && (index + 1) % config_.global_every != 0;
  AttentionSpec spec;
  spec.heads = s.heads;
  spec.kv_heads = s.kv_heads;
  spec.head_dim = s.head_dim;
  spec.scale = config_.attention_scale > 0 ? config_.attention_scale
                                           : 1 / std::sqrt(static_cast<float>(s.head_dim));
  spec.window = local ? config_.window : 0;
  spec.softcap = config_.attention_softcap;
  spec.rope = local ? &config_.local_rope : &config_.rope;
  spec.q_norm = layer.q_norm;
  spec.k_norm = layer.k_norm;
  spec.norm_eps = config_.norm_eps;
  KvLayer cache{&kv, index};

  Tensor x = ops.rms_norm(h, layer.attn_norm, config_.norm_eps,
                          ops.activation_for({&layer.q, &layer.k, &layer.v}));
  const Linear* qkv_weights[] = {&layer.q, &layer.k, &layer.v};
  auto qkv = ops.linears(x, qkv_weights, {});
  Tensor a =
      ops.attention(qkv[0], qkv[1], qkv[2], spec, &cache, rows, ops.activation_for({&layer.o}));
  if (!layer.post_attn_norm) return ops.linear(a, layer.o, {.residual = h});
  Tensor y = ops.linear(a, layer.o);
  return ops.add(h, ops.rms_norm(y, layer.post_attn_norm, config_.norm_eps, Out::f32));
}

// h [T, D] → h + down(act(gate x) · up x)
Tensor Decoder::feed_forward(Ops& ops, const DecoderLayer& layer, Tensor h) const {
  Tensor x = ops.rms_norm(h, layer.ffn_norm, config_.norm_eps,
                          ops.activation_for({&layer.gate, &layer.up}));
  Tensor y = ops.gated(x, layer.gate, layer.up, config_.gelu ? Gate::gelu : Gate::silu,
                       ops.activation_for({&layer.down}));
  if (!layer.post_ffn_norm) return ops.linear(y, layer.down, {.residual = h});
  Tensor z = ops.linear(y, layer.down);
  return ops.add(h, ops.rms_norm(z, layer.post_ffn_norm, config_.norm_eps, Out::f32));
}

Result<Tensor> Decoder::forward(Ops& ops, const Batch& batch, KvPool& kv) const {
  Rows rows = ops.prepare(batch.rows);
  Tensor h = ops.gather(embedding_, batch.tokens);  // [T, D]
  if (config_.embedding_scale != 1) h = ops.scale(h, config_.embedding_scale);
  if (!batch.feature_rows.empty()) {
    Scope scope = ops.scope();
    auto count = static_cast<std::int64_t>(batch.feature_rows.size());
    ops.put_rows(h, batch.feature_rows, ops.upload(batch.features, count, config_.shape.hidden));
  }
  for (int i = 0; i < config_.shape.layers; ++i) {
    if (!ops.yield()) return cancelled();
    Scope scope = ops.scope();
    h = attend(ops, layers_[static_cast<std::size_t>(i)], i, h, rows, kv);
    h = feed_forward(ops, layers_[static_cast<std::size_t>(i)], h);
  }
  if (batch.logit_rows.empty()) return Tensor{};
  h = ops.select_rows(h, batch.logit_rows);
  h = ops.rms_norm(h, output_norm_, config_.norm_eps, ops.activation_for({&head_}));
  Tensor logits = ops.linear(h, head_);  // [logit rows, V]
  if (config_.logit_softcap > 0) logits = ops.softcap(logits, config_.logit_softcap);
  return logits;
}

}  // namespace hearth
