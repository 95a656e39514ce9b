// Byte-pair encoding: neighbours are merged, best rank first, leftmost first among equals, until no
// pair can be. O(n log n) in the length of a word, however long.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace hearth::bpe {

/// What merging two neighbours gives. `rank` < 0: they do not merge.
struct Merge {
  std::int32_t rank = -1;
  std::int32_t id = -1;
};

/// (left id, right id) → Merge. Open addressing: a vocabulary has up to half a million of them.
class MergeTable {
 public:
  void reserve(std::size_t merges);
  /// The first insertion of a pair wins.
  void insert(std::int32_t left, std::int32_t right, Merge merge);
  Merge find(std::int32_t left, std::int32_t right) const {
    if (slots_.empty() || left < 0 || right < 0) return {};
    for (std::size_t i = start(left, right);; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.left == left && slot.right == right) return slot.merge;
      if (slot.left < 0) return {};
    }
  }
  std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::int32_t left = -1, right = -1;
    Merge merge;
  };
  std::size_t start(std::int32_t left, std::int32_t right) const {
    std::uint64_t key = std::uint64_t(std::uint32_t(left)) << 32 | std::uint32_t(right);
    return key * 0x9E3779B97F4A7C15u >> 32 & mask_;
  }

  std::vector<Slot> slots_;  ///< a power of two, at most half full
  std::size_t mask_ = 0, size_ = 0;
};

/// One piece of a word while it is being merged: bytes [begin, begin + length) of the text.
struct Symbol {
  std::uint32_t begin = 0, length = 0;  ///< length 0: merged into the one before it
  std::int32_t id = -1;                 ///< −1: no token; merges only where a lookup says so
  std::int32_t previous = -1, next = -1;
};

/// The working memory of merging, reused from word to word.
class Merger {
 public:
  void clear() { symbols_.clear(); }
  void add(std::uint32_t begin, std::uint32_t length, std::int32_t id) {
    auto i = static_cast<std::int32_t>(symbols_.size());
    if (i > 0) symbols_.back().next = i;
    symbols_.push_back({begin, length, id, i - 1, -1});
  }

  /// `lookup(const Symbol& left, const Symbol& right) → Merge`.
  template <class Lookup>
  void merge(Lookup&& lookup) {
    queue_.clear();
    for (std::size_t i = 0; i + 1 < symbols_.size(); ++i) propose(i, lookup, false);
    std::make_heap(queue_.begin(), queue_.end(), After{});
    while (!queue_.empty()) {
      Candidate best = queue_.front();
      std::pop_heap(queue_.begin(), queue_.end(), After{});
      queue_.pop_back();
      if (is_stale(best)) continue;
      join(best);
      propose(best.left, lookup, true);
      if (symbols_[best.left].previous >= 0) propose(symbols_[best.left].previous, lookup, true);
    }
  }

  /// Calls `visit(const Symbol&)` for what is left, in order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::int32_t i = symbols_.empty() ? -1 : 0; i >= 0; i = symbols_[i].next)
      visit(symbols_[i]);
  }

 private:
  struct Candidate {
    Merge merge;
    std::int32_t left;
    std::uint32_t length;  ///< of both: tells a candidate whose symbols have grown since
  };
  struct After {
    bool operator()(const Candidate& a, const Candidate& b) const {
      return a.merge.rank != b.merge.rank ? a.merge.rank > b.merge.rank : a.left > b.left;
    }
  };

  template <class Lookup>
  void propose(std::size_t left, Lookup& lookup, bool heap) {
    const Symbol& a = symbols_[left];
    if (a.next < 0) return;
    const Symbol& b = symbols_[a.next];
    Merge merge = lookup(a, b);
    if (merge.rank < 0) return;
    queue_.push_back({merge, static_cast<std::int32_t>(left), a.length + b.length});
    if (heap) std::push_heap(queue_.begin(), queue_.end(), After{});
  }

  bool is_stale(const Candidate& c) const {
    const Symbol& a = symbols_[c.left];
    return a.length == 0 || a.next < 0 || a.length + symbols_[a.next].length != c.length;
  }

  void join(const Candidate& c) {
    Symbol& a = symbols_[c.left];
    Symbol& b = symbols_[a.next];
    a.id = c.merge.id;
    a.length += b.length;
    a.next = b.next;
    b.length = 0;
    if (a.next >= 0) symbols_[a.next].previous = c.left;
  }

  std::vector<Symbol> symbols_;
  std::vector<Candidate> queue_;
};

}  // namespace hearth::bpe
