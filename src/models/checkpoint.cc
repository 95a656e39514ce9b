#include "models/checkpoint.h"

#include <algorithm>
#include <cmath>

#include "base/files.h"
#include "formats/json.h"

namespace hearth {
namespace fs = std::filesystem;

std::uint64_t StoredTensor::elements() const {
  std::uint64_t n = 1;
  for (std::uint64_t d : shape) n *= d;
  return n;
}

// ---- typed getters ----

namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

const char* kind_of(const MetaValue& value) {
  static constexpr const char* kNames[] = {"a boolean", "an integer", "a float",
                                           "a string",  "an array",   "an array"};
  return kNames[value.index()];
}

Error wrong_type(const Checkpoint& c, std::string_view key, const char* expected,
                 const MetaValue& found) {
  return bad_input(c.where + ": " + c.architecture + "." + std::string(key) + ": expected " +
                   expected + ", found " + kind_of(found));
}

Error missing(const Checkpoint& c, std::string_view key) {
  return bad_input(c.where + ": " + c.architecture + "." + std::string(key) + " is missing");
}

}  // namespace

Result<std::int64_t> Checkpoint::require_int(std::string_view key, std::int64_t min,
                                             std::int64_t max) const {
  auto it = meta.find(key);
  if (it == meta.end()) return missing(*this, key);
  const auto* value = std::get_if<std::int64_t>(&it->second);
  if (!value) return wrong_type(*this, key, "an integer", it->second);
  if (*value < min || *value > max) {
    return bad_input(where + ": " + architecture + "." + std::string(key) + ": expected " +
                     std::to_string(min) + " to " + std::to_string(max) + ", found " +
                     std::to_string(*value));
  }
  return *value;
}

Result<std::int64_t> Checkpoint::int_or(std::string_view key, std::int64_t fallback,
                                        std::int64_t min, std::int64_t max) const {
  if (!meta.contains(key)) return fallback;
  return require_int(key, min, max);
}

Result<double> Checkpoint::require_float(std::string_view key) const {
  auto it = meta.find(key);
  if (it == meta.end()) return missing(*this, key);
  double value = 0;
  if (const auto* f = std::get_if<double>(&it->second))
    value = *f;
  else if (const auto* i = std::get_if<std::int64_t>(&it->second))
    value = static_cast<double>(*i);
  else
    return wrong_type(*this, key, "a number", it->second);
  if (!std::isfinite(value)) {
    return bad_input(where + ": " + architecture + "." + std::string(key) +
                     ": expected a finite number, found " + std::to_string(value));
  }
  return value;
}

Result<double> Checkpoint::float_or(std::string_view key, double fallback) const {
  if (!meta.contains(key)) return fallback;
  return require_float(key);
}

Result<bool> Checkpoint::bool_or(std::string_view key, bool fallback) const {
  auto it = meta.find(key);
  if (it == meta.end()) return fallback;
  const auto* value = std::get_if<bool>(&it->second);
  if (!value) return wrong_type(*this, key, "a boolean", it->second);
  return *value;
}

Result<std::string> Checkpoint::string_or(std::string_view key, std::string fallback) const {
  auto it = meta.find(key);
  if (it == meta.end()) return fallback;
  const auto* value = std::get_if<std::string>(&it->second);
  if (!value) return wrong_type(*this, key, "a string", it->second);
  return *value;
}

const StoredTensor* Checkpoint::find(std::string_view name) const {
  auto it = tensors.find(name);
  return it == tensors.end() ? nullptr : &it->second;
}

bool Checkpoint::quantised() const {
  return std::any_of(tensors.begin(), tensors.end(),
                     [](const auto& entry) { return is_quantised(entry.second.type); });
}

std::uint64_t Checkpoint::parameters() const {
  std::uint64_t n = 0;
  for (const auto& [name, tensor] : tensors) n += tensor.elements();
  return n;
}

std::string Checkpoint::weight_types() const {
  std::map<DType, int> counts;
  for (const auto& [name, tensor] : tensors) ++counts[tensor.type];
  std::vector<std::pair<int, DType>> order;
  for (auto [type, count] : counts) order.push_back({count, type});
  std::sort(order.rbegin(), order.rend());
  std::string out;
  for (auto [count, type] : order) {
    if (!out.empty()) out += ", ";
    out += std::string(name_of(type)) + " ×" + std::to_string(count);
  }
  return out;
}

// ---- GGUF ----

namespace {

MetaValue to_meta(const gguf::Array& array) {
  // Nothing that a model asks for is long or nested. An empty array keeps the key's type wrong.
  constexpr std::uint64_t kLongArray = 4096;
  if (array.count > kLongArray || array.element == gguf::Type::array) return std::vector<double>{};
  if (array.element == gguf::Type::string)
    return std::vector<std::string>(array.strings.begin(), array.strings.end());
  std::vector<double> numbers;
  for (std::uint64_t i = 0; i < array.count; ++i) numbers.push_back(array.number(i));
  return numbers;
}

MetaValue to_meta(const gguf::Value& value) {
  return std::visit(
      Overloaded{[](std::uint64_t v) -> MetaValue {
                   // No range goes that far: out of range stays out of range.
                   return static_cast<std::int64_t>(std::min<std::uint64_t>(v, INT64_MAX));
                 },
                 [](std::string_view v) -> MetaValue { return std::string(v); },
                 [](const gguf::Array& a) { return to_meta(a); },
                 [](auto v) -> MetaValue { return v; }},
      value.data);
}

}  // namespace

Result<Checkpoint> checkpoint_from_gguf(std::shared_ptr<const gguf::File> file, bool mapped) {
  Checkpoint c;
  c.where = file->name();
  HEARTH_TRY(auto architecture, file->get_string("general.architecture"));
  if (!architecture) return bad_input(c.where + ": general.architecture is missing");
  c.architecture = std::string(*architecture);
  const std::string prefix = c.architecture + ".";
  for (const auto& [key, value] : file->metadata()) {
    if (key.starts_with("tokenizer.")) continue;
    std::string name(key.starts_with(prefix) ? key.substr(prefix.size()) : key);
    c.meta.emplace(std::move(name), to_meta(value));
  }
  for (const gguf::TensorInfo& info : file->tensors()) {
    StoredTensor tensor{info.type, {}, info.data, mapped};
    int n_dims = info.n_dims;
    while (n_dims > 2 && info.dims[static_cast<std::size_t>(n_dims - 1)] == 1) --n_dims;
    for (int d = n_dims - 1; d >= 0; --d)
      tensor.shape.push_back(info.dims[static_cast<std::size_t>(d)]);
    c.tensors.emplace(std::string(info.name), std::move(tensor));
  }
  c.interleaved_qk = c.architecture == "llama";  // a property of the file format (spec §4.2)
  c.file_bytes = file->bytes().size();
  c.keep_alive.push_back(std::move(file));
  return c;
}

namespace {

Result<std::shared_ptr<const gguf::File>> share(Result<gguf::File> file) {
  if (!file) return file.error();
  return std::shared_ptr<const gguf::File>(std::make_shared<gguf::File>(*std::move(file)));
}

/// The only mmproj*.gguf beside the model, or the one whose name shares most with it.
std::string find_mmproj(const fs::path& model) {
  std::string best;
  std::size_t best_shared = 0;
  std::error_code error;
  fs::path dir = model.has_parent_path() ? model.parent_path() : fs::path(".");
  std::string stem = model.filename().string();
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    std::string name = entry.path().filename().string();
    if (!name.starts_with("mmproj") || !name.ends_with(".gguf")) continue;
    // "mmproj-NAME-Q8_0.gguf" belongs to "NAME-Q4_K_M.gguf": the longest common beginning wins.
    std::string rest = name.substr(
        name.find_first_not_of("-_", 6) == std::string::npos ? 6 : name.find_first_not_of("-_", 6));
    std::size_t shared = 1;
    while (shared <= rest.size() && shared <= stem.size() && rest[shared - 1] == stem[shared - 1])
      ++shared;
    if (shared > best_shared || (shared == best_shared && name < best)) {
      best = entry.path().string();
      best_shared = shared;
    }
  }
  return best;
}

Result<ModelFiles> from_gguf_pair(std::shared_ptr<const gguf::File> text,
                                  std::shared_ptr<const gguf::File> vision, bool mapped) {
  ModelFiles files;
  HEARTH_TRY(files.text, checkpoint_from_gguf(text, mapped));
  if (files.text.architecture == "clip") {
    return bad_input(files.text.where +
                     ": this is the vision half (mmproj); give the language model's file and this "
                     "one with --mmproj");
  }
  HEARTH_TRY(auto chat_template, text->get_string("tokenizer.chat_template"));
  if (chat_template) files.chat_template = std::string(*chat_template);
  HEARTH_TRY(files.name, files.text.string_or("general.name", ""));
  files.gguf_tokenizer = std::move(text);
  if (vision) {
    HEARTH_TRY(files.vision, checkpoint_from_gguf(std::move(vision), mapped));
    if (files.vision->architecture != "clip") {
      return bad_input(files.vision->where +
                       ": expected a vision half (architecture clip), found " +
                       files.vision->architecture);
    }
  }
  return files;
}

Result<bool> fits(const Checkpoint& text, const Checkpoint& vision) {
  HEARTH_TRY(auto hidden, text.int_or("embedding_length", 0, 0, INT64_MAX));
  HEARTH_TRY(auto width, vision.int_or("vision.projection_dim", hidden, 1, INT64_MAX));
  return width == hidden;
}

}  // namespace

Result<ModelFiles> open_model_files(const std::string& path, const std::string& mmproj) {
  HEARTH_TRY(const PathKind kind, path_kind(path));
  if (kind == PathKind::directory) {
    HEARTH_TRY(ModelFiles files, open_hf_directory(path));
    files.path = path;
    return files;
  }
  HEARTH_TRY(auto text, share(gguf::File::open(path)));
  std::string vision_path = mmproj.empty() ? find_mmproj(path) : mmproj;
  std::shared_ptr<const gguf::File> vision;
  std::string note;
  if (!vision_path.empty()) {
    auto opened = share(gguf::File::open(vision_path));
    if (!opened && !mmproj.empty()) return opened.error();
    if (opened)
      vision = *std::move(opened);
    else  // a neighbour that nobody named must not stand in the way
      note = opened.error().message, vision_path.clear();
  }
  HEARTH_TRY(ModelFiles files, from_gguf_pair(std::move(text), std::move(vision), true));
  files.path = path;
  files.note = std::move(note);
  files.mmproj_path = vision_path;
  files.weight_files.push_back(path);
  if (files.vision && mmproj.empty()) {
    HEARTH_TRY(const bool ours, fits(files.text, *files.vision));
    if (!ours) {
      files.vision.reset();  // some other model's half happens to lie here
      files.mmproj_path.clear();
    }
  }
  if (files.vision) files.weight_files.push_back(files.mmproj_path);
  if (files.name.empty()) files.name = fs::path(path).stem().string();
  return files;
}

Result<ModelFiles> open_embedded(std::string name, std::span<const std::byte> text,
                                 std::span<const std::byte> vision) {
  HEARTH_TRY(auto text_file, share(gguf::File::parse(text, name)));
  std::shared_ptr<const gguf::File> vision_file;
  if (!vision.empty()) {
    HEARTH_TRY(vision_file, share(gguf::File::parse(vision, name + " (vision)")));
  }
  HEARTH_TRY(ModelFiles files, from_gguf_pair(std::move(text_file), std::move(vision_file), false));
  files.path = files.name = std::move(name);
  files.embedded.push_back(text);
  if (!vision.empty()) files.embedded.push_back(vision);
  return files;
}

Result<Tokenizer> ModelFiles::tokenizer() const {
  // A directory may list tokens behind its embedding: Gemma 3's text models do.
  if (!gguf_tokenizer)
    return Tokenizer::from_tokenizer_json(tokenizer_json, tokenizer_config,
                                          path + "/tokenizer.json");
  HEARTH_TRY(Tokenizer tokenizer, Tokenizer::from_gguf(*gguf_tokenizer));
  const StoredTensor* embedding = text.find("token_embd.weight");
  if (embedding && embedding->shape[0] < tokenizer.vocab_size())
    return bad_input(text.where + ": " + std::to_string(tokenizer.vocab_size()) +
                     " tokens, but token_embd.weight has only " +
                     std::to_string(embedding->shape[0]) + " rows");
  return tokenizer;
}

}  // namespace hearth
