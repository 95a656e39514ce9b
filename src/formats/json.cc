#include "formats/json.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "formats/quote.h"

namespace hearth {
namespace {

constexpr std::size_t kMostValues = std::size_t{16} << 20;

/// The library's message without its prefix "[json.exception.parse_error.101] parse error at line
/// 1, column 2: "; it quotes the text, so it is cut and made printable.
std::string plain(std::string_view what) {
  constexpr std::size_t kLongest = 200;
  if (auto cut = what.find("] "); cut != what.npos) what.remove_prefix(cut + 2);
  if (auto cut = what.find(": "); what.starts_with("parse error") && cut != what.npos)
    what.remove_prefix(cut + 2);
  std::string out(what.substr(0, kLongest));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

/// Builds the document from nlohmann's events. Members are collected beside the document and
/// checked for duplicates once, when their object closes: no look-up per member and no copies as it
/// grows.
class Builder {
 public:
  Builder(int max_depth, Duplicates duplicates) : max_depth_(max_depth), duplicates_(duplicates) {}

  // What nlohmann asks of an event handler; false stops the parser.
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(number_integer_t value) { return add(value); }
  bool number_unsigned(number_unsigned_t value) { return add(value); }
  bool number_float(number_float_t value, const string_t&) { return add(value); }
  bool string(string_t& value) { return add(std::move(value)); }
  bool binary(binary_t&) { return false; }
  bool start_object(std::size_t) { return open(true); }
  bool start_array(std::size_t) { return open(false); }
  bool key(string_t& name) { return open_.back().key = std::move(name), true; }

  bool end_array() {
    Json::array_t elements = std::move(open_.back().elements);
    open_.pop_back();
    return add(std::move(elements));
  }

  bool end_object() {
    std::vector<Member> members = std::move(open_.back().members);
    open_.pop_back();
    if (!resolve_duplicates(members)) return false;
    Json::object_t object;
    object.reserve(members.size());
    std::vector<Json::object_t::value_type>& out = object;  // whose emplace_back looks nothing up
    for (Member& m : members) out.emplace_back(std::move(m.first), std::move(m.second));
    return add(std::move(object));
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception& error) {
    position_ = position;
    problem_ = plain(error.what());
    return false;
  }

  Json root;
  const std::string& problem() const { return problem_; }
  /// Bytes read when the text turned out malformed; 0 where it was refused for another reason.
  std::size_t position() const { return position_; }

 private:
  using Member = std::pair<std::string, Json>;
  struct Container {
    bool is_object;
    std::string key;  ///< of the member that comes next
    std::vector<Member> members;
    Json::array_t elements;
  };

  bool fail(std::string problem) { return problem_ = std::move(problem), false; }

  bool open(bool is_object) {
    if (open_.size() == static_cast<std::size_t>(max_depth_))
      return fail("nested deeper than " + std::to_string(max_depth_));
    open_.push_back({is_object, {}, {}, {}});
    return true;
  }

  bool add(Json value);
  bool resolve_duplicates(std::vector<Member>& members);

  int max_depth_;
  Duplicates duplicates_;
  std::vector<Container> open_;
  std::string problem_;
  std::size_t values_ = 0, position_ = 0;
};

bool Builder::add(Json value) {
  if (++values_ > kMostValues) return fail("more than " + std::to_string(kMostValues) + " values");
  if (open_.empty()) {
    root = std::move(value);
  } else if (Container& parent = open_.back(); parent.is_object) {
    parent.members.emplace_back(std::move(parent.key), std::move(value));
  } else {
    parent.elements.push_back(std::move(value));
  }
  return true;
}

bool Builder::resolve_duplicates(std::vector<Member>& members) {
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return members[a].first < members[b].first; });
  std::vector<bool> superseded(members.size());
  for (std::size_t i = 1; i < order.size(); ++i) {
    const std::string& name = members[order[i]].first;
    if (members[order[i - 1]].first != name) continue;
    if (duplicates_ == Duplicates::refuse)
      return fail("the key " + quote_name(name) + " appears twice in one object");
    superseded[order[i - 1]] = true;
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (superseded[i]) continue;
    if (kept != i) members[kept] = std::move(members[i]);
    ++kept;
  }
  members.resize(kept);
  return true;
}

std::string line_and_column(std::string_view text, std::size_t position) {
  text = text.substr(0, position);
  auto lines = std::count(text.begin(), text.end(), '\n');
  auto last = text.rfind('\n');
  auto column = last == text.npos ? text.size() : text.size() - last - 1;
  return "line " + std::to_string(lines + 1) + ", column " + std::to_string(column);
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view where, int max_depth,
                        Duplicates duplicates) {
  Builder builder(max_depth, duplicates);
  if (Json::sax_parse(text.begin(), text.end(), &builder)) return std::move(builder.root);
  std::string place =
      builder.position() ? line_and_column(text, builder.position()) + ": " : std::string();
  return bad_input(std::string(where) + ": JSON: " + place + builder.problem());
}

}  // namespace hearth
