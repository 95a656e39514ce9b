#include "models/llama.h"

namespace hearth {

Result<std::unique_ptr<TextModel>> load_llama(Loader& loader) {
  HEARTH_TRY(DecoderConfig config, read_decoder_config(loader.checkpoint()));
  const std::string& family = loader.checkpoint().architecture;
  config.qkv_bias = family == "qwen2";
  config.qk_norms = family == "qwen3";
  return Decoder::load(std::move(config), loader);
}

}  // namespace hearth
