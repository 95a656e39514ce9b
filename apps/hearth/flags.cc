#include "hearth/flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>

#include "hearth/names.h"

namespace hearth::cli {
namespace {

struct Option {
  std::string name;             // --max-tokens, or TEXT for a word
  std::string short_name = {};  // -p, or ""
  bool is_word = false, is_flag = false, required = false, many = false, has_twin = false;
  Reader reader;
  CLI::Option* parsed = nullptr;

  std::string variable() const {
    std::string out = "HEARTH_";
    for (const char c : name.substr(2))
      out += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return out;
  }
};

/// True where the whole of `text` is one number.
template <class T>
bool is_number(const std::string& text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

std::string read_bool(const std::string& value, bool& target) {
  for (const char* yes : {"1", "true", "yes", "on"})
    if (value == yes) return target = true, "";
  for (const char* no : {"0", "false", "no", "off"})
    if (value == no) return target = false, "";
  return "1 or 0";
}

/// CLI11 gives "[a,b]", "++", "" and words that are verbs a meaning of its own. A value is the
/// user's own bytes, so CLI11 sees only where each stands: "@3" for the third argument.
class Places {
 public:
  std::string hide(const std::string& value) {
    values_.push_back(value);
    return "@" + std::to_string(values_.size() - 1);
  }
  std::string show(const std::string& place) const {
    std::size_t index = 0;
    if (!place.starts_with('@') || !is_number(place.substr(1), index) || index >= values_.size())
      return place;  // begins with "-", so it was left as it is
    return values_[index];
  }
  /// A flag that was given a value, --json=0: CLI11 need not know.
  std::map<std::string, std::string> flag_values;

 private:
  std::vector<std::string> values_;
};

}  // namespace

struct Verb::Impl {
  CLI::App* parsed = nullptr;
  std::vector<Option> options;
  std::function<int()> action;

  const Option* find(const std::string& name) const {
    for (const auto& option : options)
      if (name == option.name || (!name.empty() && name == option.short_name)) return &option;
    return nullptr;
  }
  std::vector<std::string> flag_names() const {
    std::vector<std::string> names{"--help"};
    for (const auto& option : options)
      if (!option.is_word) names.push_back(option.name);
    return names;
  }
  std::vector<std::string> hide_values(const std::vector<std::string>& arguments,
                                       Places& places) const;
  Status read(const Places& places);
  Status read_one(const Option& option, const Places& places);
};

namespace {

/// The verbs made by `Verb`, by the CLI11 object that each registered with.
struct Registry : CLI::App {
  using CLI::App::App;
  std::map<std::string, std::shared_ptr<Verb::Impl>> verbs;

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto* verb : get_subcommands([](const CLI::App*) { return true; }))
      out.push_back(verb->get_name());
    return out;
  }
  /// CLI11 would read the environment for verbs that parse with CLI11 itself, though another one
  /// was asked for.
  void forget_foreign_verbs() {
    for (auto* verb : get_subcommands([](CLI::App*) { return true; }))
      if (!verbs.contains(verb->get_name())) remove_subcommand(verb);
  }
  bool knows(const std::string& word) const {
    const auto verb_names = names();
    return std::find(verb_names.begin(), verb_names.end(), word) != verb_names.end() ||
           (word.starts_with('-') && get_option_no_throw(word));
  }
};

}  // namespace

// ---- values ----

Reader read_into(int& target, Between<int> bounds) {
  return [&target, bounds](const std::string& value) -> std::string {
    int number = 0;
    if (is_number(value, number) && number >= bounds.low && number <= bounds.high)
      return target = number, "";
    return fmt::format("a whole number from {} to {}", bounds.low, bounds.high);
  };
}

Reader read_into(std::vector<int>& target, Between<int> bounds) {
  return [&target, bounds](const std::string& value) -> std::string {
    std::vector<int> numbers;
    for (std::size_t at = 0; at <= value.size();) {
      const std::size_t end = std::min(value.find(',', at), value.size());
      int number = 0;
      if (!is_number(value.substr(at, end - at), number) || number < bounds.low ||
          number > bounds.high || numbers.size() == 100)
        return fmt::format("whole numbers from {} to {} with commas between", bounds.low,
                           bounds.high);
      numbers.push_back(number);
      at = end + 1;
    }
    target = numbers;
    return "";
  };
}

Reader read_into(std::uint64_t& target) {
  return [&target](const std::string& value) -> std::string {
    return is_number(value, target) ? "" : "a whole number from 0 to 2^64 - 1";
  };
}

Reader read_into(double& target, Between<double> bounds) {
  return [&target, bounds](const std::string& value) -> std::string {
    double number = 0;
    const bool read = is_number(value, number);
    const bool fits = number >= bounds.low && number <= bounds.high;  // never NaN
    if (read && fits && !(bounds.above && number == bounds.low)) return target = number, "";
    return fmt::format("a number {} {} {} {}", bounds.above ? "above" : "from", bounds.low,
                       bounds.above ? "up to" : "to", bounds.high);
  };
}

Reader read_choice(std::string& target, std::vector<std::string> choices) {
  return [&target, choices = std::move(choices)](const std::string& value) -> std::string {
    for (const auto& choice : choices)
      if (value == choice) return target = value, "";
    return fmt::format("one of {}", fmt::join(choices, ", "));
  };
}

// ---- declaring a verb ----

Verb::Verb(CLI::App& app, const std::string& name, const std::string& description)
    : impl_(std::make_shared<Impl>()) {
  impl_->parsed = app.add_subcommand(name, description)->allow_extras();
  static_cast<Registry&>(app).verbs[name] = impl_;
}

Verb& Verb::word(const std::string& name, std::optional<std::string>& target,
                 const std::string& help, bool required) {
  Reader reader = [&target](const std::string& value) { return target = value, std::string(); };
  Option option{.name = name, .is_word = true, .required = required, .reader = std::move(reader)};
  option.parsed = impl_->parsed->add_option(
      name, [](const CLI::results_t&) { return true; }, help);
  option.parsed->option_text(" ");
  impl_->options.push_back(std::move(option));
  return *this;
}

Verb& Verb::flag(const std::string& name, bool& target, const std::string& help) {
  flag_without_twin(name, target, help);
  Option& option = impl_->options.back();
  option.has_twin = true;
  option.parsed->description(fmt::format("{} [{}]", help, option.variable()));
  return *this;
}

Verb& Verb::flag_without_twin(const std::string& name, bool& target, const std::string& help) {
  Option option{.name = name, .is_flag = true, .reader = [&target](const std::string& value) {
                  return read_bool(value, target);
                }};
  option.parsed = impl_->parsed->add_flag(
      name, [](std::int64_t) {}, help);
  impl_->options.push_back(std::move(option));
  return *this;
}

Verb& Verb::text(const std::string& name, const std::string& shown, std::string& target,
                 const std::string& help) {
  return value(
      name, shown, [&target](const std::string& v) { return target = v, std::string(); }, help);
}

Verb& Verb::list(const std::string& name, const std::string& shown,
                 std::vector<std::string>& target, const std::string& help) {
  return add(
      name, shown, [&target](const std::string& v) { return target.push_back(v), std::string(); },
      help, true);
}

Verb& Verb::value(const std::string& name, const std::string& shown, Reader reader,
                  const std::string& help) {
  return add(name, shown, std::move(reader), help, false);
}

Verb& Verb::add(const std::string& name, const std::string& shown, Reader reader,
                const std::string& help, bool many) {
  Option option{.name = name, .many = many, .has_twin = true, .reader = std::move(reader)};
  if (const auto comma = name.find(','); comma != name.npos) {
    option.short_name = name.substr(0, comma);
    option.name = name.substr(comma + 1);
  }
  option.parsed = impl_->parsed->add_option(
      name, [](const CLI::results_t&) { return true; },
      fmt::format("{} [{}]", help, option.variable()));
  // One value each time it is given, though it may be given often: the next word is not its own.
  option.parsed->option_text(shown + (many ? " ..." : ""))
      ->expected(1, CLI::detail::expected_max_vector_size);
  option.parsed->allow_extra_args(false);
  impl_->options.push_back(std::move(option));
  return *this;
}

void Verb::action(std::function<int()> action) { impl_->action = std::move(action); }

// ---- reading one ----

std::vector<std::string> Verb::Impl::hide_values(const std::vector<std::string>& arguments,
                                                 Places& places) const {
  std::vector<std::string> out;
  bool only_words = false;
  for (const auto& argument : arguments) {
    const auto equals = argument.find('=');
    const Option* option = find(argument.substr(0, equals));
    if (only_words || !argument.starts_with('-') || argument == "-") {
      out.push_back(places.hide(argument));
    } else if (argument == "--") {
      only_words = true;
    } else if (option && equals != argument.npos) {
      out.push_back(option->name);
      const std::string value = argument.substr(equals + 1);
      if (option->is_flag)
        places.flag_values[option->name] = value;
      else
        out.push_back(places.hide(value));
    } else {
      out.push_back(argument);
    }
  }
  return out;
}

Status Verb::Impl::read_one(const Option& option, const Places& places) {
  std::vector<std::string> values;
  std::string source = option.name;
  if (option.is_flag && option.parsed->count() > 0) {
    const auto given = places.flag_values.find(option.name);
    values.push_back(given == places.flag_values.end() ? "1" : given->second);
  } else {
    for (const auto& place : option.parsed->results()) values.push_back(places.show(place));
  }
  if (values.empty() && option.has_twin) {
    source = option.variable();
    if (const char* value = std::getenv(source.c_str()); value && *value) values.push_back(value);
  }
  if (values.empty() && option.required)
    return bad_input(fmt::format("{}: {} is missing; see hearth {} --help", parsed->get_name(),
                                 option.name, parsed->get_name()));
  if (!option.many && values.size() > 1) values = {values.back()};
  for (const auto& value : values)
    if (const std::string expected = option.reader(value); !expected.empty())
      return bad_input(
          fmt::format("{}: expected {}, found {}", source, expected, in_quotes(value)));
  return {};
}

Status Verb::Impl::read(const Places& places) {
  for (const auto& extra : parsed->remaining()) {
    if (!extra.starts_with('-'))
      return bad_input(
          fmt::format("{}: one word too many: {} (a text of several words needs quotes)",
                      parsed->get_name(), in_quotes(places.show(extra))));
    const std::string name = extra.substr(0, extra.find('='));
    return bad_input(fmt::format("{}: no flag {}{}", parsed->get_name(), in_quotes(name),
                                 did_you_mean(nearest(name, flag_names()))));
  }
  for (const auto& option : options)
    if (auto status = read_one(option, places); !status) return status;
  return {};
}

// ---- the program ----

struct Program::Impl {
  Context& context;
  Registry app;

  int act(const std::string& name, const std::vector<std::string>& arguments);
  int parse(std::vector<std::string> arguments);
  Error unknown_verb(const std::string& word);
};

Error Program::Impl::unknown_verb(const std::string& word) {
  const auto names = app.names();
  if (word.starts_with('-')) {
    const auto meant = did_you_mean(nearest(word, {"--help", "--version"}));
    return bad_input(fmt::format("no flag {} before a verb{}", in_quotes(word),
                                 meant.empty() ? "; see hearth --help" : meant));
  }
  if (word.find(' ') != word.npos)
    return bad_input(fmt::format("{} is no verb: to ask it, type hearth run {}", in_quotes(word),
                                 in_quotes(word)));
  const auto near = nearest(word, names);
  return bad_input(
      near.empty() ? fmt::format("no verb {}: expected {}", in_quotes(word), fmt::join(names, ", "))
                   : fmt::format("no verb {}{}", in_quotes(word), did_you_mean(near)));
}

/// Lets CLI11 parse (it takes the arguments last first) and turns what it throws into exit codes.
int Program::Impl::parse(std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(std::move(arguments));
    return kOk;
  } catch (const CLI::CallForHelp&) {
    context.console.print(app.help());
  } catch (const CLI::CallForVersion& version) {
    context.console.line(version.what());
  } catch (const CLI::RuntimeError& error) {  // a verb that parses with CLI11 itself
    context.exit_code = error.get_exit_code();
  } catch (const CLI::ArgumentMismatch& error) {  // "--threads: 1 required …"
    const std::string text = error.what();
    context.exit_code = context.console.report(
        bad_input(text.substr(0, text.find(':')) + ": expected a value, found nothing"));
  } catch (const CLI::ParseError& error) {
    context.exit_code = context.console.report(bad_input(error.what()));
  }
  return -1;
}

int Program::Impl::act(const std::string& name, const std::vector<std::string>& arguments) {
  const auto found = app.verbs.find(name);
  if (found == app.verbs.end()) {
    if (!app.knows(name)) return context.console.report(unknown_verb(name));
    parse(arguments);  // --help, --version, or a verb that parses with CLI11 itself
    return context.exit_code;
  }
  Places places;
  std::vector<std::string> hidden =
      found->second->hide_values({arguments.begin() + 1, arguments.end()}, places);
  hidden.insert(hidden.begin(), name);
  app.forget_foreign_verbs();
  if (parse(std::move(hidden)) != kOk) return context.exit_code;
  if (auto status = found->second->read(places); !status)
    return context.console.report(status.error());
  return found->second->action();
}

Program::Program(Context& context)
    : impl_(new Impl{context, Registry("Private AI on your own machine: ask about a picture, chat, "
                                       "measure. Nothing leaves it.",
                                       "hearth")}) {
  auto& app = impl_->app;
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "hearth " + version());
  app.get_formatter()->column_width(36);
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  app.footer(
      "HEARTH_ISA=reference|avx2|avxvnni|avx512|neon|i8mm chooses the kernels. "
      "Exit codes: 0 ok, 1 the run failed,\n2 bad input, 130 interrupted.\n"
      "Try: hearth run \"What shape is the red object?\" --image picture.png");
}

Program::~Program() = default;

CLI::App& Program::app() { return impl_->app; }

int Program::run(int argc, char** argv) {
  auto& console = impl_->context.console;
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  for (auto* verb : impl_->app.get_subcommands([](CLI::App*) { return true; }))
    verb->group("Verbs");
  try {
    if (arguments.empty())
      return console.report(bad_input(
          "no verb given: try hearth run \"What shape is the red object?\" --image FILE, or "
          "hearth --help"));
    return console.finish(impl_->act(arguments[0], arguments));
  } catch (const std::bad_alloc&) {
    return console.report(failed("out of memory"));
  } catch (const std::exception& error) {
    return console.report(failed(error.what()));
  }
}

}  // namespace hearth::cli
