// What `hearth bench` found, and the ways to show it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/bench.h"
#include "hearth/model.h"
#include "hearth/quality.h"

namespace hearth::cli {

struct Spread {
  double median = 0, min = 0, max = 0;
};
Spread spread(std::vector<double> values);

struct BenchRow {
  std::string test;  ///< as BenchResult has it
  int n = 0, depth = 0;
  Spread ms, rate;                   ///< rate: tokens or tiles a second
  std::optional<double> share;       ///< of this machine's roof, 0 … 1
  std::optional<double> busy_rate;   ///< beside the other processes
  std::optional<double> other_rate;  ///< of the file that was compared with
  std::string name() const;          ///< "decode 128 at 4096"
};

struct BenchReport {
  std::string model, types, isa;
  int threads = 0;
  double load_ms = 0;
  std::uint64_t peak_rss_bytes = 0;
  std::optional<Roof> roof;
  int busy = 0;       ///< other processes
  std::string other;  ///< whose figures `other_rate` are; "" where none were asked for
  std::optional<Quality::Beside> quality;
  std::string reference;  ///< the model that `quality` is beside
  std::vector<BenchRow> rows;
};

std::string as_text(const BenchReport& report);
std::string as_markdown(const BenchReport& report);
/// One line.
std::string as_json(const BenchReport& report);
/// A picture: a bar a test, beside what was compared with and the roof.
std::string as_svg(const BenchReport& report);

/// Fills `other` and `other_rate` from a file of `hearth bench --json` or `llama-bench -o json`.
/// Errors (`bad_input`): unreadable, neither of the two, no test in common.
Status compare_with(const std::string& path, BenchReport& report);

}  // namespace hearth::cli
