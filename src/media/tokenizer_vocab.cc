#include "media/tokenizer_vocab.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#include "media/unicode.h"

namespace hearth {
namespace {

std::uint32_t hash_of(std::string_view text) {
  constexpr std::uint64_t kMul = 0x9E3779B97F4A7C15u;
  std::uint64_t h = text.size() * kMul;
  auto mix = [&](std::uint64_t word) {
    h = (h ^ word) * kMul;
    h ^= h >> 29;
  };
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    mix(word);
  }
  std::uint64_t tail = 0;
  std::memcpy(&tail, text.data() + i, text.size() - i);
  mix(tail);
  return static_cast<std::uint32_t>(h >> 32 ^ h);
}

/// Printable bytes stand for themselves; the 68 others, in order, for U+0100 and up.
constexpr std::array<char16_t, 256> kByteToChar = [] {
  std::array<char16_t, 256> table{};
  char16_t next = 0x100;
  for (int b = 0; b < 256; ++b) {
    bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    table[b] = printable ? static_cast<char16_t>(b) : next++;
  }
  return table;
}();

constexpr std::array<std::int16_t, 0x144> kCharToByte = [] {
  std::array<std::int16_t, 0x144> table{};
  for (auto& entry : table) entry = -1;
  for (int b = 0; b < 256; ++b) table[kByteToChar[b]] = static_cast<std::int16_t>(b);
  return table;
}();

}  // namespace

void Vocabulary::resize(std::size_t tokens, std::size_t text_bytes) {
  CHECK(tokens <= kMaxTokens);
  entries_.resize(tokens);
  texts_.reserve(text_bytes);
}

void Vocabulary::set(TokenId id, std::string_view text, TokenType type) {
  CHECK(has(id) && texts_.size() + text.size() <= UINT32_MAX);
  entries_[id] = {static_cast<std::uint32_t>(texts_.size()),
                  static_cast<std::uint32_t>(text.size()), type};
  texts_ += text;
}

void Vocabulary::build_index() {
  index_.assign(std::bit_ceil(size() * 2 + 2), {});
  longest_ = 0;
  const std::size_t mask = index_.size() - 1;
  for (TokenId id = 0; has(id); ++id) {
    if (!is_indexed(id)) continue;
    longest_ = std::max<std::size_t>(longest_, entries_[id].length);
    const std::uint32_t hash = hash_of(text(id));
    std::size_t i = hash & mask;
    while (index_[i].id >= 0 && (index_[i].hash != hash || text(index_[i].id) != text(id)))
      i = (i + 1) & mask;
    index_[i] = {hash, id};
  }
}

TokenId Vocabulary::find(std::string_view wanted) const {
  if (index_.empty() || wanted.empty() || wanted.size() > longest_) return -1;
  const std::size_t mask = index_.size() - 1;
  const std::uint32_t hash = hash_of(wanted);
  for (std::size_t i = hash & mask; index_[i].id >= 0; i = (i + 1) & mask)
    if (index_[i].hash == hash && text(index_[i].id) == wanted) return index_[i].id;
  return -1;
}

void byte_level::encode(std::string_view bytes, std::string& out) {
  for (char b : bytes) unicode::append_utf8(out, kByteToChar[static_cast<unsigned char>(b)]);
}

std::optional<std::string> byte_level::decode(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) {
    unicode::Decoded c = unicode::decode(text, at);
    if (!c.valid || c.code >= kCharToByte.size() || kCharToByte[c.code] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kCharToByte[c.code]));
    at += c.length;
  }
  return bytes;
}

std::optional<std::uint8_t> parse_byte_token(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  int value = 0;
  for (char c : text.substr(3, 2)) {
    bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'F', lower = c >= 'a' && c <= 'f';
    if (!digit && !upper && !lower) return std::nullopt;
    value = value * 16 + (digit ? c - '0' : upper ? c - 'A' + 10 : c - 'a' + 10);
  }
  return static_cast<std::uint8_t>(value);
}

}  // namespace hearth
