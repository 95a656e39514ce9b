// What a template computes with: Python's values, as far as templates meet them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "media/jinja_text.h"

namespace hearth::jinja {

enum class Kind : std::uint8_t {
  undefined,
  none,
  boolean,
  integer,
  huge,  ///< an integer from 2^63 to 2^64 - 1, out of a JSON schema: printed, never computed with
  number,
  text,
  list,
  dict,
  name_space,
  callable,
  loop,
  cycler,
};

struct Undefined;
struct List;
struct Dict;
struct Namespace;
struct Callable;
struct Loop;
struct Cycler;

/// Small, trivially copyable, owns nothing: the Runtime (or the template, for literals) does.
struct Value {
  Kind kind = Kind::none;
  union {
    bool boolean;
    std::int64_t integer;
    std::uint64_t huge;
    double number;
    const Text* text;
    const List* list;
    const Dict* dict;
    Namespace* name_space;
    const Callable* callable;
    Loop* loop;
    Cycler* cycler;
    const Undefined* undefined;
  };

  Value() : integer(0) {}
  Value(const Text* t) : kind(Kind::text), text(t) {}
  Value(const List* l) : kind(Kind::list), list(l) {}
  Value(const Dict* d) : kind(Kind::dict), dict(d) {}
  Value(Namespace* n) : kind(Kind::name_space), name_space(n) {}
  Value(const Callable* c) : kind(Kind::callable), callable(c) {}
  Value(Loop* l) : kind(Kind::loop), loop(l) {}
  Value(Cycler* c) : kind(Kind::cycler), cycler(c) {}
  Value(const Undefined* u) : kind(Kind::undefined), undefined(u) {}
  static Value of_bool(bool b);
  static Value of_int(std::int64_t i);
  static Value of_number(double d);
  static Value of_huge(std::uint64_t u);

  bool is(Kind k) const { return kind == k; }
  bool is_int() const { return kind == Kind::integer || kind == Kind::boolean; }
  /// An integer or a float, in Python's sense (bool counts).
  bool is_numeric() const { return is_int() || kind == Kind::huge || kind == Kind::number; }
  std::int64_t as_int() const { return kind == Kind::boolean ? boolean : integer; }
  double as_number() const;
};

/// Python's many sequences share one representation: their items.
struct List {
  enum class Type : std::uint8_t { list, tuple, group, range, keys, values, items, generator };
  Type type = Type::list;
  std::vector<Value> items;
  /// A generator hands out every item once.
  mutable std::size_t consumed = 0;

  bool is_tuple() const { return type == Type::tuple || type == Type::group; }
  /// Can it be indexed, sliced and (except a range) concatenated?
  bool is_subscriptable() const { return type <= Type::range; }
};

/// Insertion order; found by key in logarithmic time (no hash that a file could make collide).
struct Dict {
  std::vector<std::pair<Value, Value>> entries;

  const Value* find(std::string_view key) const;
  const Value* find(const Value& key) const;
  /// The key must be `is_key`. A key that is there keeps its place and gets the new value.
  void set(const Value& key, const Value& value);
  static bool is_key(const Value& key);

 private:
  std::map<std::string_view, std::size_t> by_text_;
};

/// namespace(): the one thing that a template can change.
struct Namespace {
  std::map<std::string_view, Value> members;
};

/// A variable or attribute that is not there; knows how to complain.
struct Undefined {
  Value owner;                 ///< whose attribute or element it would be
  Value key;                   ///< its name
  const char* hint = nullptr;  ///< instead of both
  bool is_variable = false;    ///< no owner: the name of a variable
};

/// The items of a running `for`, for loop.index and its kin.
struct Loop {
  const std::vector<Value>* items = nullptr;
  std::size_t index0 = 0;
  int depth0 = 0;
  const Callable* recurse = nullptr;  ///< `loop(…)` of a recursive loop
  const List* changed = nullptr;      ///< last arguments of loop.changed
};

/// cycler('odd', 'even'), and joiner(', ') which gives '' the first time.
struct Cycler {
  std::vector<Value> items;
  std::size_t position = 0;
  bool joiner = false;
};

class Runtime;
struct Macro;
struct Scope;
struct For;

/// Arguments of a call of a function, method, filter, test or macro.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<const Text*, Value>> named;
};

/// A builtin: `self` is the object of a method or the left side of a filter.
using Builtin = Result<Value> (*)(Runtime&, const Value& self, const Arguments&);

/// Anything that can be called: a builtin bound to its object, a macro with the scope of its
/// definition, a recursive loop.
struct Callable {
  std::string_view name;
  Builtin builtin = nullptr;
  Value self;
  const Macro* macro = nullptr;
  const For* loop = nullptr;
  Scope* scope = nullptr;
  int depth0 = 0;  ///< of the recursive loop
};

/// Python's bool().
bool truthy(const Value& value);
/// Python's type name: "str", "int", "NoneType" …
const char* type_name(const Value& value);
/// What Jinja says when this undefined value is used.
std::string complaint(const Undefined& undefined);
/// == between numbers (bools count) of any kind.
bool numbers_equal(const Value& a, const Value& b);

}  // namespace hearth::jinja
