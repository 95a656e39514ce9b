// What is told about an answer or a model: lines of figures for people, JSON for programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hearth/chat.h"
#include "hearth/model.h"
#include "hearth/quality.h"
#include "hearth/run_options.h"

namespace hearth::cli {

/// "nano · 1.8 M parameters · q8_0 ×70 · context 2,048 · 2 threads, avx512"
std::string settings_line(const Engine& engine, const Model& model);
/// "picture 38 ms (16 tokens) · prompt 33 tokens in 12 ms · first word after 50 ms · 12 tokens at
/// 812/s · 31 MB"
std::string timings_line(const Answer& answer);

/// The object of `hearth run --json`, one line.
std::string answer_json(const Engine& engine, const Model& model, const RunOptions& options,
                        const Answer& answer);
std::string model_json(const ModelInfo& info);
/// {"ids":[…],"pieces":[…]}
std::string tokens_json(const std::vector<std::int32_t>& ids,
                        const std::vector<std::string>& pieces);

double prompt_per_second(const Answer& answer);  ///< of the tokens that were read
/// Of the steps after the prompt.
double decode_per_second(const Answer& answer);

std::string with_commas(std::uint64_t number);  ///< 8,192
std::string human_bytes(std::uint64_t bytes);   ///< 31 MB
std::string human_count(std::uint64_t count);   ///< 1.8 M
std::string human_time(double milliseconds);    ///< 61 ms, 1.2 s

/// "beside REF (perplexity 12.3): KL 0.0012 …"
std::string beside_line(const Quality::Beside& beside, const std::string& reference);

/// Why `info`'s model takes no picture, "nano reads text only (…)".
std::string reads_text_only(const ModelInfo& info);

}  // namespace hearth::cli
