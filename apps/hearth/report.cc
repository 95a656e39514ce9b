#include "hearth/report.h"

#include <fmt/core.h>

#include <algorithm>

#include "hearth/bench.h"

namespace hearth::cli {

std::string with_commas(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

std::string human_bytes(std::uint64_t bytes) {
  const double b = static_cast<double>(bytes);
  if (b >= 1e9) return fmt::format("{:.1f} GB", b / 1e9);
  if (b >= 1e6) return fmt::format("{:.{}f} MB", b / 1e6, b < 1e7 ? 1 : 0);
  return fmt::format("{:.0f} kB", b / 1e3);
}

std::string human_count(std::uint64_t count) {
  const double n = static_cast<double>(count);
  if (n >= 1e9) return fmt::format("{:.2f} G", n / 1e9);
  if (n >= 1e6) return fmt::format("{:.{}f} M", n / 1e6, n < 1e7 ? 1 : 0);
  return with_commas(count);
}

std::string human_time(double milliseconds) {
  return milliseconds < 1000 ? fmt::format("{:.0f} ms", milliseconds)
                             : fmt::format("{:.1f} s", milliseconds / 1000);
}

double prompt_per_second(const Answer& answer) {
  const int read = answer.usage.prompt_tokens - answer.usage.cached_tokens;
  return answer.timings.prompt_ms > 0 ? std::max(0, read) / answer.timings.prompt_ms * 1000 : 0;
}

double decode_per_second(const Answer& answer) {
  // The first token comes out of reading the prompt; the one that ended the answer was computed
  // like the others.
  const int decoded = answer.usage.completion_tokens - (answer.stop_reason == "end" ? 0 : 1);
  return answer.timings.decode_ms > 0 ? std::max(0, decoded) / answer.timings.decode_ms * 1000 : 0;
}

std::string settings_line(const Engine& engine, const Model& model) {
  const ModelInfo& info = model.info();
  return fmt::format("{} · {} parameters · {} · context {} · {} thread{}, {}", info.name,
                     human_count(info.parameters + info.vision_parameters), info.weight_types,
                     with_commas(static_cast<std::uint64_t>(info.context)), engine.threads(),
                     engine.threads() == 1 ? "" : "s", engine.isa());
}

std::string timings_line(const Answer& answer) {
  const auto& usage = answer.usage;
  const auto& times = answer.timings;
  std::string line;
  if (usage.image_tokens > 0)
    line = fmt::format("picture {} ({} tokens) · ", human_time(times.image_ms), usage.image_tokens);
  line += fmt::format("prompt {} tokens in {}",
                      with_commas(static_cast<std::uint64_t>(usage.prompt_tokens)),
                      human_time(times.prompt_ms));
  if (usage.cached_tokens > 0) line += fmt::format(" ({} remembered)", usage.cached_tokens);
  line += fmt::format(" · first word after {} · {} token{}", human_time(times.first_token_ms),
                      usage.completion_tokens, usage.completion_tokens == 1 ? "" : "s");
  if (const double rate = decode_per_second(answer); rate > 0)
    line += fmt::format(" at {:.0f}/s", rate);
  return line + " · " + human_bytes(peak_rss_bytes());
}

std::string beside_line(const Quality::Beside& beside, const std::string& reference) {
  return fmt::format(
      "beside {} (perplexity {:.4f}): KL {:.6f} nats a token, 99 % below {:.4f}; same likeliest "
      "token {:.2f} %",
      reference, beside.perplexity, beside.kl, beside.kl_99, 100 * beside.same_top);
}

std::string reads_text_only(const ModelInfo& info) {
  return fmt::format("{} reads text only ({})", info.name,
                     info.vision_problem.empty() ? "a vision model needs its mmproj file: --mmproj"
                                                 : info.vision_problem);
}

}  // namespace hearth::cli
