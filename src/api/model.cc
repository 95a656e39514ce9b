#include "hearth/model.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "api/embedded_model.h"
#include "api/impl.h"
#include "base/files.h"
#include "base/hash.h"
#include "kernels/pack.h"
#include "models/packed_cache.h"
#include "models/registry.h"
#include "models/synthetic.h"
#include "models/validate.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

/// Names near a mistyped one: files and directories beside it, and the embedded model.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t changed = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

Error no_such_model(const std::string& path) {
  fs::path parent = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  std::string wanted = fs::path(path).filename().string();
  std::vector<std::pair<std::size_t, std::string>> near;
  near.emplace_back(edit_distance(wanted, "nano"), "nano");
  std::error_code error;
  int looked_at = 0;
  for (fs::directory_iterator it(parent, error), end; !error && it != end && looked_at < 1000;
       it.increment(error), ++looked_at) {
    std::string name = it->path().filename().string();
    bool model = name.ends_with(".gguf") || fs::exists(it->path() / "config.json", error);
    if (!model) continue;
    std::string shown = fs::path(path).has_parent_path() ? it->path().string() : name;
    near.emplace_back(edit_distance(wanted, name), shown);
  }
  std::sort(near.begin(), near.end());
  std::string names;
  for (std::size_t i = 0; i < near.size() && i < 3; ++i) names += (i ? ", " : "") + near[i].second;
  return bad_input("no model \"" + path +
                   "\": expected a .gguf file, a Hugging Face directory or "
                   "\"nano\" (the embedded one); nearest: " +
                   names);
}

std::int64_t int_of(const Checkpoint& c, std::string_view key, std::int64_t fallback = 0) {
  auto value = c.int_or(key, fallback, INT64_MIN, INT64_MAX);
  return value ? *value : fallback;
}

/// Facts that need no weights.
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

/// Packed weights, before anything is packed.
std::uint64_t packed_bytes(const Checkpoint& c, bool f32) {
  std::uint64_t bytes = 0;
  const bool tied = !c.find("output.weight");  // then the embedding is the head's matrix too
  for (const auto& [name, tensor] : c.tensors) {
    if (tensor.shape.size() < 2 || (name == "token_embd.weight" && !tied)) continue;
    DType type = f32 && is_quantised(tensor.type) ? DType::f32 : tensor.type;
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
                                                 CpuOptions cpu) {
  std::unique_ptr<PackedCache> packed;
  const std::string folder = options.packed_cache.empty() && options.low_memory
                                 ? default_packed_folder().string()
                                 : options.packed_cache;
  if (folder.empty()) return packed;
  const auto open = [&] {
    return PackedCache::open({folder}, model.files.weight_files,
                             options.precision + "|" + options.vision_precision);
  };
  packed = open();
  if (!options.low_memory || packed->found() || model.files.weight_files.empty()) return packed;
  cpu.packed = packed.get();
  cpu.pack_only = true;
  model.ops = std::make_unique<CpuOps>(*model.engine->kernels, *model.engine->pool, cpu);
  HEARTH_TRY_STATUS(load_halves(model, options, {}));
  packed->finish();
  if (!packed->problem().empty())
    return bad_input("--low-memory needs a file for the packed weights: " + packed->problem());
  model.text.reset();
  model.vision.reset();
  return open();
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
  const bool f32 = options.precision == "f32";
  HEARTH_TRY(const std::unique_ptr<PackedCache> packed, open_packed(model, options, cpu_options));
  std::uint64_t weights = 0;  // pages of a packed file come and go as memory allows
  if (!packed || !packed->found()) {
    weights = packed_bytes(model.files.text, f32);
    if (model.files.vision)
      weights += packed_bytes(*model.files.vision, f32 || options.vision_precision == "f32");
  }
  HEARTH_TRY(model.info.context, choose_context(model.info, options, weights));

  CpuOptions cpu = cpu_options;
  cpu.packed = packed.get();
  model.ops = std::make_unique<CpuOps>(*model.engine->kernels, *model.engine->pool, cpu);
  double done = 0;
  const double total = static_cast<double>(model.info.file_bytes);
  auto report = [&](std::uint64_t bytes) {
    done += static_cast<double>(bytes);
    if (options.progress) options.progress({"loading", std::min(done, total), total});
  };
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

}  // namespace

Result<ModelFiles> open_files(const std::string& path, const std::string& mmproj) {
  constexpr std::string_view kSynthetic = "synthetic:";
  if (path.starts_with(kSynthetic)) return synthetic_model(path.substr(kSynthetic.size()));
  HEARTH_TRY(const PathKind kind, path_kind(path));
  if (kind != PathKind::none) return open_model_files(path, mmproj);
  if (path.empty() || path == "nano") {
    if (!mmproj.empty())
      return bad_input("--mmproj belongs to a model file; the embedded model has its own");
    return open_embedded("nano", embedded_text(), embedded_vision());
  }
  return no_such_model(path);
}

Result<KvType> kv_type_from(const std::string& name) {
  if (name == "f16") return KvType::f16;
  if (name == "f32") return KvType::f32;
  if (name == "q8_0") return KvType::q8_0;
  return bad_input("--kv-type: expected f16, f32 or q8_0, found \"" + name + "\"");
}

std::string default_packed_cache() { return default_packed_folder().string(); }

std::vector<PackedWeights> check_packed_cache(const std::string& folder) {
  std::vector<PackedWeights> out;
  for (PackedReport& report : check_packed_folder(folder))
    out.push_back({report.path.string(), report.bytes, std::move(report.problem)});
  return out;
}

Result<Model> Model::load(const Engine& engine, const LoadOptions& options) {
  return guarded([&]() -> Result<Model> {
    auto impl = std::make_shared<Impl>();
    impl->engine = engine.impl();
    std::lock_guard lock(impl->engine->computing);
    HEARTH_TRY_STATUS(load_into(*impl, options));
    return Model(std::move(impl));
  });
}

const ModelInfo& Model::info() const { return impl_->info; }
double Model::load_ms() const { return impl_->load_ms; }

const std::string& Model::sha256() const {
  std::call_once(impl_->hashed, [this] {
    // A pair's digest is that of its files' digests, one after another.
    std::string digests;
    for (const auto& path : impl_->files.weight_files)
      if (auto file = MappedFile::open(path)) digests += sha256_hex(file->bytes());
    for (auto bytes : impl_->files.embedded) digests += sha256_hex(bytes);
    impl_->sha256 = digests.size() == 64 ? digests : sha256_hex(std::as_bytes(std::span(digests)));
  });
  return impl_->sha256;
}

std::vector<std::int32_t> Model::tokenize(std::string_view text, bool literal,
                                          bool add_special) const {
  Tokenizer::Options options;
  options.parse_special = !literal;
  options.add_special = add_special;
  return impl_->tokenizer->encode(text, options);
}

std::string Model::piece(std::int32_t id) const { return impl_->tokenizer->piece(id); }

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

// ---- a tokenizer alone ----

struct TextTokenizer::Impl {
  Tokenizer tokenizer;
};

Result<TextTokenizer> TextTokenizer::load(const std::string& path) {
  return guarded([&]() -> Result<TextTokenizer> {
    auto wrap = [](Result<Tokenizer> tokenizer) -> Result<TextTokenizer> {
      if (!tokenizer) return tokenizer.error();
      TextTokenizer out;
      out.impl_ = std::make_shared<const Impl>(Impl{*std::move(tokenizer)});
      return out;
    };
    HEARTH_TRY(const PathKind kind, path_kind(path));
    if (path.empty() || (path == "nano" && kind == PathKind::none)) {
      HEARTH_TRY(gguf::File file, gguf::File::parse(embedded_text(), "nano"));
      return wrap(Tokenizer::from_gguf(file));
    }
    if (kind == PathKind::none) return no_such_model(path);
    fs::path json = path;
    if (kind == PathKind::directory) json /= "tokenizer.json";
    if (json.extension() == ".json") {
      HEARTH_TRY(std::string text, read_file(json, std::size_t{256} << 20));
      std::string config;
      fs::path beside = json.parent_path() / "tokenizer_config.json";
      HEARTH_TRY(const PathKind config_kind, path_kind(beside));
      if (config_kind != PathKind::none) {
        HEARTH_TRY(config, read_file(beside));
      }
      return wrap(Tokenizer::from_tokenizer_json(text, config, json.string()));
    }
    HEARTH_TRY(gguf::File file, gguf::File::open(path));
    return wrap(Tokenizer::from_gguf(file));
  });
}

std::vector<std::int32_t> TextTokenizer::encode(std::string_view text, bool parse_special,
                                                bool add_special) const {
  Tokenizer::Options options;
  options.parse_special = parse_special;
  options.add_special = add_special;
  return impl_->tokenizer.encode(text, options);
}

std::string TextTokenizer::piece(std::int32_t id) const { return impl_->tokenizer.piece(id); }

}  // namespace hearth
