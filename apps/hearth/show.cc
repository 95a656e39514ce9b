// hearth show: facts about a model, without loading it.
#include <fmt/core.h>

#include <algorithm>

#include "hearth/flags.h"
#include "hearth/names.h"
#include "hearth/report.h"
#include "hearth/verbs.h"

namespace hearth::cli {
namespace {

struct ShowOptions {
  std::optional<std::string> model;
  std::string mmproj;
  bool json = false;
};

/// "name   value" lines, the values in one column.
class Table {
 public:
  void row(const std::string& name, const std::string& value) {
    if (!value.empty()) rows_.emplace_back(name, value);
  }
  std::string text() const {
    std::size_t width = 0;
    for (const auto& [name, value] : rows_) width = std::max(width, name.size());
    std::string out;
    for (const auto& [name, value] : rows_)
      out += fmt::format("{:<{}}  {}\n", name, width, one_line(value));
    return out;
  }

 private:
  std::vector<std::pair<std::string, std::string>> rows_;
};

constexpr std::size_t kLongest = 200;  // bytes of a value: a few lines of a terminal

std::string as_text(const ModelInfo& info) {
  const auto count = [](int number) { return with_commas(static_cast<std::uint64_t>(number)); };
  Table table;
  table.row("name", info.name);
  table.row("architecture", info.architecture);
  table.row("file", info.path);
  table.row("vision file", info.mmproj_path);
  table.row("size", human_bytes(info.file_bytes));
  table.row("weights", info.weight_types);
  table.row("parameters", human_count(info.parameters) +
                              (info.vision_parameters > 0
                                   ? " + " + human_count(info.vision_parameters) + " vision"
                                   : ""));
  table.row("layers", count(info.layers));
  table.row("width", count(info.hidden));
  table.row("heads", fmt::format("{} of {}, {} for keys and values", info.heads, info.head_dim,
                                 info.kv_heads));
  table.row("vocabulary", count(info.vocab) + " (" + info.tokenizer + ")");
  table.row("context", count(info.trained_context) +
                           (info.context > 0 ? ", " + count(info.context) + " by default" : "") +
                           ", " + human_bytes(info.kv_bytes_per_token) + " a token");
  table.row("chat template", info.has_chat_template ? "yes" : "none: plain completion");
  table.row("pictures", info.has_vision
                            ? fmt::format("yes: tiles of {} px, {} tokens each, longest edge {} px",
                                          info.tile_pixels, info.tokens_per_tile, info.longest_edge)
                            : "no");
  Table facts;
  for (const auto& [name, value] : info.metadata) facts.row(name, shortened(value, kLongest));
  return table.text() + (info.metadata.empty() ? "" : "\nmetadata\n" + facts.text());
}

int show(Context& context, const ShowOptions& options) {
  Console& console = context.console;
  const std::string model = options.model.value_or("nano");
  if (!names_model(model)) return console.report(no_such_model(model));
  const auto info = describe_model(model, options.mmproj);
  if (!info) return console.report(info.error());
  if (options.json)
    console.line(model_json(*info));
  else
    console.print(as_text(*info));
  return kOk;
}

}  // namespace

void add_show(CLI::App& app, Context& context) {
  const auto options = std::make_shared<ShowOptions>();
  Verb verb(app, "show", "Show what a model file holds");
  verb.word("MODEL", options->model, "nano, a .gguf file or a model directory (nano)")
      .text("--mmproj", "FILE", options->mmproj, "vision half, where it is not beside MODEL")
      .flag("--json", options->json, "print one JSON object");
  verb.action([options, &context] { return show(context, *options); });
}

}  // namespace hearth::cli
