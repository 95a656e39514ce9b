#include "hearth/line_editor.h"

#include <histedit.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "hearth/interrupt.h"

namespace fs = std::filesystem;

namespace hearth::cli {
namespace {

constexpr int kRemembered = 1000;

fs::path history_file() {
  fs::path state;
  if (const char* xdg = std::getenv("XDG_STATE_HOME"); xdg && *xdg == '/')
    state = xdg;
  else if (const char* home = std::getenv("HOME"); home && *home == '/')
    state = fs::path(home) / ".local" / "state";
  else
    return {};
  std::error_code failed;
  fs::create_directories(state / "hearth", failed);
  if (failed) return {};
  fs::permissions(state / "hearth", fs::perms::owner_all, failed);
  return state / "hearth" / "history";
}

}  // namespace

struct LineEditor::Impl {
  const char* prompt;
  fs::path file;
  EditLine* edit = nullptr;
  History* past = nullptr;

  static Impl* of(EditLine* edit) {
    void* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    return static_cast<Impl*>(self);
  }
};

namespace {

char* show_prompt(EditLine* edit) { return const_cast<char*>(LineEditor::Impl::of(edit)->prompt); }

}  // namespace

LineEditor::LineEditor(const char* prompt) : impl_(new Impl{prompt, history_file()}) {
  auto& it = *impl_;
  it.edit = el_init("hearth", stdin, stdout, stderr);
  it.past = history_init();
  HistEvent event;
  history(it.past, &event, H_SETSIZE, kRemembered);
  history(it.past, &event, H_SETUNIQUE, 1);
  if (!it.file.empty()) history(it.past, &event, H_LOAD, it.file.c_str());

  el_set(it.edit, EL_CLIENTDATA, &it);
  el_set(it.edit, EL_PROMPT, show_prompt);
  el_set(it.edit, EL_EDITOR, "emacs");
  el_set(it.edit, EL_SIGNAL, 1);  // the terminal is put right on SIGTERM, Ctrl-Z and a new size
  el_set(it.edit, EL_HIST, history, it.past);
  el_set(it.edit, EL_ADDFN, "complete-file", "complete a file name", _el_fn_complete);
  el_set(it.edit, EL_BIND, "^I", "complete-file", nullptr);
  el_set(it.edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
}

LineEditor::~LineEditor() {
  el_end(impl_->edit);
  history_end(impl_->past);
}

std::optional<LineEditor::Line> LineEditor::read() {
  auto& it = *impl_;
  chat_interrupted();  // an earlier Ctrl-C is not about this line
  int count = 0;
  const char* text = el_gets(it.edit, &count);
  if (!text && chat_interrupted()) return Line{"", true};
  if (!text || count <= 0) return std::nullopt;
  Line line{std::string(text, static_cast<std::size_t>(count))};
  while (line.text.ends_with('\n') || line.text.ends_with('\r')) line.text.pop_back();
  if (line.text.find_first_not_of(" \t") == std::string::npos) return line;
  HistEvent event;
  history(it.past, &event, H_ENTER, line.text.c_str());
  if (!it.file.empty()) {
    const mode_t before = ::umask(0077);
    history(it.past, &event, H_SAVE, it.file.c_str());
    ::umask(before);
  }
  return line;
}

}  // namespace hearth::cli
