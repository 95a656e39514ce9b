#include "models/registry.h"

#include "formats/quote.h"
#include "models/gemma3.h"
#include "models/llama.h"
#include "models/smolvlm.h"

namespace hearth {
namespace {

struct TextRow {
  const char* architecture;
  Result<std::unique_ptr<TextModel>> (*load)(Loader&);
};
constexpr TextRow kTextModels[] = {
    {"llama", load_llama},
    {"qwen2", load_llama},
    {"qwen3", load_llama},
    {"gemma3", load_gemma3},
};

struct VisionRow {
  const char* projector;
  Result<std::unique_ptr<VisionModel>> (*load)(Loader&, int text_hidden);
};
constexpr VisionRow kVisionModels[] = {
    {"idefics3", load_smolvlm_vision},
};

}  // namespace

std::vector<std::string> known_architectures() {
  std::vector<std::string> names;
  for (const TextRow& row : kTextModels) names.push_back(row.architecture);
  return names;
}

Result<std::unique_ptr<TextModel>> load_text_model(Loader& loader) {
  const Checkpoint& c = loader.checkpoint();
  std::string known;
  for (const TextRow& row : kTextModels) {
    if (c.architecture == row.architecture) return row.load(loader);
    known += std::string(known.empty() ? "" : ", ") + row.architecture;
  }
  return bad_input(c.where + ": unknown architecture " + quote_name(c.architecture) +
                   " (known: " + known + ")");
}

Result<std::unique_ptr<VisionModel>> load_vision_model(Loader& loader, int text_hidden) {
  const Checkpoint& c = loader.checkpoint();
  HEARTH_TRY(std::string projector, c.string_or("projector_type", ""));
  if (projector.empty()) {
    HEARTH_TRY(projector, c.string_or("vision.projector_type", ""));
  }
  std::string known;
  for (const VisionRow& row : kVisionModels) {
    if (projector == row.projector) return row.load(loader, text_hidden);
    known += std::string(known.empty() ? "" : ", ") + row.projector;
  }
  return bad_input(c.where + ": unknown vision projector " + quote_name(projector) +
                   " (known: " + known + ")");
}

}  // namespace hearth
