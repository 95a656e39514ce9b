// Generate: read a prompt into the cache, then token after token until something says stop.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/model.h"
#include "tasks/kv_cache.h"
#include "tasks/prompt.h"
#include "tasks/sampler.h"
#include "tasks/text_stream.h"

namespace hearth {

enum class StopReason { end, length, stop, cancelled };
const char* name_of(StopReason reason);

struct GenerateRequest {
  const Prompt* prompt = nullptr;
  int max_tokens = 512;
  SamplerConfig sampling;
  std::vector<std::string> stop;
  bool ignore_end = false;                        ///< go on after an ending token (benchmarks)
  bool trim_start = false;                        ///< leave out white space before the first word
  std::function<bool(std::string_view)> on_text;  ///< false: stop
  std::function<void(int done, int total)> on_prompt;  ///< prompt rows read
  const std::atomic<bool>* cancel = nullptr;
};

struct Generated {
  std::string text;
  std::vector<TokenId> ids;  ///< the ending control token not included
  StopReason reason = StopReason::end;
  int cached = 0;  ///< prompt cells that the cache already held
  double prompt_ms = 0, decode_ms = 0;
};

/// Errors: a prompt longer than the context (`bad_input`, both numbers); cancelled while the prompt
/// was being read. The cache holds whatever was computed, so the next prompt may share it.
Result<Generated> generate(Ops& ops, const TextModel& model, const Tokenizer& tokenizer,
                           KvCache& cache, const GenerateRequest& request);

/// Rows of a prompt that are read at once.
inline constexpr int kPromptChunk = 512;

}  // namespace hearth
