#include "debug/verbs.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/impl.h"
#include "base/files.h"
#include "formats/json.h"
#include "media/chat_template.h"
#include "media/vision_preprocess_report.h"
#include "models/validate.h"

namespace hearth::debug {
namespace {

/// Writes every f32 result as DIR/003-07-linears-0.npy.
void dump_into(const std::string& dir, Trace& trace) {
  trace.on_event([dir, &trace](const Trace::Event& e) {
    if (e.output.dtype != Elem::f32) return;
    const std::vector<float> values = trace.read(e.output);
    const std::size_t shape[] = {static_cast<std::size_t>(e.output.rows),
                                 static_cast<std::size_t>(e.output.cols)};
    auto name = fmt::format("{:03}-{:02}-{}-{}.npy", e.layer, e.index, e.op, e.part);
    // A failed write shows as a missing file; the result itself does not depend on it.
    (void)write_npy(std::filesystem::path(dir) / name, shape, values);
  });
}

void print_times(Console& console, const Trace& trace) {
  for (const Trace::Total& total : trace.totals())
    console.stats(
        fmt::format("{:<14} {:>7} calls {:>10.3f} ms", total.op, total.calls, total.seconds * 1e3));
}

std::size_t argmax(std::span<const float> row) {
  return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

}  // namespace

Status logits(Console& console, const LogitsWishes& wishes) {
  if (!wishes.features.empty() && !wishes.images.empty())
    return bad_input("--features and --image exclude each other");
  const bool look = !wishes.images.empty();
  HEARTH_TRY(auto bench, Workbench::open(wishes.setup,
                                         look ? Workbench::Halves::both : Workbench::Halves::text));
  HEARTH_TRY(const auto tokens, parse_tokens(wishes.tokens, bench->text().shape().vocab));
  FeatureRows rows;
  if (look) {
    HEARTH_TRY(auto values, bench->encode(wishes.images));
    HEARTH_TRY(rows, bench->place(tokens, std::move(values)));
  } else if (!wishes.features.empty()) {
    HEARTH_TRY(NpyArray given, read_npy(wishes.features));
    HEARTH_TRY(rows, bench->place(tokens, std::move(given.data)));
  }
  bench->trace().restart();
  if (!wishes.dump.empty()) {
    std::error_code error;
    std::filesystem::create_directories(wishes.dump, error);
    if (error) return failed(wishes.dump + ": " + error.message());
    dump_into(wishes.dump, bench->trace());
  }
  HEARTH_TRY(const auto values, bench->logits(tokens, rows));
  if (wishes.times) print_times(console, bench->trace());
  const std::size_t shape[] = {tokens.size(),
                               static_cast<std::size_t>(bench->text().shape().vocab)};
  return write_npy(wishes.out, shape, values);
}

Status features(Console& console, const FeaturesWishes& wishes) {
  if (wishes.pixels.empty() == wishes.images.empty())
    return bad_input("expected either --pixels or --image");
  HEARTH_TRY(auto bench, Workbench::open(wishes.setup, Workbench::Halves::vision));
  NpyArray out;
  if (!wishes.pixels.empty()) {
    HEARTH_TRY(const NpyArray pixels, read_npy(wishes.pixels));
    HEARTH_TRY(out, bench->encode(pixels));
  } else {
    HEARTH_TRY(out.data, bench->encode(wishes.images));
    const VisionShape& shape = bench->vision().shape();
    const auto tokens = static_cast<std::size_t>(shape.tokens_per_tile);
    const auto width = static_cast<std::size_t>(shape.width);
    out.shape = {out.data.size() / (tokens * width), tokens, width};
  }
  if (wishes.times) print_times(console, bench->trace());
  return write_npy(wishes.out, out.shape, out.data);
}

Status preprocess(Console& console, const PreprocessWishes& wishes) {
  VisionPreprocess config;
  if (!wishes.model.empty()) {
    HEARTH_TRY(const ModelFiles files, open_files(wishes.model, wishes.mmproj));
    HEARTH_TRY(const VisionShape shape, vision_shape(files));
    config = shape.preprocess;
  } else if (wishes.longest_edge == 0 || wishes.tile == 0) {
    return bad_input("expected --model, or --longest-edge and --tile");
  }
  if (wishes.longest_edge > 0) config.longest_edge = wishes.longest_edge;
  if (wishes.tile > 0) config.tile = wishes.tile;
  if (wishes.mode != "hf_pil" && wishes.mode != "hf_torchvision")
    return bad_input("--preprocess: expected hf_pil or hf_torchvision, found \"" + wishes.mode +
                     "\"");
  config.mode = wishes.mode == "hf_pil" ? PreprocessMode::hf_pil : PreprocessMode::hf_torchvision;
  config.no_upscale = wishes.no_upscale;
  config.max_tiles = wishes.global_only ? 0 : wishes.max_tiles;
  HEARTH_TRY(const Image image, load_image(wishes.image));
  console.line(preprocess_report(image, config).dump(wishes.json ? -1 : 1));
  return {};
}

Status render_template(Console& console, const TemplateWishes& wishes) {
  HEARTH_TRY(const std::string source, read_file(wishes.file));
  HEARTH_TRY(const std::string text, read_file(wishes.input));
  HEARTH_TRY(Json variables, parse_json(text, wishes.input));
  if (!variables.is_object())
    return bad_input(wishes.input + ": expected an object, found " + variables.type_name());
  // transformers passes these always.
  for (const char* name : {"tools", "documents"})
    if (!variables.contains(name)) variables[name] = nullptr;
  const auto parsed = ChatTemplate::parse(source);
  if (!parsed) return about(wishes.file, parsed.error());
  const auto rendered = parsed->render(variables);
  if (!rendered) return about(wishes.file, rendered.error());
  console.print(rendered->text);
  return {};
}

Status compare(Console& console, const CompareWishes& wishes) {
  HEARTH_TRY(const NpyArray a, read_npy(wishes.a));
  HEARTH_TRY(const NpyArray b, read_npy(wishes.b));
  if (a.data.size() != b.data.size())
    return bad_input(fmt::format("{} has {} values, {} has {}", wishes.a, a.data.size(), wishes.b,
                                 b.data.size()));
  const Difference d = difference(a.data, b.data);
  Json report = {{"nmse", d.nmse}, {"max_abs", d.max_abs}};
  if (b.shape.size() > 1 && b.shape.back() > 0) {
    const std::size_t width = b.shape.back(), rows = b.data.size() / width;
    std::size_t agree = 0;
    for (std::size_t r = 0; r < rows; ++r)
      agree += argmax(std::span(a.data).subspan(r * width, width)) ==
               argmax(std::span(b.data).subspan(r * width, width));
    report["rows"] = rows;
    report["argmax_equal"] = agree;
  }
  console.line(report.dump());
  if (wishes.limit >= 0 && !(d.nmse <= wishes.limit))
    return failed(fmt::format("{} and {}: NMSE {:.3g}, expected at most {:.3g}", wishes.a, wishes.b,
                              d.nmse, wishes.limit));
  return {};
}

}  // namespace hearth::debug
