#include "debug/workbench.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "api/impl.h"
#include "models/registry.h"
#include "tasks/kv_cache.h"

namespace hearth::debug {
namespace {

std::string shape_text(std::span<const std::size_t> shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

}  // namespace

std::pair<std::string, std::string> split_isa(const std::string& model) {
  const char* variable = std::getenv("HEARTH_ISA");
  const std::size_t at = model.rfind('@');
  if (at != std::string::npos) {
    const std::string isa = model.substr(at + 1);
    for (const char* known : {"reference", "avx2", "avx512", "neon"})
      if (isa == known) return {model.substr(0, at), isa};
  }
  return {model, variable ? variable : ""};
}

Result<std::unique_ptr<Workbench>> Workbench::open(const Setup& setup, Halves halves) {
  std::unique_ptr<Workbench> bench(new Workbench);
  auto [path, isa] = split_isa(setup.model);
  const kernels::KernelTable* kernels = kernels::find_kernels(isa.c_str());
  if (!kernels) return bad_input("isa \"" + isa + "\" is not in this build or this processor");
  if (setup.precision != "auto" && setup.precision != "f32")
    return bad_input("--precision: expected auto or f32, found \"" + setup.precision + "\"");
  HEARTH_TRY(bench->kv_type_, kv_type_from(setup.kv_type));
  HEARTH_TRY(bench->files_, open_files(path, setup.mmproj));
  bench->pool_ =
      std::make_unique<ThreadPool>(setup.threads > 0 ? setup.threads : default_threads());
  // An int8 tower is asked for by name, also where the rest shall be f32.
  const bool eight_bit = setup.precision != "f32" || setup.vision_precision == "int8";
  bench->ops_ = std::make_unique<CpuOps>(*kernels, *bench->pool_, CpuOptions{eight_bit});
  bench->trace_ = std::make_unique<Trace>(*bench->ops_);
  if (halves != Halves::vision) {
    Loader loader(*bench->trace_, bench->files_.text);
    HEARTH_TRY(bench->text_, load_text_model(loader));
  }
  if (halves != Halves::text) {
    if (!bench->files_.vision)
      return bad_input(path + ": has no vision half (give it with --mmproj)");
    HEARTH_TRY(auto hidden, bench->files_.text.require_int("embedding_length", 1, 1 << 20));
    Loader loader(*bench->trace_, *bench->files_.vision);
    HEARTH_TRY_STATUS(loader.choose_tower(setup.vision_precision));
    HEARTH_TRY(bench->vision_, load_vision_model(loader, static_cast<int>(hidden)));
  }
  return bench;
}

Result<FeatureRows> Workbench::place(const std::vector<TokenId>& tokens,
                                     std::vector<float> values) const {
  HEARTH_TRY(const Tokenizer tokenizer, files_.tokenizer());
  const auto image = tokenizer.find("<image>");
  if (!image) return bad_input(files_.path + ": the vocabulary has no <image>");
  FeatureRows out;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] == *image) out.rows.push_back(static_cast<std::int32_t>(i));
  const auto hidden = static_cast<std::size_t>(text_->shape().hidden);
  if (values.size() != out.rows.size() * hidden)
    return bad_input("--tokens holds <image> (" + std::to_string(*image) + ") " +
                     std::to_string(out.rows.size()) + " times: expected as many feature rows of " +
                     std::to_string(hidden) + " values, found " + std::to_string(values.size()) +
                     " values");
  out.values = std::move(values);
  return out;
}

Result<std::vector<float>> Workbench::logits(const std::vector<TokenId>& tokens,
                                             const FeatureRows& features) {
  constexpr std::size_t kRows = 256;
  const TextShape& shape = text_->shape();
  const auto hidden = static_cast<std::size_t>(shape.hidden);
  KvCache cache(*trace_, {kv_type_, shape.layers, shape.kv_heads, shape.head_dim},
                static_cast<int>(tokens.size()));
  std::vector<float> all;
  std::size_t placed = 0;
  for (std::size_t first = 0; first < tokens.size(); first += kRows) {
    const std::size_t count = std::min(kRows, tokens.size() - first);
    Batch batch;
    batch.tokens.assign(tokens.begin() + static_cast<std::ptrdiff_t>(first),
                        tokens.begin() + static_cast<std::ptrdiff_t>(first + count));
    std::vector<Cell> cells;
    for (TokenId token : batch.tokens) cells.push_back({token, 0});
    batch.rows = cache.append(cells);
    const std::size_t before = placed;
    for (; placed < features.rows.size() &&
           static_cast<std::size_t>(features.rows[placed]) < first + count;
         ++placed)
      batch.feature_rows.push_back(features.rows[placed] - static_cast<std::int32_t>(first));
    batch.features =
        std::span(features.values).subspan(before * hidden, (placed - before) * hidden);
    for (std::size_t i = 0; i < count; ++i)
      batch.logit_rows.push_back(static_cast<std::int32_t>(i));
    Scope scope = trace_->scope();
    HEARTH_TRY(Tensor out, text_->forward(*trace_, batch, cache.pool()));
    const std::vector<float> rows = trace_->read(out);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

Result<std::vector<float>> Workbench::encode(const std::vector<std::string>& pictures) {
  std::vector<PictureSource> sources;
  for (const std::string& path : pictures) sources.push_back({path, ""});
  FeatureCache cache;
  HEARTH_TRY(auto encoded,
             encode_pictures(*trace_, *vision_, sources, vision_->shape().preprocess, cache));
  std::vector<float> rows;
  for (const auto& picture : encoded)
    for (const Picture::Tile& tile : picture->tiles)
      rows.insert(rows.end(), tile.features->begin(), tile.features->end());
  return rows;
}

Result<NpyArray> Workbench::encode(const NpyArray& pixels) {
  const VisionShape& shape = vision_->shape();
  const auto side = static_cast<std::size_t>(shape.tile);
  std::vector<std::size_t> tile = pixels.shape;
  const std::size_t n = tile.size() == 4 ? tile[0] : 1;
  if (tile.size() == 4) tile.erase(tile.begin());
  if (tile != std::vector<std::size_t>{3, side, side})
    return bad_input("--pixels: expected shape [n, 3, " + std::to_string(side) + ", " +
                     std::to_string(side) + "], found " + shape_text(pixels.shape));
  NpyArray out;
  out.shape = {n, static_cast<std::size_t>(shape.tokens_per_tile),
               static_cast<std::size_t>(shape.width)};
  if (pixels.shape.size() == 3) out.shape.erase(out.shape.begin());
  const std::size_t size = 3 * side * side;
  for (std::size_t i = 0; i < n; ++i) {
    HEARTH_TRY(auto rows, vision_->encode(*trace_, std::span(pixels.data).subspan(i * size, size)));
    out.data.insert(out.data.end(), rows.begin(), rows.end());
  }
  return out;
}

Difference difference(std::span<const float> values, std::span<const float> target) {
  double error = 0, energy = 0;
  Difference out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double d = static_cast<double>(values[i]) - target[i];
    error += d * d;
    energy += static_cast<double>(target[i]) * target[i];
    // A NaN on one side only is a difference without bound.
    const double size = std::isnan(d) ? INFINITY : std::fabs(d);
    out.max_abs = std::max(out.max_abs, size);
  }
  out.nmse = error == 0 ? 0 : error / energy;
  if (std::isnan(out.nmse)) out.nmse = INFINITY;
  return out;
}

Result<std::vector<TokenId>> parse_tokens(const std::string& text, int vocab) {
  std::vector<TokenId> tokens;
  const char *at = text.data(), *end = at + text.size();
  while (at < end) {
    TokenId id = -1;
    auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc() || (next < end && *next != ',') || next + 1 == end)
      return bad_input("--tokens: expected ids like 1,2,3, found \"" + text + "\"");
    if (id < 0 || id >= vocab)
      return bad_input("--tokens: expected ids from 0 to " + std::to_string(vocab - 1) +
                       ", found " + std::to_string(id));
    tokens.push_back(id);
    at = next + 1;
  }
  if (tokens.empty()) return bad_input("--tokens: expected ids like 1,2,3, found nothing");
  return tokens;
}

}  // namespace hearth::debug
