// Model: loaded weights, shared and immutable. Copies share the weights; the last one unloads them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/engine.h"
#include "hearth/result.h"

namespace hearth {

/// Progress of long work, for a bar on a terminal: `done` of `total` units of `what`.
struct Progress {
  std::string_view what;  ///< "loading", "encoding picture"
  double done = 0, total = 0;
};
using ProgressHook = std::function<void(const Progress&)>;

struct LoadOptions {
  /// "" or "nano": the embedded model; a .gguf file (an mmproj*.gguf beside it is found by itself);
  /// a Hugging Face directory; "synthetic:NAME:TYPE" (random weights of the true shape).
  std::string path;
  std::string mmproj;  ///< the vision half, where it is not beside the file
  int context = 0;     ///< positions; 0: min(the model's, 8192, what fits in ¼ of free memory)
  std::string kv_type = "f16";  ///< f16, f32, q8_0
  /// auto: quantised weights use 8-bit activations; f32: never; bf16: float weights are multiplied
  /// in bfloat16 too (an error where the processor has no such product).
  std::string precision = "auto";
  /// Of the vision tower: auto (int8 where its file is quantised, else f32), f32 or int8.
  std::string vision_precision = "auto";
  bool force = false;  ///< load even when memory looks too small
  /// A folder where packed weights are kept, so that the next load maps them instead of packing
  /// again (32 GB at most, the longest unused go first); "": none. For models that are files.
  std::string packed_cache;
  /// Compute from that file's pages, which the system may drop and read again: for a model that
  /// does not fit into memory. Without `packed_cache`: in default_packed_cache().
  bool low_memory = false;
  ProgressHook progress = {};
};

/// What `hearth show` prints.
struct ModelInfo {
  std::string name, architecture, path, mmproj_path;
  std::string weight_types;  ///< "q8_0 ×210, f32 ×63"
  std::uint64_t parameters = 0, vision_parameters = 0;
  std::uint64_t file_bytes = 0;
  int layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_dim = 0, vocab = 0;
  int trained_context = 0, context = 0;
  std::uint64_t kv_bytes_per_token = 0;
  std::string tokenizer;  ///< "bpe/smollm"
  bool has_chat_template = false, has_vision = false;
  std::string vision_problem;  ///< why a half beside the file was left out; "" where none was
  int tile_pixels = 0, tokens_per_tile = 0, longest_edge = 0;
  std::vector<std::pair<std::string, std::string>> metadata;  ///< further facts, name and value
};

/// $XDG_CACHE_HOME/hearth/packed, ~/.cache/hearth/packed; "" where neither is known.
std::string default_packed_cache();

/// A file of packed weights; `problem` is "" where its checksum is right.
struct PackedWeights {
  std::string path;
  std::uint64_t bytes = 0;
  std::string problem;
};
/// Every one in `folder`, read through.
std::vector<PackedWeights> check_packed_cache(const std::string& folder);

class Model {
 public:
  /// Errors (`bad_input`): no such model (nearest names), a broken or unsupported file, too little
  /// memory (what is needed, what is free, what to try). (`cancelled`): never.
  static Result<Model> load(const Engine& engine, const LoadOptions& options);

  const ModelInfo& info() const;
  double load_ms() const;
  /// SHA-256 of the model file(s), 64 hex digits; computed on the first call.
  const std::string& sha256() const;

  /// `literal`: no control token is recognised in `text`. `add_special`: bos/eos as the file says.
  std::vector<std::int32_t> tokenize(std::string_view text, bool literal = false,
                                     bool add_special = false) const;
  /// The bytes of one token.
  std::string piece(std::int32_t id) const;

  struct Impl;
  explicit Model(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

/// Facts about a model file without loading its weights (quick, little memory).
Result<ModelInfo> describe_model(const std::string& path, const std::string& mmproj = "");

/// A tokenizer alone: a .gguf, a tokenizer.json, or a directory that holds one.
class TextTokenizer {
 public:
  static Result<TextTokenizer> load(const std::string& path);
  /// `parse_special`: control tokens written in `text` become that token (as Hugging Face does).
  std::vector<std::int32_t> encode(std::string_view text, bool parse_special = true,
                                   bool add_special = false) const;
  std::string piece(std::int32_t id) const;

  struct Impl;

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace hearth
