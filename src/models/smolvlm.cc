#include "models/smolvlm.h"

#include "models/siglip.h"

namespace hearth {
namespace {

class SmolVlmVision final : public VisionModel {
 public:
  SmolVlmVision(Siglip tower, Linear connector, int scale, VisionShape shape)
      : tower_(std::move(tower)),
        connector_(std::move(connector)),
        scale_(scale),
        shape_(std::move(shape)) {}

  const VisionShape& shape() const override { return shape_; }

  Result<std::vector<float>> encode(Ops& ops, std::span<const float> pixels) const override {
    Scope scope = ops.scope();
    Tensor image = ops.upload(pixels, 1, static_cast<std::int64_t>(pixels.size()));
    HEARTH_TRY(Tensor h, tower_.forward(ops, image));
    Tensor shuffled =
        ops.pixel_shuffle(h, tower_.config().grid(), scale_, ops.activation_for({&connector_}));
    return ops.read(ops.linear(shuffled, connector_));  // [tokens, text hidden]
  }

  // transformers' processing_smolvlm expands on the string, before tokenising, so that the last
  // row's line end and the next one merge into one token (spec §2.6).
  std::string prompt(const TilePlan& plan) const override {
    std::string images;
    for (int i = 0; i < shape_.tokens_per_tile; ++i) images += "<image>";
    const std::string fake = "<fake_token_around_image>";
    std::string text;
    for (int r = 1; r <= plan.rows; ++r) {
      for (int c = 1; c <= plan.cols; ++c)
        text += fake + "<row_" + std::to_string(r) + "_col_" + std::to_string(c) + ">" + images;
      text += "\n";
    }
    if (plan.rows > 0) text += "\n";
    return text + fake + "<global-img>" + images + fake;
  }

 private:
  Siglip tower_;
  Linear connector_;
  int scale_;
  VisionShape shape_;
};

Result<std::vector<double>> three_floats(const Checkpoint& c, std::string_view key) {
  auto it = c.meta.find(key);
  if (it == c.meta.end()) return std::vector<double>{0.5, 0.5, 0.5};
  const auto* values = std::get_if<std::vector<double>>(&it->second);
  if (!values || values->size() != 3)
    return bad_input(c.where + ": " + std::string(key) + ": expected 3 floats");
  for (double v : *values) {
    if (!(v >= -1e6 && v <= 1e6))
      return bad_input(c.where + ": " + std::string(key) + ": expected finite floats");
  }
  return *values;
}

}  // namespace

Result<std::unique_ptr<VisionModel>> load_smolvlm_vision(Loader& loader, int text_hidden) {
  const Checkpoint& c = loader.checkpoint();
  HEARTH_TRY(Siglip tower, Siglip::load(loader));
  const SiglipConfig& t = tower.config();
  HEARTH_TRY(auto scale, c.require_int("vision.projector.scale_factor", 1, t.grid()));
  if (t.grid() % scale != 0) {
    return bad_input(c.where + ": scale_factor " + std::to_string(scale) +
                     " does not divide the grid of " + std::to_string(t.grid()) + " patches");
  }
  HEARTH_TRY(auto width, c.int_or("vision.projection_dim", text_hidden, 1, 1 << 20));
  if (width != text_hidden) {
    return bad_input(c.where + ": projection_dim: expected the text model's width " +
                     std::to_string(text_hidden) + ", found " + std::to_string(width));
  }
  Linear connector = loader.linear("mm.model.fc", text_hidden,
                                   static_cast<std::int64_t>(t.hidden) * scale * scale);
  HEARTH_TRY_STATUS(loader.status());

  VisionShape shape;
  shape.tile = t.image;
  const int side = t.grid() / static_cast<int>(scale);
  shape.tokens_per_tile = side * side;
  shape.width = text_hidden;
  // Old files lack the size; 4 tiles is what every published model uses (spec §2.7).
  HEARTH_TRY(auto longest, c.int_or("vision.preproc_image_size", 4 * t.image, 1, 1 << 15));
  HEARTH_TRY(auto split, c.bool_or("vision.preproc_split", longest > t.image));
  HEARTH_TRY(auto mean, three_floats(c, "vision.image_mean"));
  HEARTH_TRY(auto deviation, three_floats(c, "vision.image_std"));
  shape.preprocess.longest_edge = static_cast<int>(longest);
  shape.preprocess.tile = t.image;
  shape.preprocess.split = split;
  for (std::size_t i = 0; i < 3; ++i) {
    if (deviation[i] == 0) return bad_input(c.where + ": vision.image_std holds 0");
    shape.preprocess.mean[i] = static_cast<float>(mean[i]);
    shape.preprocess.std[i] = static_cast<float>(deviation[i]);
  }
  HEARTH_TRY_STATUS(validate(shape.preprocess, c.where));
  return std::unique_ptr<VisionModel>(std::make_unique<SmolVlmVision>(
      std::move(tower), std::move(connector), static_cast<int>(scale), std::move(shape)));
}

}  // namespace hearth
