#include "models/llama.h"

namespace hearth {

Result<std::unique_ptr<TextModel>> load_llama(Loader& loader) {
  HEARTH_TRY(DecoderConfig config, read_decoder_config(loader.checkpoint()));
  return Decoder::load(std::move(config), loader);
}

}  // namespace hearth
