// The picture of `hearth bench --chart`.
#include <fmt/core.h>

#include <algorithm>

#include "hearth/bench_report.h"
#include "hearth/console.h"

namespace hearth::cli {
namespace {

constexpr int kWidth = 860, kLeft = 190, kRight = 150, kTop = 74, kBar = 18, kGap = 16;

/// Any bytes as the text of an XML element.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : one_line(text)) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

std::string label(double x, double y, const std::string& text, const char* style) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, style, escaped(text));
}

std::string bar(double y, double length, const char* color) {
  return fmt::format(
      "<rect x=\"{}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" rx=\"3\" fill=\"{}\"/>\n", kLeft,
      y, std::max(length, 1.0), kBar, color);
}

struct Bar {
  double rate;
  const char* color;
  std::string note;
};

std::vector<Bar> bars(const BenchRow& row) {
  std::string note = fmt::format("{:.1f}/s", row.rate.median);
  if (row.share) note += fmt::format(" · {:.0f} %", 100 * *row.share);
  std::vector<Bar> out = {{row.rate.median, "#e4572e", note}};
  if (row.busy_rate)
    out.push_back({*row.busy_rate, "#f3a712", fmt::format("{:.1f}/s busy", *row.busy_rate)});
  if (row.other_rate)
    out.push_back({*row.other_rate, "#8d99ae",
                   fmt::format("{:.1f}/s · we {:.2f} ×", *row.other_rate,
                               row.rate.median / *row.other_rate)});
  return out;
}

std::string roof_mark(double x, double y1, double y2) {
  return fmt::format(
      "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" stroke=\"#222\" "
      "stroke-dasharray=\"4 4\"/>\n",
      x, y1 - 5, y2 + 3);
}

}  // namespace

std::string as_svg(const BenchReport& report) {
  std::string body;
  double y = kTop;
  for (const BenchRow& row : report.rows) {
    // The full width of a row is the roof, or the fastest bar where no roof was measured.
    const std::vector<Bar> all = bars(row);
    double full = row.share && *row.share > 0 ? row.rate.median / *row.share : 0;
    for (const Bar& b : all) full = std::max(full, b.rate);
    const double scale = (kWidth - kLeft - kRight) / full;
    const double middle = y + (static_cast<double>(all.size()) * (kBar + 2)) / 2 + 4;
    body += label(kLeft - 12, middle, row.name(), "text-anchor=\"end\" fill=\"#222\"");
    if (row.share && *row.share > 0)
      body += roof_mark(kLeft + row.rate.median / *row.share * scale, y,
                        y + static_cast<double>(all.size()) * (kBar + 2));
    for (const Bar& b : all) {
      body += bar(y, b.rate * scale, b.color);
      body += label(kLeft + std::max(b.rate * scale, 1.0) + 8, y + kBar - 4, b.note,
                    "fill=\"#555\" font-size=\"12\"");
      y += kBar + 2;
    }
    y += kGap;
  }
  std::string legend = report.roof ? "dashed: the roof" : "";
  if (!report.other.empty())
    legend += fmt::format("{}grey: {}", legend.empty() ? "" : " · ", report.other);
  if (report.busy > 0)
    legend += fmt::format("{}yellow: beside {} busy process{}", legend.empty() ? "" : " · ",
                          report.busy, report.busy == 1 ? "" : "es");
  const int height = static_cast<int>(y) + 28;
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 "
             "{0} {1}\" "
             "font-family=\"system-ui, sans-serif\" font-size=\"14\">\n"
             "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
             kWidth, height) +
         label(24, 32,
               fmt::format("{} · {} threads · {}", report.model, report.threads, report.isa),
               "font-size=\"18\" font-weight=\"600\" fill=\"#222\"") +
         body + label(24, height - 12, legend, "fill=\"#777\" font-size=\"12\"") + "</svg>\n";
}

}  // namespace hearth::cli
