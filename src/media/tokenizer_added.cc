#include "media/tokenizer_added.h"

#include "media/unicode.h"

namespace hearth {
namespace {

bool is_alone(std::string_view text, std::size_t begin, std::size_t end) {
  using namespace unicode;
  if (begin > 0 && (classes_of(decode_before(text, begin).code) & kWord) != 0) return false;
  return end == text.size() || (classes_of(decode(text, end).code) & kWord) == 0;
}

std::size_t spaces_before(std::string_view text, std::size_t begin, std::size_t limit) {
  while (begin > limit) {
    unicode::Decoded c = unicode::decode_before(text, begin);
    if (!c.valid || c.length > begin - limit) break;
    if ((unicode::classes_of(c.code) & unicode::kSpace) == 0) break;
    begin -= c.length;
  }
  return begin;
}

std::size_t spaces_behind(std::string_view text, std::size_t end) {
  while (end < text.size()) {
    unicode::Decoded c = unicode::decode(text, end);
    if ((unicode::classes_of(c.code) & unicode::kSpace) == 0) break;
    end += c.length;
  }
  return end;
}

}  // namespace

std::uint32_t AddedTokens::child(std::uint32_t node, std::uint8_t byte) const {
  if (node == 0) return root_[byte];
  std::uint32_t c = nodes_[node].first_child;
  while (c != 0 && nodes_[c].byte != byte) c = nodes_[c].sibling;
  return c;
}

std::uint32_t AddedTokens::add_child(std::uint32_t node, std::uint8_t byte) {
  if (std::uint32_t c = child(node, byte)) return c;
  auto c = static_cast<std::uint32_t>(nodes_.size());
  Node& made = nodes_.emplace_back();
  made.byte = byte;
  made.sibling = nodes_[node].first_child;
  nodes_[node].first_child = c;
  if (node == 0) root_[byte] = c;
  return c;
}

bool AddedTokens::ends_token(std::uint32_t node, bool free) const {
  std::int32_t token = nodes_[node].token;
  return token >= 0 && !(free && tokens_[token].control);
}

void AddedTokens::build(std::vector<AddedToken> tokens) {
  tokens_ = std::move(tokens);
  nodes_.assign(1, {});
  root_.fill(0);
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    std::uint32_t node = 0;
    const std::string& text = tokens_[i].text;
    for (auto c = text.rbegin(); c != text.rend(); ++c)
      node = add_child(node, static_cast<std::uint8_t>(*c));
    if (node != 0) nodes_[node].token = static_cast<std::int32_t>(i);
  }
  link();
}

/// Breadth first: a node's links go to shorter strings, which are finished before it.
void AddedTokens::link() {
  std::vector<std::uint32_t> queue{0};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const std::uint32_t parent = queue[i];
    for (std::uint32_t c = nodes_[parent].first_child; c != 0; c = nodes_[c].sibling) {
      queue.push_back(c);
      if (parent == 0) continue;
      std::uint32_t fail = nodes_[parent].fail, found;
      while ((found = child(fail, nodes_[c].byte)) == 0 && fail != 0) fail = nodes_[fail].fail;
      nodes_[c].fail = found;
      nodes_[c].shorter = ends_token(found, false) ? found : nodes_[found].shorter;
      nodes_[c].shorter_free = ends_token(found, true) ? found : nodes_[found].shorter_free;
    }
  }
}

/// Places where tokens start, from the last to the first, with the node of the longest.
std::vector<AddedTokens::Hit> AddedTokens::hits(std::string_view text) const {
  std::vector<Hit> found;
  std::uint32_t node = 0;
  for (std::size_t at = text.size(); at-- > 0;) {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    std::uint32_t next;
    while ((next = child(node, byte)) == 0 && node != 0) node = nodes_[node].fail;
    node = next;
    const std::uint32_t longest = nodes_[node].token >= 0 ? node : nodes_[node].shorter;
    if (longest != 0) found.push_back({at, longest});
  }
  return found;
}

std::vector<AddedTokens::Match> AddedTokens::find_all(std::string_view text, bool control,
                                                      std::span<const ByteRange> literal) const {
  std::vector<Match> matches;
  if (tokens_.empty()) return matches;
  const std::vector<Hit> found = hits(text);
  std::size_t done = 0, next_literal = 0;
  for (auto hit = found.rbegin(); hit != found.rend(); ++hit) {
    if (hit->begin < done) continue;
    while (next_literal < literal.size() && literal[next_literal].end <= hit->begin) ++next_literal;
    // Control tokens that start here must end before this.
    std::size_t limit = control ? text.size() : 0;
    if (next_literal < literal.size()) limit = std::min(limit, literal[next_literal].begin);
    const bool free = limit <= hit->begin;
    std::uint32_t node = hit->node;
    if (free && !ends_token(node, true)) node = nodes_[node].shorter_free;
    for (; node != 0; node = free ? nodes_[node].shorter_free : nodes_[node].shorter) {
      const AddedToken& token = tokens_[nodes_[node].token];
      const std::size_t end = hit->begin + token.text.size();
      if (token.control && end > limit) continue;
      if (token.single_word && !is_alone(text, hit->begin, end)) continue;
      Match match{hit->begin, end, token.id};
      if (token.strip_left) match.begin = spaces_before(text, match.begin, done);
      if (token.strip_right) match.end = spaces_behind(text, match.end);
      matches.push_back(match);
      done = match.end;
      break;
    }
  }
  return matches;
}

const AddedToken* AddedTokens::find(std::string_view text) const {
  std::uint32_t node = 0;
  for (auto c = text.rbegin(); c != text.rend(); ++c)
    if ((node = child(node, static_cast<std::uint8_t>(*c))) == 0) return nullptr;
  return node != 0 && nodes_[node].token >= 0 ? &tokens_[nodes_[node].token] : nullptr;
}

}  // namespace hearth
