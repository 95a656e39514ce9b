// A model under the hands of a developer: its halves, its ops, and what parity work asks of them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "formats/npy.h"
#include "models/model.h"
#include "tasks/pictures.h"
#include "tensor/cpu_ops.h"
#include "tensor/trace.h"

namespace hearth::debug {

struct Setup {
  std::string model;  ///< a path, nano or synthetic:NAME:TYPE; "@isa" behind it chooses kernels
  std::string mmproj;
  std::string precision = "auto", vision_precision = "auto", kv_type = "f32";
  int threads = 0;
};

/// "PATH@avx2" → "PATH" and "avx2"; without a known ISA the second is HEARTH_ISA or "".
std::pair<std::string, std::string> split_isa(const std::string& model);

/// Which rows take a picture's features instead of the token's embedding.
struct FeatureRows {
  std::vector<std::int32_t> rows;  ///< ascending
  std::vector<float> values;       ///< [rows, hidden]
};

class Workbench {
 public:
  enum class Halves { text, vision, both };
  static Result<std::unique_ptr<Workbench>> open(const Setup& setup, Halves halves);

  const ModelFiles& files() const { return files_; }
  const TextModel& text() const { return *text_; }
  const VisionModel& vision() const { return *vision_; }
  /// Times every op; shows results to whoever asks.
  Trace& trace() { return *trace_; }

  /// Logits [T, vocab] of every position, by pieces of at most 256 rows.
  Result<std::vector<float>> logits(const std::vector<TokenId>& tokens,
                                    const FeatureRows& features);
  /// The places of <image> among `tokens`, filled with `values` in order.
  Result<FeatureRows> place(const std::vector<TokenId>& tokens, std::vector<float> values) const;
  /// Features of all tiles of these pictures, one after another.
  Result<std::vector<float>> encode(const std::vector<std::string>& pictures);
  /// Features of tiles given as [n, 3, S, S] or [3, S, S], normalised.
  Result<NpyArray> encode(const NpyArray& pixels);

 private:
  Workbench() = default;

  ModelFiles files_;
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<CpuOps> ops_;
  std::unique_ptr<Trace> trace_;
  std::unique_ptr<TextModel> text_;
  std::unique_ptr<VisionModel> vision_;
  KvType kv_type_ = KvType::f32;
};

/// Σ(a−b)²/Σb² over all values.
struct Difference {
  double nmse = 0, max_abs = 0;
};
Difference difference(std::span<const float> values, std::span<const float> target);

/// "1,2,3" as ids below `vocab`.
Result<std::vector<TokenId>> parse_tokens(const std::string& text, int vocab);

}  // namespace hearth::debug
