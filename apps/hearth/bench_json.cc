// The JSON of `hearth bench`, written and read; llama-bench's, read.
#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "hearth/bench_report.h"
#include "hearth/names.h"

namespace hearth::cli {
namespace {

using Json = nlohmann::ordered_json;

Json as_json(const Spread& s) { return {{"median", s.median}, {"min", s.min}, {"max", s.max}}; }

/// A test that somebody measured.
struct Measured {
  std::string test;
  int n = 0, depth = 0;
  double rate = 0;
};

double number_or(const Json& object, const char* key, double fallback) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number() ? it->get<double>() : fallback;
}

std::string text_or(const Json& object, const char* key, const std::string& fallback) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : fallback;
}

int count_of(const Json& object, const char* key) {
  const double value = number_or(object, key, 0);
  return value >= 0 && value <= 1 << 30 ? static_cast<int>(value) : 0;
}

std::vector<Measured> read_own(const Json& json, std::string& name) {
  std::vector<Measured> out;
  name = "hearth, " + text_or(json, "model", "?");
  for (const Json& row : json.at("results"))
    if (row.is_object() && row.contains("tokens_per_second"))
      out.push_back({text_or(row, "test", ""), count_of(row, "n"), count_of(row, "depth"),
                     number_or(row["tokens_per_second"], "median", 0)});
  return out;
}

/// An array of one object a test: n_prompt or n_gen tokens, `samples_ts` tokens a second.
std::vector<Measured> read_llama_bench(const Json& json, std::string& name) {
  std::vector<Measured> out;
  for (const Json& row : json) {
    if (!row.is_object() || !row.contains("avg_ts")) continue;
    const int prompt = count_of(row, "n_prompt"), made = count_of(row, "n_gen");
    if ((prompt > 0) == (made > 0)) continue;  // both in one figure: not a test of ours
    std::vector<double> samples;
    if (const auto it = row.find("samples_ts"); it != row.end() && it->is_array())
      for (const Json& sample : *it)
        if (sample.is_number()) samples.push_back(sample.get<double>());
    if (samples.empty()) samples.push_back(number_or(row, "avg_ts", 0));
    out.push_back({prompt > 0 ? "prompt" : "decode", prompt + made, count_of(row, "n_depth"),
                   spread(samples).median});
    name = fmt::format("llama-bench {}, {}, {} threads", text_or(row, "build_commit", ""),
                       text_or(row, "model_type", "?"), count_of(row, "n_threads"));
  }
  return out;
}

}  // namespace

std::string as_json(const BenchReport& report) {
  Json out = {{"model", report.model},     {"type", report.types},
              {"threads", report.threads}, {"isa", report.isa},
              {"load_ms", report.load_ms}, {"peak_rss_bytes", report.peak_rss_bytes}};
  if (report.roof)
    out["roof"] = {{"int8_gops", report.roof->int8_gops},
                   {"bf16_gflops", report.roof->bf16_gflops},
                   {"f32_gflops", report.roof->f32_gflops},
                   {"read_gbs", report.roof->read_gbs}};
  if (report.busy > 0) out["busy_processes"] = report.busy;
  if (!report.other.empty()) out["compared_with"] = report.other;
  if (report.quality)
    out["quality"] = {{"reference", report.reference},
                      {"kl", report.quality->kl},
                      {"kl_99", report.quality->kl_99},
                      {"same_top", report.quality->same_top}};
  out["results"] = Json::array();
  for (const BenchRow& row : report.rows) {
    Json json = {{"test", row.test}, {"n", row.n}};
    if (row.depth > 0) json["depth"] = row.depth;
    json["tokens_per_second"] = as_json(row.rate);
    json["ms"] = as_json(row.ms);
    if (row.share) json["roof_share"] = *row.share;
    if (row.busy_rate) json["busy_tokens_per_second"] = *row.busy_rate;
    if (row.other_rate) json["other_tokens_per_second"] = *row.other_rate;
    out["results"].push_back(std::move(json));
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Status compare_with(const std::string& path, BenchReport& report) {
  const auto text = read_text_file(path);
  if (!text) return text.error();
  const Json json = Json::parse(*text, nullptr, false);
  const bool own = json.is_object() && json.contains("results") && json["results"].is_array();
  if (!own && !json.is_array())
    return bad_input(path +
                     ": expected the output of `hearth bench --json` or `llama-bench -o "
                     "json`");
  const std::vector<Measured> theirs =
      own ? read_own(json, report.other) : read_llama_bench(json, report.other);
  bool any = false;
  for (BenchRow& row : report.rows)
    for (const Measured& m : theirs)
      if (m.test == row.test && m.n == row.n && m.depth == row.depth && m.rate > 0)
        any = true, row.other_rate = m.rate;
  if (any) return {};
  std::string measured, found;
  for (const BenchRow& row : report.rows) measured += (measured.empty() ? "" : ", ") + row.name();
  for (const Measured& m : theirs)
    found +=
        (found.empty() ? "" : ", ") + BenchRow{m.test, m.n, m.depth, {}, {}, {}, {}, {}}.name();
  return bad_input(fmt::format("{}: no test in common: measured {}, found {}", path, measured,
                               found.empty() ? "none" : found));
}

}  // namespace hearth::cli
