// Loading: whether a model fits and with how much context, how it is computed, where its packed
// weights come from.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "api/impl.h"
#include "kernels/pack.h"
#include "models/packed_cache.h"
#include "models/registry.h"
#include "models/validate.h"

namespace hearth {
namespace {

/// Packed weights, before anything is packed: those of 16 bits and more as `floats`, and with
/// `wide` the quantised ones as f32.
std::uint64_t packed_bytes(const Checkpoint& c, bool wide, std::optional<DType> floats) {
  std::uint64_t bytes = 0;
  const bool tied = !c.find("output.weight");  // then the embedding is the head's matrix too
  for (const auto& [name, tensor] : c.tensors) {
    if (tensor.shape.size() < 2 || (name == "token_embd.weight" && !tied)) continue;
    DType type = tensor.type;
    if (!is_quantised(type))
      type = floats.value_or(type);
    else if (wide)
      type = DType::f32;
    std::uint64_t k = tensor.elements() / tensor.shape[0];
    bytes += kernels::panel_bytes(type, static_cast<std::int64_t>(k)) *
             ((tensor.shape[0] + kernels::kPanelRows - 1) / kernels::kPanelRows);
  }
  return bytes;
}

std::string gigabytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GB", static_cast<double>(bytes) * 1e-9);
  return text;
}

/// The context to give, and whether model and cache fit at all.
Result<int> choose_context(const ModelInfo& info, const LoadOptions& options,
                           std::uint64_t weights) {
  const std::uint64_t free = available_memory();
  const std::uint64_t each = std::max<std::uint64_t>(info.kv_bytes_per_token, 1);
  std::int64_t context = options.context;
  if (context == 0) {
    context = std::min<std::int64_t>(info.trained_context > 0 ? info.trained_context : 2048, 8192);
    if (free > 0)
      context = std::min<std::int64_t>(context, static_cast<std::int64_t>(free / 4 / each));
    context = std::max<std::int64_t>(context, 64);
  }
  const std::uint64_t fixed = weights + (std::uint64_t{64} << 20);
  const std::uint64_t needed = fixed + static_cast<std::uint64_t>(context) * each;
  if (free > 0 && needed > free && !options.force) {
    // What would help: a shorter context where the weights alone fit, smaller weights where these
    // take more than five bits each.
    std::string advice;
    const std::uint64_t rest = free > fixed ? free - fixed : 0;
    if (const std::uint64_t fits = rest / each / 256 * 256; fits > 0)
      advice = "--ctx " + std::to_string(std::min<std::uint64_t>(fits, 2048));
    if (info.file_bytes * 8 > info.parameters * 5)
      advice += (advice.empty() ? "" : " or ") + std::string("a Q4 file");
    if (advice.empty()) advice = "a smaller model";
    return bad_input(info.name + ": needs " + gigabytes(needed) + ", " + gigabytes(free) +
                     " free: try " + advice + " (--force tries anyway)");
  }
  return static_cast<int>(context);
}

/// As --precision says it.
Result<CpuOptions> cpu_options_of(const LoadOptions& options, const Engine::Impl& engine) {
  CpuOptions cpu;
  if (options.precision == "auto") return cpu;
  if (options.precision == "f32") {
    cpu.quantised_activations = false;
  } else if (options.precision != "bf16") {
    return bad_input("--precision: expected auto, f32 or bf16, found \"" + options.precision +
                     "\"");
  } else if (!engine.kernels->has_bf16) {
    return bad_input(std::string("--precision bf16: ") + engine.kernels->isa +
                     " has no products of bfloat16 here (AVX512_BF16)");
  } else {
    cpu.bf16 = true;
  }
  return cpu;
}

/// Both halves' weights into model.ops.
Status load_halves(Model::Impl& model, const LoadOptions& options, const Loader::Report& report) {
  Loader text_loader(*model.ops, model.files.text, report);
  HEARTH_TRY(model.text, load_text_model(text_loader));
  if (!model.files.vision) return {};
  Loader vision_loader(*model.ops, *model.files.vision, report);
  HEARTH_TRY_STATUS(vision_loader.choose_tower(options.vision_precision));
  HEARTH_TRY(model.vision, load_vision_model(vision_loader, model.text->shape().hidden));
  return {};
}

void finish_packed(PackedCache& packed, const Engine::Impl& engine) {
  packed.finish();
  if (!packed.problem().empty())
    engine.log(LogLevel::warning, "packed weights are not kept: " + packed.problem());
}

/// Where the packed weights lie or shall lie; null where they are not to be kept. With low_memory
/// they lie there: a first pass over the model has put them, one weight in memory at a time.
Result<std::unique_ptr<PackedCache>> open_packed(Model::Impl& model, const LoadOptions& options,
                                                 CpuOptions cpu, const Loader::Report& report) {
  std::unique_ptr<PackedCache> packed;
  const std::string folder = options.packed_cache.empty() && options.low_memory
                                 ? default_packed_folder().string()
                                 : options.packed_cache;
  if (folder.empty()) {
    if (options.low_memory && !model.files.weight_files.empty())
      return bad_input(
          "--low-memory needs a folder for packed weights: neither XDG_CACHE_HOME nor "
          "HOME names one");
    return packed;
  }
  const auto open = [&] {
    return PackedCache::open({folder}, model.files.weight_files,
                             options.precision + "|" + options.vision_precision);
  };
  packed = open();
  if (!options.low_memory || packed->found() || model.files.weight_files.empty()) return packed;
  cpu.packed = packed.get();
  cpu.pack_only = true;
  model.ops = std::make_unique<CpuOps>(*model.engine->kernels, *model.engine->pool, cpu);
  HEARTH_TRY_STATUS(load_halves(model, options, report));
  packed->finish();
  if (!packed->problem().empty())
    return bad_input("--low-memory needs a file for the packed weights: " + packed->problem());
  model.text.reset();
  model.vision.reset();
  return open();
}

}  // namespace

Result<KvType> kv_type_from(const std::string& name) {
  if (name == "f16") return KvType::f16;
  if (name == "f32") return KvType::f32;
  if (name == "q8_0") return KvType::q8_0;
  return bad_input("--kv-type: expected f16, f32 or q8_0, found \"" + name + "\"");
}

Status load_into(Model::Impl& model, const LoadOptions& options) {
  auto started = std::chrono::steady_clock::now();
  HEARTH_TRY(model.files, open_files(options.path, options.mmproj));
  HEARTH_TRY(model.kv_type, kv_type_from(options.kv_type));
  HEARTH_TRY(const CpuOptions cpu_options, cpu_options_of(options, *model.engine));
  if (options.context < 0 || options.context > (1 << 24))
    return bad_input("--ctx: expected 0 to 16777216, found " + std::to_string(options.context));
  // Broken numbers are told before any of them goes into "needs … GB".
  HEARTH_TRY_STATUS(validate(model.files));
  model.info = facts(model.files);
  model.info.kv_bytes_per_token = kv_token_bytes(model.info, model.kv_type);
  double done = 0;
  const double total = static_cast<double>(model.info.file_bytes);
  const auto report = [&](std::uint64_t bytes) {
    done += static_cast<double>(bytes);
    if (options.progress) options.progress({"loading", std::min(done, total), total});
  };
  // What cannot fit is told before gigabytes are written.
  if (options.low_memory) HEARTH_TRY_STATUS(choose_context(model.info, options, 0));
  HEARTH_TRY(const std::unique_ptr<PackedCache> packed,
             open_packed(model, options, cpu_options, report));
  done = 0;
  std::uint64_t weights = 0;  // pages of a packed file come and go as memory allows
  if (!packed || !packed->found()) {
    const bool f32 = options.precision == "f32";
    const auto floats = cpu_options.bf16 ? std::optional(DType::bf16) : std::nullopt;
    weights = packed_bytes(model.files.text, f32, floats);
    if (model.files.vision)
      weights += packed_bytes(
          *model.files.vision, f32 || options.vision_precision == "f32",
          options.vision_precision == "int8" && !f32 ? std::optional(DType::q8_0) : floats);
  }
  HEARTH_TRY(model.info.context, choose_context(model.info, options, weights));

  CpuOptions cpu = cpu_options;
  cpu.packed = packed.get();
  model.ops = std::make_unique<CpuOps>(*model.engine->kernels, *model.engine->pool, cpu);
  HEARTH_TRY(model.tokenizer, model.files.tokenizer());
  if (!model.files.chat_template.empty()) {
    auto parsed = ChatTemplate::parse(model.files.chat_template);
    if (!parsed) return about(model.files.path, parsed.error());
    model.chat_template = *std::move(parsed);
  }
  HEARTH_TRY_STATUS(load_halves(model, options, report));
  if (packed) finish_packed(*packed, *model.engine);
  if (options.progress) options.progress({"loading", total, total});
  model.info.tokenizer = model.tokenizer->describe();
  model.load_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count();
  return {};
}

}  // namespace hearth
