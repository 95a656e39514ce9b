// One rendering: owns every value that it makes, pays for them from the budget, and knows what
// Python's operators mean. Builtins (filters, tests, methods, functions) see only this.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/json.h"
#include "media/chat_template.h"
#include "media/jinja_value.h"

namespace hearth::jinja {

/// Values nested deeper than this are refused wherever we walk through them.
inline constexpr int kMaxValueDepth = 200;
/// A step also pays for this many bytes of text, or for one item of a list.
inline constexpr std::size_t kBytesPerStep = 64;
/// How many levels of evaluation one level of the budget's depth may take.
inline constexpr int kLevelsPerDepth = 4;

class Runtime {
 public:
  explicit Runtime(const TemplateBudget& budget) : budget_(budget), steps_left_(budget.steps) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  virtual ~Runtime() = default;

  // ---- the budget ----
  Status spend(std::size_t steps);
  Status spend_bytes(std::size_t bytes) { return spend(bytes / kBytesPerStep + 1); }
  /// For work that takes much longer on every character than copying it.
  Status spend_chars(std::size_t bytes) { return spend_bytes(8 * bytes); }
  /// For finding `key`: long texts are long to compare, other keys are found by looking at all.
  Status spend_lookup(const Dict& dict, const Value& key);
  /// One level of nesting of evaluation, for as long as it lives.
  class Level {
   public:
    explicit Level(Runtime& run) : run_(run) { ++run_.depth_; }
    ~Level() { --run_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    /// Errors: too many of them.
    Status check() const;

   private:
    Runtime& run_;
  };
  const TemplateBudget& budget() const { return budget_; }
  TextBuilder builder() const { return TextBuilder(budget_.output_bytes); }

  // ---- making values; errors: over the budget ----
  Result<const Text*> finish(TextBuilder&& builder, bool safe = false);
  Result<Value> text(std::string_view bytes, bool marked = false);
  /// Bytes [begin, end) of `text`, with their marks.
  Result<Value> slice(const Text& text, std::size_t begin, std::size_t end);
  Result<Value> list(std::vector<Value> items, List::Type type = List::Type::list);
  Result<Value> pair(const Value& first, const Value& second, List::Type type = List::Type::tuple);
  Value dict(Dict&& entries) { return &dicts_.emplace_back(std::move(entries)); }
  Value undefined(const Undefined& what) { return &undefineds_.emplace_back(what); }
  Value callable(const Callable& what) { return &callables_.emplace_back(what); }
  Value name_space() { return &spaces_.emplace_back(); }
  Value cycler(std::vector<Value> items, bool joiner);
  Value bound(std::string_view name, Builtin method, const Value& self);
  Loop* new_loop() { return &loops_.emplace_back(); }
  /// A JSON value; its strings are marked when users wrote it. Errors: nested too deep.
  Result<Value> from_json(const Json& json, bool marked, int depth = 0);
  /// A JSON string that stays the caller's for the whole run.
  const Text* keep(std::string_view bytes, bool marked);

  // ---- Python's view of a value ----
  /// Appends str(value). Errors: nested too deep, over the budget.
  Status print(const Value& value, TextBuilder& out);
  Status print_repr(const Value& value, TextBuilder& out, int depth = 0);
  /// The text HTML-escaped, unless it is safe already; the result is.
  Result<const Text*> escaped(const Text& text);
  /// str(value); a text is returned as it is.
  Result<const Text*> str(const Value& value);
  Result<bool> equal(const Value& a, const Value& b, int depth = 0);
  /// a < b. Errors: types without an order between them.
  Result<bool> less(const Value& a, const Value& b, int depth = 0);
  Result<bool> contains(const Value& container, const Value& item);
  /// Items that iterating gives: of lists, the keys of a dict, characters of a text.
  Result<std::vector<Value>> iterate(const Value& value);
  Result<std::size_t> length(const Value& value);
  /// `object.name` / `object[key]`: undefined where absent; an error on undefined objects.
  Result<Value> attribute(const Value& object, const Text& name);
  Result<Value> item(const Value& object, const Value& key);
  /// `object[start:stop:step]`; null where left out.
  Result<Value> slice(const Value& object, const Value* start, const Value* stop,
                      const Value* step);

  /// Calls any callable (a builtin, or a macro through the interpreter).
  virtual Result<Value> call(const Value& callee, const Arguments& arguments) = 0;

  /// strftime_now's clock: fixed when the caller gave one.
  std::optional<std::string> fixed_time;
  /// Set when the template itself raised the error: its text stands alone.
  bool raised = false;

 private:
  TemplateBudget budget_;
  std::size_t steps_left_;
  int depth_ = 0;
  // Deques: addresses stay, and everything goes in one flat sweep however it points around.
  std::deque<Text> texts_;
  std::deque<List> lists_;
  std::deque<Dict> dicts_;
  std::deque<Namespace> spaces_;
  std::deque<Undefined> undefineds_;
  std::deque<Callable> callables_;
  std::deque<Loop> loops_;
  std::deque<Cycler> cyclers_;
};

/// Python's TypeError for using an undefined value, or for a wrong type in `what`.
Error type_error(const Value& value, std::string_view what);
Error undefined_error(const Value& value);

}  // namespace hearth::jinja
