#include "hearth/bench_report.h"

#include <fmt/core.h>

#include <algorithm>

#include "hearth/report.h"

namespace hearth::cli {
namespace {

/// One column: a title, and a cell of every row ("" where it has none).
struct Column {
  std::string title;
  std::vector<std::string> cells;
  bool left = false;
};

std::string number(double value) { return fmt::format("{:.2f}", value); }

std::string rate_cell(std::optional<double> rate) { return rate ? number(*rate) : ""; }

std::string ratio_cell(double ours, std::optional<double> theirs) {
  return theirs && *theirs > 0 ? fmt::format("{:.2f} ×", ours / *theirs) : "";
}

std::vector<Column> columns(const BenchReport& report) {
  std::vector<Column> out;
  const auto add = [&](std::string title, auto&& cell, bool left = false) {
    Column column{std::move(title), {}, left};
    for (const BenchRow& row : report.rows) column.cells.push_back(cell(row));
    out.push_back(std::move(column));
  };
  add(
      "test", [](const BenchRow& r) { return r.name(); }, true);
  add("median ms", [](const BenchRow& r) { return number(r.ms.median); });
  add("min", [](const BenchRow& r) { return number(r.ms.min); });
  add("max", [](const BenchRow& r) { return number(r.ms.max); });
  add("a second", [](const BenchRow& r) { return number(r.rate.median); });
  if (report.roof)
    add("of the roof",
        [](const BenchRow& r) { return r.share ? fmt::format("{:.0f} %", 100 * *r.share) : ""; });
  if (report.busy > 0) {
    add("busy, a second", [](const BenchRow& r) { return rate_cell(r.busy_rate); });
    add("left", [](const BenchRow& r) {
      return r.busy_rate ? fmt::format("{:.2f}", *r.busy_rate / r.rate.median) : "";
    });
  }
  if (!report.other.empty()) {
    add("theirs, a second", [](const BenchRow& r) { return rate_cell(r.other_rate); });
    add("ratio", [](const BenchRow& r) { return ratio_cell(r.rate.median, r.other_rate); });
  }
  return out;
}

/// Characters, not bytes, of UTF-8.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::vector<std::string> facts(const BenchReport& report) {
  std::vector<std::string> out = {fmt::format(
      "{} ({}), {} threads, {}; loaded in {:.0f} ms, peak memory {}", report.model, report.types,
      report.threads, report.isa, report.load_ms, human_bytes(report.peak_rss_bytes))};
  if (report.roof)
    out.push_back(fmt::format(
        "roof: {:.0f} int8 GOPS, {}{:.0f} f32 GFLOPS, memory {:.1f} GB/s", report.roof->int8_gops,
        report.roof->bf16_gflops > 0 ? fmt::format("{:.0f} bf16, ", report.roof->bf16_gflops) : "",
        report.roof->f32_gflops, report.roof->read_gbs));
  if (report.busy > 0)
    out.push_back(
        fmt::format("busy: beside {} other process{}", report.busy, report.busy == 1 ? "" : "es"));
  if (!report.other.empty()) out.push_back("theirs: " + report.other);
  if (report.quality) out.push_back(beside_line(*report.quality, report.reference));
  return out;
}

}  // namespace

Spread spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::size_t n = values.size();
  return {(values[(n - 1) / 2] + values[n / 2]) / 2, values.front(), values.back()};
}

std::string BenchRow::name() const {
  return depth > 0 ? fmt::format("{} {} at {}", test, n, depth) : fmt::format("{} {}", test, n);
}

std::string as_text(const BenchReport& report) {
  std::string out;
  for (const std::string& fact : facts(report)) out += fact + "\n";
  const std::vector<Column> all = columns(report);
  for (std::size_t line = 0; line <= report.rows.size(); ++line) {
    std::string text;
    for (const Column& column : all) {
      std::size_t widest = width(column.title);
      for (const std::string& cell : column.cells) widest = std::max(widest, width(cell));
      const std::string& cell = line == 0 ? column.title : column.cells[line - 1];
      const std::string space(widest - width(cell), ' ');
      text += (text.empty() ? "" : "   ") + (column.left ? cell + space : space + cell);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
  return out;
}

std::string as_markdown(const BenchReport& report) {
  std::string out;
  for (const std::string& fact : facts(report)) out += fact + "  \n";
  out += "\n|";
  const std::vector<Column> all = columns(report);
  for (const Column& column : all) out += " " + column.title + " |";
  out += "\n|";
  for (const Column& column : all) out += column.left ? "---|" : "---:|";
  for (std::size_t row = 0; row < report.rows.size(); ++row) {
    out += "\n|";
    for (const Column& column : all) out += " " + column.cells[row] + " |";
  }
  return out + "\n";
}

}  // namespace hearth::cli
