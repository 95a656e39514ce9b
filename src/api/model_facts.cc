// What a model's files say about it, before any weight is loaded.
#include <cstdio>

#include "api/impl.h"
#include "kernels/kernels.h"
#include "models/validate.h"

namespace hearth {
namespace {

std::int64_t int_of(const Checkpoint& c, std::string_view key, std::int64_t fallback = 0) {
  auto value = c.int_or(key, fallback, INT64_MIN, INT64_MAX);
  return value ? *value : fallback;
}

}  // namespace

ModelInfo facts(const ModelFiles& files) {
  ModelInfo info;
  const Checkpoint& text = files.text;
  info.name = files.name;
  info.architecture = text.architecture;
  info.path = files.path;
  info.mmproj_path = files.mmproj_path;
  info.weight_types = text.weight_types();
  info.parameters = text.parameters();
  info.file_bytes = text.file_bytes + (files.vision ? files.vision->file_bytes : 0);
  info.layers = static_cast<int>(int_of(text, "block_count"));
  info.hidden = static_cast<int>(int_of(text, "embedding_length"));
  info.heads = static_cast<int>(int_of(text, "attention.head_count"));
  info.kv_heads = static_cast<int>(int_of(text, "attention.head_count_kv", info.heads));
  info.head_dim = static_cast<int>(
      int_of(text, "attention.key_length", info.heads > 0 ? info.hidden / info.heads : 0));
  info.trained_context = static_cast<int>(int_of(text, "context_length"));
  if (const StoredTensor* table = text.find("token_embd.weight"); table && !table->shape.empty())
    info.vocab = static_cast<int>(table->shape[0]);
  info.has_chat_template = !files.chat_template.empty();
  info.has_vision = files.vision.has_value();
  info.vision_problem = files.note;
  if (files.vision) {
    const Checkpoint& v = *files.vision;
    info.vision_parameters = v.parameters();
    info.weight_types += "; vision " + v.weight_types();
    info.tile_pixels = static_cast<int>(int_of(v, "vision.image_size"));
    info.longest_edge =
        static_cast<int>(int_of(v, "vision.preproc_image_size", 4 * info.tile_pixels));
    std::int64_t patch = int_of(v, "vision.patch_size"),
                 s = int_of(v, "vision.projector.scale_factor");
    if (patch > 0 && s > 0) {
      int side = static_cast<int>(info.tile_pixels / patch / s);
      info.tokens_per_tile = side * side;
    }
  }
  return info;
}

std::uint64_t kv_token_bytes(const ModelInfo& info, KvType type) {
  if (info.head_dim <= 0) return 0;
  return kernels::kv_half_page_bytes(type, info.head_dim) * 2 *
         static_cast<std::uint64_t>(info.kv_heads) * static_cast<std::uint64_t>(info.layers) /
         kernels::kPagePositions;
}

Result<ModelInfo> describe_model(const std::string& path, const std::string& mmproj) {
  return guarded([&]() -> Result<ModelInfo> {
    HEARTH_TRY(ModelFiles files, open_files(path, mmproj));
    // A vocabulary without tensors can be shown; a model must be one that loads.
    const bool model = !files.text.tensors.empty();
    if (model) HEARTH_TRY_STATUS(validate(files));
    ModelInfo info = facts(files);
    info.kv_bytes_per_token = kv_token_bytes(info, KvType::f16);
    auto tokenizer = files.tokenizer();
    if (model && !tokenizer) return tokenizer.error();
    info.tokenizer = tokenizer ? tokenizer->describe() : tokenizer.error().message;
    for (const auto& [key, value] : files.text.meta) {
      std::string shown;
      if (const auto* b = std::get_if<bool>(&value)) shown = *b ? "true" : "false";
      if (const auto* i = std::get_if<std::int64_t>(&value)) shown = std::to_string(*i);
      if (const auto* f = std::get_if<double>(&value)) {
        char digits[32];
        std::snprintf(digits, sizeof digits, "%g", *f);
        shown = digits;
      }
      if (const auto* s = std::get_if<std::string>(&value)) shown = *s;
      if (!shown.empty()) info.metadata.emplace_back(key, shown);
    }
    return info;
  });
}

}  // namespace hearth
