// The JSON of report.h, apart from it because nlohmann/json takes seconds to compile.
#include <nlohmann/json.hpp>

#include "hearth/bench.h"
#include "hearth/report.h"

namespace hearth::cli {
namespace {

using Json = nlohmann::ordered_json;

/// One line. Bytes that are no UTF-8 (a piece may be half a character) become U+FFFD.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string answer_json(const Engine& engine, const Model& model, const RunOptions& options,
                        const Answer& answer) {
  const auto& usage = answer.usage;
  const auto& times = answer.timings;
  Json json;
  json["text"] = answer.text;
  json["token_ids"] = answer.token_ids;
  json["stop_reason"] = answer.stop_reason;
  json["usage"] = {{"prompt_tokens", usage.prompt_tokens},
                   {"image_tokens", usage.image_tokens},
                   {"completion_tokens", usage.completion_tokens}};
  json["timings"] = {{"load_ms", model.load_ms()},
                     {"image_ms", times.image_ms},
                     {"prompt_ms", times.prompt_ms},
                     {"decode_ms", times.decode_ms},
                     {"prompt_per_second", prompt_per_second(answer)},
                     {"decode_per_second", decode_per_second(answer)}};
  json["peak_rss_bytes"] = peak_rss_bytes();
  json["receipt"] = {{"model_sha256", model.sha256()},
                     {"hearth", version()},
                     {"isa", engine.isa()},
                     {"precision", options.load.precision},
                     {"vision_precision", options.load.vision_precision},
                     {"preprocess", options.answer.pictures.preprocess},
                     {"seed", options.answer.sampling.seed}};
  return dump(json);
}

std::string model_json(const ModelInfo& info) {
  Json json = {{"name", info.name},
               {"architecture", info.architecture},
               {"path", info.path},
               {"mmproj", info.mmproj_path},
               {"weight_types", info.weight_types},
               {"parameters", info.parameters},
               {"vision_parameters", info.vision_parameters},
               {"file_bytes", info.file_bytes},
               {"layers", info.layers},
               {"hidden", info.hidden},
               {"heads", info.heads},
               {"kv_heads", info.kv_heads},
               {"head_dim", info.head_dim},
               {"vocab", info.vocab},
               {"trained_context", info.trained_context},
               {"kv_bytes_per_token", info.kv_bytes_per_token},
               {"tokenizer", info.tokenizer},
               {"has_chat_template", info.has_chat_template},
               {"has_vision", info.has_vision}};
  if (info.context > 0) json["context"] = info.context;  // known once it is loaded
  if (info.has_vision)
    json["vision"] = {{"tile_pixels", info.tile_pixels},
                      {"tokens_per_tile", info.tokens_per_tile},
                      {"longest_edge", info.longest_edge}};
  Json facts = Json::object();
  for (const auto& [name, value] : info.metadata) facts[name] = value;
  json["metadata"] = std::move(facts);
  return dump(json);
}

std::string tokens_json(const std::vector<std::int32_t>& ids,
                        const std::vector<std::string>& pieces) {
  return dump(Json{{"ids", ids}, {"pieces", pieces}});
}

}  // namespace hearth::cli
