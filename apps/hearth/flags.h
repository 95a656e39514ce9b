// Verbs and their flags, over CLI11. Only flags.cc sees CLI11, which takes seconds to compile.
//
// Each flag has an environment twin by rule, --max-tokens → HEARTH_MAX_TOKENS, shown in --help; the
// command line wins. A wrong value is one line that names the flag or the variable.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/context.h"

namespace hearth::cli {

/// Bounds of a number, both included unless it must be `above` the lower.
template <class T>
struct Between {
  T low = std::numeric_limits<T>::lowest();
  T high = std::numeric_limits<T>::max();
  bool above = false;
};

/// Reads a value into its target; returns "" or what was expected.
using Reader = std::function<std::string(const std::string& value)>;

Reader read_into(int& target, Between<int> bounds);
/// Several with commas between: "256,1024".
Reader read_into(std::vector<int>& target, Between<int> bounds);
Reader read_into(std::uint64_t& target);
Reader read_into(double& target, Between<double> bounds);
Reader read_choice(std::string& target, std::vector<std::string> choices);

/// One verb. Targets must outlive the parse: keep them in a shared struct that the action owns.
class Verb {
 public:
  Verb(CLI::App& app, const std::string& name, const std::string& description);

  /// A word that is no flag. A `required` one must be there.
  Verb& word(const std::string& name, std::optional<std::string>& target, const std::string& help,
             bool required = false);
  Verb& flag(const std::string& name, bool& target, const std::string& help);
  /// A flag whose variable would mean something else: it has no twin.
  Verb& flag_without_twin(const std::string& name, bool& target, const std::string& help);
  Verb& text(const std::string& name, const std::string& shown, std::string& target,
             const std::string& help);
  /// May be given several times.
  Verb& list(const std::string& name, const std::string& shown, std::vector<std::string>& target,
             const std::string& help);
  /// Any other kind of value. The name may have a short form: "-n,--number".
  Verb& value(const std::string& name, const std::string& shown, Reader reader,
              const std::string& help);
  /// What the verb does, once all values are read; returns the exit code.
  void action(std::function<int()> action);

  struct Impl;

 private:
  Verb& add(const std::string& name, const std::string& shown, Reader reader,
            const std::string& help, bool many);
  std::shared_ptr<Impl> impl_;
};

/// The whole program: verbs register with `app()`, `run` parses and acts.
class Program {
 public:
  explicit Program(Context& context);
  ~Program();
  CLI::App& app();
  int run(int argc, char** argv);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::cli
