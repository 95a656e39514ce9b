// What tasks see of a model: a text half that turns tokens into logits, a vision half that turns
// tiles into rows of the same width.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "media/tokenizer.h"
#include "media/vision_preprocess.h"
#include "models/checkpoint.h"
#include "tensor/ops.h"

namespace hearth {

/// What the KV cache and the command line need to know.
struct TextShape {
  int layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_dim = 0, vocab = 0;
  int trained_context = 0;
};

/// T rows to push through the model.
struct Batch {
  std::vector<TokenId> tokens;  ///< [T]
  RowsSpec rows;                ///< [T] positions, sequences, pages
  /// Rows whose embedding is a picture's instead of the token's, and those [rows, hidden] values.
  std::vector<std::int32_t> feature_rows;
  std::span<const float> features;
  std::vector<std::int32_t> logit_rows;  ///< rows whose logits are wanted, ascending
};

class TextModel {
 public:
  virtual ~TextModel() = default;
  virtual const TextShape& shape() const = 0;
  /// Appends the batch to the cache; returns logits [logit_rows, vocab] (an empty tensor where none
  /// are wanted). Error: cancelled.
  virtual Result<Tensor> forward(Ops& ops, const Batch& batch, KvPool& kv) const = 0;
};

struct VisionShape {
  int tile = 0;  ///< pixels of a side
  int tokens_per_tile = 0;
  int width = 0;  ///< of a feature row = the text model's hidden
  VisionPreprocess preprocess;
};

class VisionModel {
 public:
  virtual ~VisionModel() = default;
  virtual const VisionShape& shape() const = 0;
  /// One tile, f32 CHW normalised [3·tile²] → features [tokens_per_tile, width]. Error: cancelled.
  virtual Result<std::vector<float>> encode(Ops& ops, std::span<const float> pixels) const = 0;
  /// The text that stands for one picture in a prompt: markers and one <image> per feature row.
  virtual std::string prompt(const TilePlan& plan) const = 0;
};

/// Reads tensors of a checkpoint into prepared weights. Every problem is one clear error; the first
/// is kept and the rest of a load() may go on reading (empty) weights: check status() at its end.
class Loader {
 public:
  using Report = std::function<void(std::uint64_t bytes)>;
  Loader(Ops& ops, const Checkpoint& checkpoint, Report report = {})
      : ops_(ops), checkpoint_(checkpoint), report_(std::move(report)) {}

  /// How linears that are read from here on shall be computed.
  void use(Arithmetic arithmetic) { arithmetic_ = arithmetic; }
  /// How the layers of a vision tower are computed, as --vision-precision says it: "auto" (int8
  /// where the file is quantised, its float matrices included, else f32), "f32", "int8".
  Status choose_tower(const std::string& precision);
  Arithmetic tower() const {
    return tower_.value_or(checkpoint_.quantised() ? Arithmetic::int8 : Arithmetic::stored);
  }
  const Checkpoint& checkpoint() const { return checkpoint_; }
  bool has(std::string_view name) const { return checkpoint_.find(name) != nullptr; }
  /// "name.weight" [n, k], and "name.bias" [n] where the file has it. row_order: see RawWeight.
  Linear linear(const std::string& name, std::int64_t n, std::int64_t k,
                std::vector<std::int32_t> row_order = {});
  /// The same for a layer that is wrong without its bias: one must be there.
  Linear biased(const std::string& name, std::int64_t n, std::int64_t k,
                std::vector<std::int32_t> row_order = {});
  Weight table(const std::string& name, std::int64_t n, std::int64_t k, Use use);
  /// "name" [n] as f32.
  Vec vec(const std::string& name, std::int64_t n);
  Vec optional_vec(const std::string& name, std::int64_t n) {
    return has(name) ? vec(name, n) : Vec{};
  }
  std::vector<float> floats(const std::string& name, std::int64_t n);
  Status status() const { return status_; }

 private:
  const StoredTensor* require(const std::string& name, std::vector<std::uint64_t> shape);
  /// The [n, k] tensor `name` as the backend takes it; empty after an error, which status() has.
  RawWeight matrix(const std::string& name, std::int64_t n, std::int64_t k);
  void fail(Error error) {
    if (status_) status_ = std::move(error);
  }

  Ops& ops_;
  const Checkpoint& checkpoint_;
  Report report_;
  Status status_;
  Arithmetic arithmetic_ = Arithmetic::stored;
  std::optional<Arithmetic> tower_;
};

/// The rows of Q or K as GGUF's llama files order them (adjacent rotary pairs), back to halves:
/// row p·half + j of a head is stored row 2j + p.
std::vector<std::int32_t> rotary_row_order(int heads, int head_dim);

}  // namespace hearth
