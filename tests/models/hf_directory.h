// Hugging Face directories made for tests: config.json, model.safetensors, a golden's tokenizer.
#pragma once

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/blocks.h"
#include "formats/gguf.h"
#include "formats/json.h"

namespace hearth::test {

/// Collects tensors as f32 and writes the directory when it goes.
class HfDirectory {
 public:
  HfDirectory(std::filesystem::path dir, const std::filesystem::path& tokenizer_from)
      : dir_(std::move(dir)) {
    std::filesystem::create_directories(dir_);
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"})
      std::filesystem::copy_file(tokenizer_from / name, dir_ / name);
  }

  Json config = Json::object();

  void tensor(const std::string& name, const std::vector<std::uint64_t>& shape,
              const std::vector<float>& values) {
    const std::size_t begin = data_.size();
    data_.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    header_[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data_.size()}}};
  }

  void write() const {
    std::string header = header_.dump();
    header.append((8 - header.size() % 8) % 8, ' ');
    const std::uint64_t length = header.size();
    std::ofstream out(dir_ / "model.safetensors", std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), 8);
    out << header << data_;
    std::ofstream(dir_ / "config.json") << config.dump(1);
  }

  /// One llama layer of two heads with constant weights and untied head.
  void odd_llama(std::uint64_t hidden, std::uint64_t ffn) {
    config = {{"model_type", "llama"},      {"hidden_size", hidden},    {"num_attention_heads", 2},
              {"num_hidden_layers", 1},     {"intermediate_size", ffn}, {"rms_norm_eps", 1e-5},
              {"tie_word_embeddings", true}};
    auto fill = [&](const std::string& name, std::vector<std::uint64_t> shape) {
      std::uint64_t n = 1;
      for (std::uint64_t d : shape) n *= d;
      tensor(name, shape, std::vector<float>(n, 0.5f));
    };
    fill("model.embed_tokens.weight", {496, hidden});
    fill("model.norm.weight", {hidden});
    const std::string layer = "model.layers.0.";
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"})
      fill(layer + norm + ".weight", {hidden});
    for (const char* name : {"q", "k", "v", "o"})
      fill(layer + "self_attn." + name + "_proj.weight", {hidden, hidden});
    fill(layer + "mlp.gate_proj.weight", {ffn, hidden});
    fill(layer + "mlp.up_proj.weight", {ffn, hidden});
    fill(layer + "mlp.down_proj.weight", {hidden, ffn});
    write();
  }

 private:
  std::filesystem::path dir_;
  Json header_ = Json::object();
  std::string data_;
};

/// A GGUF name as transformers spells it ("" for what no directory holds).
inline std::string hf_name(const std::string& gguf, bool gemma) {
  if (gguf == "token_embd.weight") return "model.embed_tokens.weight";
  if (gguf == "output_norm.weight") return "model.norm.weight";
  if (gguf == "output.weight") return "lm_head.weight";
  if (!gguf.starts_with("blk.")) return "";
  const std::size_t dot = gguf.find('.', 4);
  const std::string layer = "model.layers." + gguf.substr(4, dot - 4) + ".";
  const std::string rest = gguf.substr(dot + 1), part = rest.substr(rest.rfind('.'));
  const std::string what = rest.substr(0, rest.rfind('.'));
  static const std::map<std::string, std::string> kNames = {
      {"attn_q", "self_attn.q_proj"},
      {"attn_k", "self_attn.k_proj"},
      {"attn_v", "self_attn.v_proj"},
      {"attn_output", "self_attn.o_proj"},
      {"attn_q_norm", "self_attn.q_norm"},
      {"attn_k_norm", "self_attn.k_norm"},
      {"ffn_gate", "mlp.gate_proj"},
      {"ffn_up", "mlp.up_proj"},
      {"ffn_down", "mlp.down_proj"},
      {"attn_norm", "input_layernorm"},
      {"post_attention_norm", "post_attention_layernorm"},
      {"post_ffw_norm", "post_feedforward_layernorm"}};
  if (what == "ffn_norm")
    return layer + (gemma ? "pre_feedforward_layernorm" : "post_attention_layernorm") + part;
  return layer + kNames.at(what) + part;
}

/// A GGUF file as the directory that it could have been converted from.
inline void write_hf_directory(const std::filesystem::path& dir, const gguf::File& file,
                               const std::string& model_type,
                               const std::filesystem::path& tokenizer_from) {
  HfDirectory out(dir, tokenizer_from);
  const std::string arch(*file.get_string("general.architecture").value());
  auto integer = [&](const std::string& key) {
    return file.get_int(arch + "." + key, 0, 1 << 30).value();
  };
  auto number = [&](const std::string& key) { return file.get_float(arch + "." + key).value(); };
  const bool gemma = arch == "gemma3";
  const std::int64_t heads = *integer("attention.head_count");
  const std::int64_t head_dim =
      integer("attention.key_length").value_or(*integer("embedding_length") / heads);
  out.config = {{"model_type", model_type},
                {"hidden_size", *integer("embedding_length")},
                {"num_hidden_layers", *integer("block_count")},
                {"num_attention_heads", heads},
                {"num_key_value_heads", *integer("attention.head_count_kv")},
                {"head_dim", head_dim},
                {"intermediate_size", *integer("feed_forward_length")},
                {"max_position_embeddings", *integer("context_length")},
                {"rms_norm_eps", *number("attention.layer_norm_rms_epsilon")},
                {"rope_theta", *number("rope.freq_base")},
                {"tie_word_embeddings", !file.find_tensor("output.weight")}};
  if (auto window = integer("attention.sliding_window")) out.config["sliding_window"] = *window;
  if (file.find_tensor("rope_freqs.weight")) {
    // What golden c's factors follow from (`rope_freqs` in goldens/text/cases.json).
    out.config["rope_scaling"] = {{"rope_type", "llama3"},
                                  {"factor", 8.0},
                                  {"low_freq_factor", 1.0},
                                  {"high_freq_factor", 4.0},
                                  {"original_max_position_embeddings", 64}};
  }
  for (const gguf::TensorInfo& t : file.tensors()) {
    const std::string gguf_name(t.name), name = hf_name(gguf_name, gemma);
    if (name.empty()) continue;
    std::vector<float> values(t.elements());
    dequantise_row(t.type, t.data.data(), values.data(), values.size());
    if (arch == "llama" &&
        (name.find(".q_proj.") != name.npos || name.find(".k_proj.") != name.npos)) {
      // File row 2j + p of a head is directory row p·half + j (spec §4.2).
      std::vector<float> rows(values.size());
      const std::uint64_t width = t.dims[0], half = static_cast<std::uint64_t>(head_dim) / 2;
      for (std::uint64_t row = 0; row < t.dims[1]; ++row) {
        const std::uint64_t head = row / (2 * half), p = row % 2, j = row % (2 * half) / 2;
        std::copy_n(&values[row * width], width, &rows[(head * 2 * half + p * half + j) * width]);
      }
      values = std::move(rows);
    }
    if (gemma && name.ends_with("norm.weight"))
      for (float& v : values) v -= 1;  // the file holds 1 + w
    std::vector<std::uint64_t> shape;
    for (int d = t.n_dims - 1; d >= 0; --d) shape.push_back(t.dims[static_cast<std::size_t>(d)]);
    out.tensor(name, shape, values);
  }
  out.write();
}

}  // namespace hearth::test
