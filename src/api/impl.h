// What the public handles hold. Only src/api sees it.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/thread_pool.h"
#include "hearth/chat.h"
#include "hearth/engine.h"
#include "hearth/model.h"
#include "kernels/kernels.h"
#include "media/chat_template.h"
#include "models/model.h"
#include "tasks/pictures.h"
#include "tensor/cpu_ops.h"

namespace hearth {

struct Engine::Impl {
  EngineOptions options;
  const kernels::KernelTable* kernels = nullptr;
  std::unique_ptr<ThreadPool> pool;
  std::mutex computing;  ///< one job at a time uses the pool

  void log(LogLevel level, std::string_view text) const {
    if (options.log) options.log(level, text);
  }
};

struct Model::Impl {
  std::shared_ptr<Engine::Impl> engine;
  ModelFiles files;
  ModelInfo info;
  std::unique_ptr<CpuOps> ops;
  std::unique_ptr<TextModel> text;
  std::unique_ptr<VisionModel> vision;
  std::optional<Tokenizer> tokenizer;
  std::optional<ChatTemplate> chat_template;
  FeatureCache features;
  KvType kv_type = KvType::f16;
  double load_ms = 0;
  std::once_flag hashed;
  std::string sha256;
};

/// Runs `f`, turning broken invariants and exhausted memory into error values.
template <class F>
auto guarded(F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return failed("out of memory");
  } catch (const std::exception& e) {
    return failed(std::string("internal error: ") + e.what());
  }
}

/// A model by the words of LoadOptions: "" or "nano", a path, "synthetic:NAME:TYPE".
Result<ModelFiles> open_files(const std::string& path, const std::string& mmproj);
/// "no model …", with the names that lie near.
Error no_such_model(const std::string& path);
/// As --kv-type says it.
Result<KvType> kv_type_from(const std::string& name);
/// Facts that need no weights.
ModelInfo facts(const ModelFiles& files);
std::uint64_t kv_token_bytes(const ModelInfo& info, KvType type);
/// Fills `model`, whose engine is set; the caller holds the engine.
Status load_into(Model::Impl& model, const LoadOptions& options);

}  // namespace hearth
