#include "hearth/conversation.h"

#include <fmt/core.h>

#include <cstdlib>

#include "hearth/interrupt.h"
#include "hearth/line_editor.h"
#include "hearth/message.h"
#include "hearth/names.h"
#include "hearth/report.h"

namespace hearth::cli {
namespace {

constexpr std::string_view kHelp =
    "/image FILE   adds a picture to the next message\n"
    "/clear        forgets the conversation\n"
    "/bye          leaves, as Ctrl-D does\n"
    "Ctrl-C stops an answer or throws a line away. Any other line is a message.";

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// A path as a person types or drops it: quoted, with escaped spaces, or below "~".
std::string plain_path(const std::string& typed) {
  std::string path;
  const bool wrapped = typed.size() >= 2 && (typed.front() == '"' || typed.front() == '\'') &&
                       typed.back() == typed.front();
  if (wrapped) {
    path = typed.substr(1, typed.size() - 2);
  } else {
    for (std::size_t i = 0; i < typed.size(); ++i) {
      if (typed[i] == '\\' && i + 1 < typed.size()) ++i;
      path += typed[i];
    }
  }
  const char* home = std::getenv("HOME");
  return home && path.starts_with("~/") ? home + path.substr(1) : path;
}

class Conversation {
 public:
  Conversation(Context& context, const Model& model, Chat chat, const RunOptions& options)
      : console_(context.console),
        model_(model),
        chat_(std::move(chat)),
        options_(options),
        pictures_(options.images) {}

  int run();

 private:
  enum class Next { go_on, leave };
  Next obey(const std::string& command);
  void add_picture(const std::string& path);
  void ask(const std::string& prompt);

  Console& console_;
  const Model& model_;
  Chat chat_;
  const RunOptions& options_;
  std::vector<std::string> pictures_;  // for the next message
};

int Conversation::run() {
  LineEditor editor("> ");
  console_.line(fmt::format("{}. /help lists the commands, Ctrl-D leaves.", model_.info().name));
  for (;;) {
    const auto line = editor.read();
    if (!line) return console_.line(""), kOk;
    const std::string text = trimmed(line->text);
    if (line->given_up) {
      console_.line("\n(Ctrl-D or /bye leaves)");
    } else if (text.starts_with('/')) {
      if (obey(text) == Next::leave) return kOk;
    } else if (!text.empty()) {
      ask(text);
    }
  }
}

Conversation::Next Conversation::obey(const std::string& command) {
  const auto space = command.find_first_of(" \t");
  const std::string verb = command.substr(0, space);
  const std::string rest = space == command.npos ? "" : trimmed(command.substr(space));
  if (verb == "/bye" || verb == "/exit" || verb == "/quit") return Next::leave;
  if (verb == "/help" || verb == "/?") {
    console_.line(kHelp);
  } else if (verb == "/clear") {
    chat_.clear();
    pictures_.clear();
    console_.line("The conversation is forgotten.");
  } else if (verb == "/image") {
    add_picture(plain_path(rest));
  } else {
    console_.note(fmt::format("no command {}{}", in_quotes(verb),
                              did_you_mean(nearest(verb, {"/image", "/clear", "/bye", "/help"}))));
  }
  return Next::go_on;
}

void Conversation::add_picture(const std::string& path) {
  if (path.empty()) return console_.note("/image needs a file: /image picture.png");
  if (!model_.info().has_vision) return console_.note(reads_text_only(model_.info()));
  auto status = readable_file(path);
  if (status) status = check_picture(path);
  if (!status) {
    console_.report(status.error());
    return;
  }
  pictures_.push_back(path);
  console_.line(fmt::format("{} picture{} for your next message.", pictures_.size(),
                            pictures_.size() == 1 ? "" : "s"));
}

void Conversation::ask(const std::string& prompt) {
  const auto message = make_message(prompt, pictures_);
  if (!message) {
    console_.report(message.error());
    return;
  }
  const Answering answering;
  AnswerOptions how = options_.answer;
  how.on_text = [this](std::string_view words) { return console_.print(words); };
  how.progress = console_.progress_hook();
  how.cancel = answering.cancel();
  const auto answer = options_.raw ? chat_.complete(*message, how) : chat_.ask(*message, how);
  console_.clear_progress();
  if (!answer) {
    console_.report(answer.error());
    if (answer.error().kind == ErrorKind::cancelled) console_.line("");
    if (answer.error().kind == ErrorKind::too_long)
      console_.note("/clear forgets the conversation and makes room");
    if (!pictures_.empty()) console_.note("the pictures of this message are dropped");
    pictures_.clear();
    return;
  }
  pictures_.clear();
  const bool stopped = answer->stop_reason == "cancelled";
  if (stopped || !answer->text.ends_with('\n')) console_.line(stopped ? " (stopped)" : "");
  if (options_.stats) console_.stats(timings_line(*answer));
}

}  // namespace

int converse(Context& context, const Engine& engine, const Model& model,
             const RunOptions& options) {
  auto chat = Chat::create(model, options.system);
  if (!chat) return context.console.report(chat.error());
  chat_catches_interrupts();
  if (options.stats) context.console.stats(settings_line(engine, model));
  return Conversation(context, model, *std::move(chat), options).run();
}

}  // namespace hearth::cli
