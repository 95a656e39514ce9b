#include "models/synthetic.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/arena.h"
#include "media/tokenizer_vocab.h"
#include "models/random_blocks.h"

namespace hearth {
namespace {

struct TextSizes {
  int hidden, layers, heads, kv_heads, ffn, vocab;
  double theta;
};
struct TowerSizes {
  int image, patch, hidden, layers, heads, ffn, scale, longest_edge;
};

// Spec §1.2 and §1.3.
constexpr TowerSizes kBase512{512, 16, 768, 12, 12, 3072, 4, 2048};
constexpr TowerSizes kSo400m{384, 14, 1152, 27, 16, 4304, 3, 1536};
struct Row {
  const char* name;
  TextSizes text;
  const TowerSizes* tower;
};
constexpr Row kModels[] = {
    {"smollm2-135m", {576, 30, 9, 3, 1536, 49152, 100000}, nullptr},
    {"smollm2-360m", {960, 32, 15, 5, 2560, 49152, 100000}, nullptr},
    {"smollm2-1.7b", {2048, 24, 32, 32, 8192, 49152, 130000}, nullptr},
    {"smolvlm2-256m", {576, 30, 9, 3, 1536, 49280, 100000}, &kBase512},
    {"smolvlm2-500m", {960, 32, 15, 5, 2560, 49280, 100000}, &kBase512},
    {"smolvlm2-2.2b", {2048, 24, 32, 32, 8192, 49280, 130000}, &kSo400m},
};

constexpr std::string_view kMix = "q4_k_m";

/// What llama-quantize stores where a row does not divide into blocks.
DType fall_back(DType type, std::uint64_t row) {
  auto divides = [row](DType t) { return row % dtype_info(t).block_elems == 0; };
  if (divides(type)) return type;
  DType next = DType::f16;
  switch (type) {
    case DType::q4_k:
      next = DType::q5_0;
      break;
    case DType::q5_k:
      next = DType::q5_1;
      break;
    case DType::q6_k:
      next = DType::q8_0;
      break;
    case DType::q2_k:
    case DType::q3_k:
    case DType::iq4_xs:
      next = DType::iq4_nl;
      break;
    default:
      break;
  }
  return divides(next) ? next : DType::f16;
}

/// Adds tensors to a checkpoint, each with memory and random numbers of its own.
class Filler {
 public:
  explicit Filler(Checkpoint& out) : out_(out) {}

  /// Values of variance 1/row, so that a product with a unit vector has unit variance.
  void matrix(const std::string& name, DType type, std::vector<std::uint64_t> shape) {
    std::uint64_t row = 1;
    for (std::size_t d = 1; d < shape.size(); ++d) row *= shape[d];
    type = fall_back(type, shape.back());
    std::span<std::byte> bytes = add(name, type, std::move(shape));
    fill_random(type, 1 / std::sqrt(static_cast<float>(row)), seed_++, bytes);
  }
  void vector(const std::string& name, std::uint64_t n, float value) {
    std::span<std::byte> bytes = add(name, DType::f32, {n});
    std::fill_n(reinterpret_cast<float*>(bytes.data()), n, value);
  }

 private:
  std::span<std::byte> add(const std::string& name, DType type, std::vector<std::uint64_t> shape) {
    StoredTensor tensor{type, std::move(shape), {}, false};
    const std::size_t size = row_bytes(type, tensor.elements());
    std::shared_ptr<std::byte[]> memory(aligned_bytes(size).release(), AlignedDelete{});
    tensor.data = {memory.get(), size};
    out_.file_bytes += size;
    out_.keep_alive.push_back(memory);
    out_.tensors[name] = std::move(tensor);
    return {memory.get(), size};
  }

  Checkpoint& out_;
  std::uint64_t seed_ = 1;
};

/// The published Q4_K_M mix: these get Q6_K (spec §4.5).
bool more_bits(int layer, int layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

Checkpoint make_text(const std::string& where, const TextSizes& s, bool tied, DType type,
                     bool mix) {
  Checkpoint c;
  c.where = where;
  c.architecture = "llama";
  c.interleaved_qk = true;
  c.meta = {{"block_count", std::int64_t{s.layers}},
            {"context_length", std::int64_t{8192}},
            {"embedding_length", std::int64_t{s.hidden}},
            {"feed_forward_length", std::int64_t{s.ffn}},
            {"attention.head_count", std::int64_t{s.heads}},
            {"attention.head_count_kv", std::int64_t{s.kv_heads}},
            {"attention.layer_norm_rms_epsilon", 1e-5},
            {"rope.freq_base", s.theta},
            {"vocab_size", std::int64_t{s.vocab}}};
  const auto hidden = static_cast<std::uint64_t>(s.hidden), ffn = static_cast<std::uint64_t>(s.ffn),
             vocab = static_cast<std::uint64_t>(s.vocab),
             kv = hidden / static_cast<std::uint64_t>(s.heads) *
                  static_cast<std::uint64_t>(s.kv_heads);
  const DType better = mix ? DType::q6_k : type;
  Filler fill(c);
  fill.matrix("token_embd.weight", tied ? better : type, {vocab, hidden});
  fill.vector("output_norm.weight", hidden, 1);
  if (!tied) fill.matrix("output.weight", better, {vocab, hidden});
  for (int i = 0; i < s.layers; ++i) {
    const std::string b = "blk." + std::to_string(i) + ".";
    const DType some = more_bits(i, s.layers) ? better : type;
    fill.vector(b + "attn_norm.weight", hidden, 1);
    fill.vector(b + "ffn_norm.weight", hidden, 1);
    fill.matrix(b + "attn_q.weight", type, {hidden, hidden});
    fill.matrix(b + "attn_k.weight", type, {kv, hidden});
    fill.matrix(b + "attn_v.weight", some, {kv, hidden});
    fill.matrix(b + "attn_output.weight", type, {hidden, hidden});
    fill.matrix(b + "ffn_gate.weight", type, {ffn, hidden});
    fill.matrix(b + "ffn_up.weight", type, {ffn, hidden});
    fill.matrix(b + "ffn_down.weight", some, {hidden, ffn});
  }
  return c;
}

Checkpoint make_tower(const std::string& where, const TowerSizes& s, int text_hidden, DType type) {
  Checkpoint c;
  c.where = where + " (vision)";
  c.architecture = "clip";
  c.meta = {{"projector_type", std::string("idefics3")},
            {"vision.image_size", std::int64_t{s.image}},
            {"vision.patch_size", std::int64_t{s.patch}},
            {"vision.embedding_length", std::int64_t{s.hidden}},
            {"vision.feed_forward_length", std::int64_t{s.ffn}},
            {"vision.block_count", std::int64_t{s.layers}},
            {"vision.attention.head_count", std::int64_t{s.heads}},
            {"vision.attention.layer_norm_epsilon", 1e-6},
            {"vision.projection_dim", std::int64_t{text_hidden}},
            {"vision.projector.scale_factor", std::int64_t{s.scale}},
            {"vision.preproc_image_size", std::int64_t{s.longest_edge}},
            {"vision.preproc_split", true}};
  const auto hidden = static_cast<std::uint64_t>(s.hidden), ffn = static_cast<std::uint64_t>(s.ffn),
             patch = static_cast<std::uint64_t>(s.patch),
             grid = static_cast<std::uint64_t>(s.image / s.patch),
             scale = static_cast<std::uint64_t>(s.scale);
  Filler fill(c);
  auto linear = [&](const std::string& name, std::uint64_t n, std::uint64_t k) {
    fill.matrix(name + ".weight", type, {n, k});
    fill.vector(name + ".bias", n, 0);
  };
  auto norm = [&](const std::string& name) {
    fill.vector(name + ".weight", hidden, 1);
    fill.vector(name + ".bias", hidden, 0);
  };
  fill.matrix("v.patch_embd.weight", DType::f32, {hidden, 3, patch, patch});
  fill.vector("v.patch_embd.bias", hidden, 0);
  fill.matrix("v.position_embd.weight", DType::f32, {grid * grid, hidden});
  norm("v.post_ln");
  for (int i = 0; i < s.layers; ++i) {
    const std::string b = "v.blk." + std::to_string(i) + ".";
    norm(b + "ln1");
    norm(b + "ln2");
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_out"})
      linear(b + name, hidden, hidden);
    linear(b + "ffn_up", ffn, hidden);
    linear(b + "ffn_down", hidden, ffn);
  }
  fill.matrix("mm.model.fc.weight", type,
              {static_cast<std::uint64_t>(text_hidden), hidden * scale * scale});
  return c;
}

/// Bytes, then words nobody needs, then the family's control tokens at their places (spec §1.5).
std::string make_tokenizer(int vocab) {
  std::vector<std::pair<int, std::string>> special = {
      {0, "<|endoftext|>"}, {1, "<|im_start|>"}, {2, "<|im_end|>"}};
  if (vocab == 49280) {
    special.push_back({49152, "<global-img>"});
    for (int r = 0; r < 6; ++r)
      for (int c = 0; c < 6; ++c)
        special.push_back({49153 + r * 6 + c, "<row_" + std::to_string(r + 1) + "_col_" +
                                                  std::to_string(c + 1) + ">"});
    special.push_back({49189, "<fake_token_around_image>"});
    special.push_back({49190, "<image>"});
    special.push_back({49279, "<end_of_utterance>"});
  }
  std::string added, words;
  for (const auto& [id, text] : special)
    added += std::string(added.empty() ? "" : ",") + R"({"id":)" + std::to_string(id) +
             R"(,"content":")" + text + R"(","special":true})";
  std::size_t next_special = 0;
  int byte = 0;
  for (int id = 0; id < vocab; ++id) {
    if (next_special < special.size() && special[next_special].first == id) {
      ++next_special;
      continue;
    }
    std::string text = "word" + std::to_string(id);
    if (byte < 256) {
      text.clear();
      byte_level::encode(std::string(1, static_cast<char>(byte++)), text);
      if (text == "\"" || text == "\\") text = "\\" + text;
    }
    words += std::string(words.empty() ? "" : ",") + "\"" + text + "\":" + std::to_string(id);
  }
  return R"({"added_tokens":[)" + added +
         R"(],"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits",)"
         R"("individual_digits":true},{"type":"ByteLevel","add_prefix_space":false}]},)"
         R"("decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{)" +
         words + R"(},"merges":[]}})";
}

/// The family's template (spec §1.6).
constexpr const char* kChatTemplate =
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}"
    "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

std::vector<std::string> synthetic_names() {
  std::vector<std::string> names;
  for (const Row& row : kModels) names.push_back(row.name);
  return names;
}

std::vector<std::string> synthetic_types() {
  std::vector<std::string> names;
  for (const DTypeInfo& info : kDTypes) names.push_back(info.name);
  names.push_back(std::string(kMix));
  return names;
}

Result<ModelFiles> synthetic_model(std::string_view name_and_type) {
  const std::size_t colon = name_and_type.find(':');
  const std::string name(name_and_type.substr(0, colon));
  const std::string type_name(colon == std::string_view::npos ? ""
                                                              : name_and_type.substr(colon + 1));
  const Row* row = std::find_if(std::begin(kModels), std::end(kModels),
                                [&](const Row& r) { return name == r.name; });
  if (row == std::end(kModels))
    return bad_input("synthetic model \"" + name + "\": expected NAME:TYPE, NAME one of " +
                     joined(synthetic_names()));
  const bool mix = type_name == kMix;
  const auto type = mix ? DType::q4_k : dtype_from_name(type_name);
  if (!type)
    return bad_input("synthetic model " + name + ": type \"" + type_name + "\": expected one of " +
                     joined(synthetic_types()));

  ModelFiles files;
  files.name = files.path = std::string(name_and_type);
  // SmolLM2 ties its head to the embedding; the language half of SmolVLM does not (spec §1.3).
  files.text = make_text(files.name, row->text, !row->tower, *type, mix);
  if (row->tower)
    files.vision = make_tower(files.name, *row->tower, row->text.hidden,
                              is_quantised(*type) ? DType::q8_0 : *type);
  files.tokenizer_json = make_tokenizer(row->text.vocab);
  files.tokenizer_config =
      row->tower ? R"({"eos_token":"<end_of_utterance>"})" : R"({"eos_token":"<|im_end|>"})";
  if (row->tower) files.chat_template = kChatTemplate;
  return files;
}

}  // namespace hearth
