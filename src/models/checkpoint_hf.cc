// A Hugging Face directory, translated into the names that GGUF files use: config.json,
// safetensors (one file or shards), tokenizer.json, chat template, preprocessor_config.json.
#include <charconv>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/blocks.h"
#include "base/files.h"
#include "formats/json.h"
#include "formats/quote.h"
#include "formats/safetensors.h"
#include "models/checkpoint.h"
#include "models/hf_config.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

/// One translation in progress.
struct Import {
  const Safetensors& store;
  Checkpoint& out;

  Result<StoredTensor> fetch(const std::string& hf) const {
    HEARTH_TRY(const SafetensorsTensor* t, store.find(hf));
    if (!t) return bad_input(out.where + ": tensor " + hf + " is missing");
    return StoredTensor{t->dtype, t->shape, t->data, true};
  }
  Result<bool> has(const std::string& hf) const {
    HEARTH_TRY(const SafetensorsTensor* t, store.find(hf));
    return t != nullptr;
  }
  /// Copies the entry under its GGUF name where the directory has it.
  Status take(const std::string& hf, const std::string& gguf) {
    HEARTH_TRY(bool there, has(hf));
    if (!there) return {};
    HEARTH_TRY(out.tensors[gguf], fetch(hf));
    return {};
  }
  void own(const std::string& gguf, std::vector<std::uint64_t> shape, std::vector<float> values) {
    auto kept = std::make_shared<std::vector<float>>(std::move(values));
    out.tensors[gguf] = {DType::f32, std::move(shape), std::as_bytes(std::span(*kept)), false};
    out.keep_alive.push_back(std::move(kept));
  }
};

std::vector<float> widen(const StoredTensor& t) {
  std::vector<float> values(t.elements());
  dequantise_row(t.type, t.data.data(), values.data(), values.size());
  return values;
}

/// Layers under "prefix0.", "prefix1.", …: one that is missing in the middle must not end the
/// count.
std::int64_t count_layers(const Safetensors& store, const std::string& prefix) {
  std::int64_t layers = 0;
  for (std::string_view name : store.names()) {
    if (!name.starts_with(prefix)) continue;
    std::int64_t layer = 0;
    const char* digits = name.data() + prefix.size();
    auto [end, error] = std::from_chars(digits, name.data() + name.size(), layer);
    if (error == std::errc() && end != digits && layer < INT32_MAX)
      layers = std::max(layers, layer + 1);
  }
  return layers;
}

// ---- text ----

struct Family {
  const char* model_type;
  const char* architecture;
};
constexpr Family kFamilies[] = {
    {"llama", "llama"}, {"mistral", "llama"},      {"qwen2", "qwen2"},
    {"qwen3", "qwen3"}, {"gemma3_text", "gemma3"}, {"gemma3", "gemma3"},
};

Result<std::string> find_family(const std::string& model_type, const std::string& where) {
  std::string known;
  for (const Family& family : kFamilies) {
    if (model_type == family.model_type) return std::string(family.architecture);
    known += std::string(family.model_type) + ", ";
  }
  return bad_input(where + ": unknown model_type " + quote_name(model_type) + " (known: " + known +
                   "smolvlm, idefics3)");
}

struct NamePair {
  const char *hf, *gguf;
};
constexpr NamePair kLayerNames[] = {
    {"input_layernorm.weight", "attn_norm.weight"},
    {"self_attn.q_proj.weight", "attn_q.weight"},
    {"self_attn.q_proj.bias", "attn_q.bias"},
    {"self_attn.k_proj.weight", "attn_k.weight"},
    {"self_attn.k_proj.bias", "attn_k.bias"},
    {"self_attn.v_proj.weight", "attn_v.weight"},
    {"self_attn.v_proj.bias", "attn_v.bias"},
    {"self_attn.o_proj.weight", "attn_output.weight"},
    {"self_attn.o_proj.bias", "attn_output.bias"},
    {"self_attn.q_norm.weight", "attn_q_norm.weight"},
    {"self_attn.k_norm.weight", "attn_k_norm.weight"},
    {"mlp.gate_proj.weight", "ffn_gate.weight"},
    {"mlp.up_proj.weight", "ffn_up.weight"},
    {"mlp.down_proj.weight", "ffn_down.weight"},
    {"pre_feedforward_layernorm.weight", "ffn_norm.weight"},
    {"post_feedforward_layernorm.weight", "post_ffw_norm.weight"},
};

Result<std::string> find_text_prefix(const Import& import) {
  for (const char* prefix :
       {"model.text_model.", "model.language_model.", "language_model.model.", "model.", ""}) {
    HEARTH_TRY(bool there, import.has(std::string(prefix) + "embed_tokens.weight"));
    if (there) return std::string(prefix);
  }
  return bad_input(import.out.where + ": no tensor *embed_tokens.weight");
}

/// Llama 3's frequency factors (transformers, modeling_rope_utils): long waves are stretched.
Status llama3_factors(Import& import, const HfConfig& scaling, double base, std::int64_t head_dim) {
  HEARTH_TRY(auto factor, scaling.number("factor"));
  HEARTH_TRY(auto low, scaling.number("low_freq_factor"));
  HEARTH_TRY(auto high, scaling.number("high_freq_factor"));
  HEARTH_TRY(auto old_context, scaling.number("original_max_position_embeddings"));
  if (!factor || !low || !high || !old_context || *factor <= 0 || *low <= 0 || *high <= *low ||
      *old_context <= 0)
    return bad_input(scaling.where() +
                     ": llama3 scaling needs factor, low_freq_factor, "
                     "high_freq_factor, original_max_position_embeddings");
  std::vector<float> factors;
  for (std::int64_t i = 0; i < head_dim; i += 2) {
    double wave = 2 * std::numbers::pi *
                  std::pow(base, static_cast<double>(i) / static_cast<double>(head_dim));
    double smooth = (*old_context / wave - *low) / (*high - *low);
    if (wave < *old_context / *high)
      factors.push_back(1);
    else if (wave > *old_context / *low)
      factors.push_back(static_cast<float>(*factor));
    else
      factors.push_back(static_cast<float>(1 / ((1 - smooth) / *factor + smooth)));
  }
  auto count = static_cast<std::uint64_t>(factors.size());
  import.own("rope_freqs.weight", {count}, std::move(factors));
  return {};
}

Status read_rope(Import& import, const HfConfig& config, std::int64_t head_dim) {
  auto& meta = import.out.meta;
  // transformers 5 moved rope_theta and rope_scaling into one object.
  HEARTH_TRY(HfConfig parameters,
             config.section(config.find("rope_parameters") ? "rope_parameters" : "rope_scaling"));
  HEARTH_TRY(auto theta, config.number("rope_theta"));
  if (!theta) {
    HEARTH_TRY(theta, parameters.number("rope_theta"));
  }
  double base = theta.value_or(10000);
  meta["rope.freq_base"] = base;
  HEARTH_TRY(std::string type, parameters.text("type", "default"));
  HEARTH_TRY(type, parameters.text("rope_type", type));
  if (type == "default") return {};
  if (type == "llama3") return llama3_factors(import, parameters, base, head_dim);
  if (type == "linear") {
    HEARTH_TRY(auto factor, parameters.number("factor"));
    meta["rope.scaling.type"] = std::string("linear");
    meta["rope.scaling.factor"] = factor.value_or(1);
    return {};
  }
  return bad_input(config.where() + ": rope type " + quote_name(type) +
                   " is not supported (known: default, linear, llama3)");
}

Result<Checkpoint> import_text(const Safetensors& store, const HfConfig& root,
                               const HfConfig& config, const std::string& model_type,
                               const std::string& where) {
  Checkpoint out;
  out.where = where;
  HEARTH_TRY(out.architecture, find_family(model_type, where));
  const bool gemma = out.architecture == "gemma3";
  Import import{store, out};
  HEARTH_TRY(const std::string prefix, find_text_prefix(import));

  // Hyper-parameters; what a config leaves out is the class's default, or follows from a shape.
  HEARTH_TRY(StoredTensor embedding, import.fetch(prefix + "embed_tokens.weight"));
  if (embedding.shape.size() != 2)
    return bad_input(where + ": tensor " + prefix + "embed_tokens.weight is no matrix");
  auto hidden = static_cast<std::int64_t>(embedding.shape[1]);
  auto vocab = static_cast<std::int64_t>(embedding.shape[0]);
  HEARTH_TRY_STATUS(config.agrees("hidden_size", hidden));
  HEARTH_TRY_STATUS(config.agrees("vocab_size", vocab));
  HEARTH_TRY(auto heads_given, config.integer("num_attention_heads"));
  std::int64_t heads = heads_given.value_or(32);  // the 2.2B SmolVLM omits it
  HEARTH_TRY(auto kv_heads, config.integer("num_key_value_heads"));
  HEARTH_TRY(auto head_dim_given, config.integer("head_dim"));
  if (heads < 1) return bad_input(where + ": num_attention_heads is " + std::to_string(heads));
  std::int64_t head_dim = head_dim_given.value_or(gemma ? 256 : hidden / heads);
  if (head_dim < 2 || head_dim > 1024)
    return bad_input(config.where() + ": head_dim: expected 2 to 1024, found " +
                     std::to_string(head_dim));
  HEARTH_TRY(auto layers, config.integer("num_hidden_layers"));
  HEARTH_TRY(auto ffn, config.integer("intermediate_size"));
  HEARTH_TRY(auto context, config.integer("max_position_embeddings"));
  HEARTH_TRY(auto eps, config.number("rms_norm_eps"));
  HEARTH_TRY(StoredTensor gate, import.fetch(prefix + "layers.0.mlp.gate_proj.weight"));
  auto& meta = out.meta;
  meta["block_count"] = layers.value_or(count_layers(store, prefix + "layers."));
  meta["embedding_length"] = hidden;
  meta["attention.head_count"] = heads;
  meta["attention.head_count_kv"] = kv_heads.value_or(heads);
  meta["attention.key_length"] = head_dim;
  meta["attention.value_length"] = head_dim;
  meta["feed_forward_length"] =
      ffn.value_or(gate.shape.empty() ? 0 : static_cast<std::int64_t>(gate.shape[0]));
  meta["context_length"] = context.value_or(2048);
  meta["attention.layer_norm_rms_epsilon"] = eps.value_or(1e-6);
  meta["vocab_size"] = vocab;
  HEARTH_TRY_STATUS(read_rope(import, config, head_dim));
  if (gemma) {
    HEARTH_TRY(auto window, config.integer("sliding_window"));
    HEARTH_TRY(auto local, config.number("rope_local_base_freq"));
    HEARTH_TRY(auto scalar, config.number("query_pre_attn_scalar"));
    HEARTH_TRY(auto cap, config.number("final_logit_softcapping"));
    meta["attention.sliding_window"] = window.value_or(4096);
    meta["rope.local.freq_base"] = local.value_or(10000);
    if (scalar && *scalar > 0) meta["attention.scale"] = 1 / std::sqrt(*scalar);
    if (cap) meta["final_logit_softcapping"] = *cap;
  }

  // Tensors.
  out.tensors["token_embd.weight"] = embedding;
  HEARTH_TRY_STATUS(import.take(prefix + "norm.weight", "output_norm.weight"));
  HEARTH_TRY(const bool tied, root.flag("tie_word_embeddings", false));
  if (!tied) {
    for (const char* name : {"lm_head.weight", "language_model.lm_head.weight"})
      HEARTH_TRY_STATUS(import.take(name, "output.weight"));
  }
  for (std::int64_t i = 0; i < std::get<std::int64_t>(meta["block_count"]) && i < 1024; ++i) {
    const std::string from = prefix + "layers." + std::to_string(i) + ".";
    const std::string to = "blk." + std::to_string(i) + ".";
    for (const NamePair& name : kLayerNames)
      HEARTH_TRY_STATUS(import.take(from + name.hf, to + name.gguf));
    HEARTH_TRY_STATUS(import.take(from + "post_attention_layernorm.weight",
                                  to + (gemma ? "post_attention_norm.weight" : "ffn_norm.weight")));
  }
  if (gemma) {  // Gemma's norms multiply by (1 + w); GGUF files hold the sum
    std::vector<std::string> norms;
    for (const auto& [name, tensor] : out.tensors)
      if (name.ends_with("norm.weight")) norms.push_back(name);
    for (const std::string& name : norms) {
      std::vector<float> values = widen(out.tensors[name]);
      for (float& v : values) v += 1;
      auto shape = out.tensors[name].shape;
      import.own(name, std::move(shape), std::move(values));
    }
  }
  return out;
}

// ---- vision ----

constexpr NamePair kTowerNames[] = {
    {"layer_norm1", "ln1"},         {"layer_norm2", "ln2"},
    {"self_attn.q_proj", "attn_q"}, {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"}, {"self_attn.out_proj", "attn_out"},
    {"mlp.fc1", "ffn_up"},          {"mlp.fc2", "ffn_down"},
};

/// MLX stores the patch convolution as [H, P, P, 3]; everybody else as [H, 3, P, P].
void fix_patch_layout(Import& import) {
  StoredTensor& t = import.out.tensors["v.patch_embd.weight"];
  if (t.shape.size() != 4 || t.shape[3] != 3 || t.shape[1] == 3) return;
  const std::size_t h = t.shape[0], p = t.shape[1];
  std::vector<float> from = widen(t), to(from.size());
  for (std::size_t i = 0; i < h; ++i)
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t yx = 0; yx < p * p; ++yx)
        to[(i * 3 + c) * p * p + yx] = from[(i * p * p + yx) * 3 + c];
  import.own("v.patch_embd.weight", {h, 3, p, p}, std::move(to));
}

Result<Checkpoint> import_vision(const Safetensors& store, const HfConfig& root,
                                 const HfConfig& preprocessor, std::int64_t text_hidden,
                                 const std::string& where) {
  Checkpoint out;
  out.where = where;
  out.architecture = "clip";
  Import import{store, out};
  std::string prefix = "model.vision_model.";
  HEARTH_TRY(bool nested, import.has(prefix + "embeddings.patch_embedding.weight"));
  if (!nested) prefix = "vision_model.";
  const std::string embeddings = prefix + "embeddings.";
  HEARTH_TRY_STATUS(import.take(embeddings + "patch_embedding.weight", "v.patch_embd.weight"));
  HEARTH_TRY_STATUS(import.take(embeddings + "patch_embedding.bias", "v.patch_embd.bias"));
  HEARTH_TRY_STATUS(
      import.take(embeddings + "position_embedding.weight", "v.position_embd.weight"));
  HEARTH_TRY_STATUS(import.take(prefix + "post_layernorm.weight", "v.post_ln.weight"));
  HEARTH_TRY_STATUS(import.take(prefix + "post_layernorm.bias", "v.post_ln.bias"));
  for (const char* name : {"model.connector.modality_projection.proj.weight",
                           "connector.modality_projection.proj.weight"})
    HEARTH_TRY_STATUS(import.take(name, "mm.model.fc.weight"));
  const std::int64_t layers = count_layers(store, prefix + "encoder.layers.");
  for (std::int64_t i = 0; i < layers && i < 256; ++i) {
    const std::string from = prefix + "encoder.layers." + std::to_string(i) + ".";
    for (const NamePair& name : kTowerNames)
      for (const char* part : {".weight", ".bias"})
        HEARTH_TRY_STATUS(import.take(from + name.hf + part,
                                      "v.blk." + std::to_string(i) + "." + name.gguf + part));
  }
  const StoredTensor* patch = out.find("v.patch_embd.weight");
  const StoredTensor* positions = out.find("v.position_embd.weight");
  const StoredTensor* fc1 = out.find("v.blk.0.ffn_up.weight");
  if (!patch || patch->shape.size() != 4 || !positions || positions->shape.size() != 2 || !fc1 ||
      fc1->shape.size() != 2)
    return bad_input(where +
                     ": the vision tower's patch_embedding, position_embedding or fc1 is "
                     "missing or has another number of dimensions");
  fix_patch_layout(import);

  // Published configs omit most of the tower's sizes: shapes say them (spec §1.2).
  HEARTH_TRY(HfConfig config, root.section("vision_config"));
  const auto hidden = static_cast<std::int64_t>(out.find("v.patch_embd.weight")->shape[0]);
  const auto side = static_cast<std::int64_t>(out.find("v.patch_embd.weight")->shape[2]);
  const auto grid =
      static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(positions->shape[0]))));
  const auto ffn = static_cast<std::int64_t>(fc1->shape[0]);
  HEARTH_TRY_STATUS(config.agrees("hidden_size", hidden));
  HEARTH_TRY_STATUS(config.agrees("patch_size", side));
  HEARTH_TRY_STATUS(config.agrees("intermediate_size", ffn));
  HEARTH_TRY_STATUS(config.agrees("num_hidden_layers", layers));
  HEARTH_TRY(auto image, config.integer("image_size"));
  if (image && (*image < 1 || *image / std::max<std::int64_t>(side, 1) != grid))
    return bad_input(config.where() + ": image_size " + std::to_string(*image) +
                     " does not fit the weights: patches of " + std::to_string(side) +
                     " px, positions for " + std::to_string(grid) + " × " + std::to_string(grid));
  HEARTH_TRY(auto heads, config.integer("num_attention_heads"));
  HEARTH_TRY(auto eps, config.number("layer_norm_eps"));
  HEARTH_TRY(auto scale, root.integer("scale_factor"));
  if (!scale) {
    HEARTH_TRY(scale, root.integer("pixel_shuffle_factor"));
  }
  auto& meta = out.meta;
  meta["projector_type"] = std::string("idefics3");
  meta["has_vision_encoder"] = true;
  meta["use_gelu"] = true;
  meta["vision.image_size"] = image.value_or(grid * side);
  meta["vision.patch_size"] = side;
  meta["vision.embedding_length"] = hidden;
  meta["vision.feed_forward_length"] = ffn;
  meta["vision.block_count"] = layers;
  meta["vision.attention.head_count"] =
      heads.value_or(hidden == 1152 ? 16 : std::max<std::int64_t>(hidden / 64, 1));
  meta["vision.attention.layer_norm_epsilon"] = eps.value_or(1e-6);
  meta["vision.projection_dim"] = text_hidden;
  meta["vision.projector.scale_factor"] = scale.value_or(2);
  HEARTH_TRY(HfConfig size, preprocessor.section("size"));
  HEARTH_TRY(auto longest, size.integer("longest_edge"));
  if (longest) meta["vision.preproc_image_size"] = *longest;
  HEARTH_TRY(meta["vision.preproc_split"], preprocessor.flag("do_image_splitting", true));
  for (const char* key : {"image_mean", "image_std"}) {
    HEARTH_TRY(std::vector<double> values, preprocessor.numbers(key));
    if (preprocessor.find(key)) meta["vision." + std::string(key)] = std::move(values);
  }
  return out;
}

// ---- the directory ----

Result<Json> optional_json(const fs::path& path) {
  HEARTH_TRY(const PathKind kind, path_kind(path));
  if (kind == PathKind::none) return Json::object();
  return read_json_object(path);
}

Result<std::string> read_chat_template(const fs::path& dir, const Json& tokenizer_config) {
  HEARTH_TRY(const PathKind kind, path_kind(dir / "chat_template.jinja"));
  if (kind != PathKind::none) return read_file(dir / "chat_template.jinja");
  HEARTH_TRY(Json separate, optional_json(dir / "chat_template.json"));
  for (const Json* source : {static_cast<const Json*>(&separate), &tokenizer_config}) {
    auto it = source->find("chat_template");
    if (it == source->end()) continue;
    if (it->is_string()) return it->get<std::string>();
    if (!it->is_array()) continue;
    for (const Json& named : *it) {  // several: the one called "default"
      if (named.is_object() && named.value("name", "") == "default" && named.contains("template") &&
          named["template"].is_string())
        return named["template"].get<std::string>();
    }
  }
  return std::string();
}

}  // namespace

Result<ModelFiles> open_hf_directory(const fs::path& dir) {
  ModelFiles files;
  HEARTH_TRY(const PathKind config_kind, path_kind(dir / "config.json"));
  if (config_kind == PathKind::none)
    return bad_input(dir.string() +
                     ": no config.json here; expected a Hugging Face model directory");
  HEARTH_TRY(Json config_json, read_json_object(dir / "config.json"));
  HEARTH_TRY(Json preprocessor_json, optional_json(dir / "preprocessor_config.json"));
  HEARTH_TRY(Json tokenizer_config, optional_json(dir / "tokenizer_config.json"));
  HEARTH_TRY(Safetensors opened, Safetensors::open_dir(dir));
  auto store = std::make_shared<Safetensors>(std::move(opened));

  const HfConfig root(config_json, (dir / "config.json").string());
  HEARTH_TRY(std::string model_type, root.text("model_type"));
  const bool vlm = model_type == "smolvlm" || model_type == "idefics3";
  if (!vlm) HEARTH_TRY_STATUS(find_family(model_type, dir.string()));
  HEARTH_TRY(HfConfig inner, root.section("text_config"));
  HfConfig text = root.find("text_config") ? inner : root;
  HEARTH_TRY(std::string text_type, text.text("model_type", vlm ? "llama" : model_type));
  HEARTH_TRY(files.text, import_text(*store, root, text, text_type, dir.string()));
  if (vlm) {
    HfConfig preprocessor(preprocessor_json, (dir / "preprocessor_config.json").string());
    std::int64_t hidden = std::get<std::int64_t>(files.text.meta["embedding_length"]);
    HEARTH_TRY(files.vision, import_vision(*store, root, preprocessor, hidden, dir.string()));
    files.vision->keep_alive.push_back(store);
  }
  files.text.keep_alive.push_back(store);
  for (const SafetensorsFile& file : store->files()) {
    files.weight_files.push_back(file.name());
    std::error_code error;
    files.text.file_bytes += fs::file_size(file.name(), error);
  }
  files.name = fs::path(dir).lexically_normal().filename().string();
  if (files.name.empty())
    files.name = fs::path(dir).lexically_normal().parent_path().filename().string();
  HEARTH_TRY(files.tokenizer_json, read_file(dir / "tokenizer.json", std::size_t{256} << 20));
  HEARTH_TRY(const PathKind beside, path_kind(dir / "tokenizer_config.json"));
  if (beside != PathKind::none) {
    HEARTH_TRY(files.tokenizer_config, read_file(dir / "tokenizer_config.json"));
  }
  HEARTH_TRY(files.chat_template, read_chat_template(dir, tokenizer_config));
  return files;
}

}  // namespace hearth
