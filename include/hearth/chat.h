// Chat: one conversation with a model. It keeps its KV cache, so a follow-up question reads only
// its own words; a picture is encoded once, however often it is asked about.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/model.h"
#include "hearth/result.h"

namespace hearth {

/// One piece of a message, in order: text, or a picture by path or by its file's bytes.
struct Part {
  enum class Kind { text, image_file, image_bytes };
  Kind kind = Kind::text;
  std::string value;  ///< the text, the path, or the encoded picture

  static Part text(std::string words) { return {Kind::text, std::move(words)}; }
  static Part image_file(std::string path) { return {Kind::image_file, std::move(path)}; }
  static Part image_bytes(std::string bytes) { return {Kind::image_bytes, std::move(bytes)}; }
};

struct PictureOptions {
  std::string preprocess = "hf_pil";  ///< hf_pil or hf_torchvision
  bool no_upscale = false;  ///< longest edge = min(the model's, the picture's rounded up to a tile)
  int max_tiles = -1;  ///< ≥ 1: at most that many tiles; 0: the global view alone; -1: no limit
};

struct SamplingOptions {
  double temperature = 0;     ///< 0: greedy
  int top_k = 0;              ///< 0: off
  double top_p = 1;           ///< 1: off
  double min_p = 0;           ///< 0: off
  double repeat_penalty = 1;  ///< 1: off; over the last 64 tokens
  std::uint64_t seed = 0;     ///< same seed, same text, for any number of threads
};

struct AnswerOptions {
  int max_tokens = 512;
  SamplingOptions sampling;
  std::vector<std::string> stop;
  PictureOptions pictures;
  bool parse_special = false;  ///< let control tokens in users' text become tokens
  /// Called with whole UTF-8 characters as they are made. Return false to stop.
  std::function<bool(std::string_view)> on_text;
  ProgressHook progress = {};                 ///< pictures being encoded, the prompt being read
  const std::atomic<bool>* cancel = nullptr;  ///< set from any thread: stops within one token
};

struct Answer {
  std::string text;
  std::vector<std::int32_t> token_ids;
  std::string stop_reason;  ///< "end", "length", "stop", "cancelled"
  struct {
    int prompt_tokens =
        0;  ///< of this turn, pictures included, cached ones not read again included
    int image_tokens = 0;
    int completion_tokens = 0;
    int cached_tokens = 0;  ///< of the prompt, found in the KV cache
  } usage;
  struct {
    double image_ms = 0, prompt_ms = 0, decode_ms = 0;
    double first_token_ms = 0;
  } timings;
};

/// Whether the file is a picture that can be read. Errors (`bad_input`): what decoding it says.
Status check_picture(const std::string& path);

class Chat {
 public:
  /// `system`: the system message, "" for none.
  static Result<Chat> create(const Model& model, std::string system = "");

  /// Asks; the turn and its answer stay in the conversation. Pictures stand where their parts do; a
  /// text part's "<image>" takes the next picture that has no place yet.
  /// Errors (`bad_input`): a prompt longer than the context (both numbers), a picture for a model
  /// without vision, an unreadable picture; the conversation is then as before.
  Result<Answer> ask(const std::vector<Part>& message, const AnswerOptions& options = {});

  /// Continues a raw prompt: no chat template ("--raw"). Not part of the conversation.
  Result<Answer> complete(const std::vector<Part>& prompt, const AnswerOptions& options = {});

  /// Forgets all turns (the system message stays).
  void clear();
  /// Positions used of the model's context.
  int used() const;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace hearth
