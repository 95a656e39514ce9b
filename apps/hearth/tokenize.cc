// hearth tokenize: a text's tokens, as Hugging Face cuts it.
#include <fmt/core.h>

#include "hearth/flags.h"
#include "hearth/names.h"
#include "hearth/report.h"
#include "hearth/verbs.h"

namespace hearth::cli {
namespace {

struct TokenizeOptions {
  std::optional<std::string> model, text;
  bool add_special = false, no_parse_special = false, json = false;
};

int tokenize(Context& context, const TokenizeOptions& options) {
  Console& console = context.console;
  if (!names_model(*options.model)) return console.report(no_such_model(*options.model));
  const auto tokenizer = TextTokenizer::load(*options.model);
  if (!tokenizer) return console.report(tokenizer.error());
  const auto ids = tokenizer->encode(*options.text, !options.no_parse_special, options.add_special);
  std::vector<std::string> pieces;
  for (const auto id : ids) pieces.push_back(tokenizer->piece(id));

  if (options.json) {
    console.line(tokens_json(ids, pieces));
    return kOk;
  }
  std::string out;
  for (std::size_t i = 0; i < ids.size(); ++i)
    out += fmt::format("{:>7}  \"{}\"\n", ids[i], one_line(pieces[i]));
  console.print(out);
  return kOk;
}

}  // namespace

void add_tokenize(CLI::App& app, Context& context) {
  const auto options = std::make_shared<TokenizeOptions>();
  Verb verb(app, "tokenize", "Show the tokens of TEXT");
  verb.word("MODEL", options->model, "nano, a .gguf file, a tokenizer.json or a model directory",
            true)
      .word("TEXT", options->text, "special tokens written in it are recognised", true)
      .flag("--add-special", options->add_special, "begin and end as the model does")
      .flag("--no-parse-special", options->no_parse_special, "special tokens are text like any")
      .flag("--json", options->json, "print {\"ids\":[…],\"pieces\":[…]}");
  verb.action([options, &context] { return tokenize(context, *options); });
}

}  // namespace hearth::cli
