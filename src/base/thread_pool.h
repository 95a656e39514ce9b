// One pool per Engine, passed explicitly. Workers spin briefly between jobs (a layer of a small
// model is tens of microseconds) and then park. On a machine whose cores are wanted by others too,
// a thread that the system takes off its core in the middle of a chunk holds up everybody for
// milliseconds; the pool notices and does with fewer threads for a while.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace hearth {

class ThreadPool {
 public:
  /// `threads` ≥ 1 counts the caller, which always works too.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }
  /// How many of them the next job will use: fewer for a while on a busy machine.
  int active() const { return active_.load(std::memory_order_relaxed); }

  /// Calls `body(chunk, worker)` once for every chunk in [0, chunks), 0 ≤ worker < threads().
  /// Chunks are a fixed grid: what a chunk computes never depends on who claims it, so results are
  /// the same for any number of threads. Every thread begins with a run of neighbours (weights
  /// stream from memory in long stretches) and helps the others when it is through with it.
  /// Returns when all are done. One caller at a time; not re-entrant. `body` must not throw.
  template <class Body>
  void run(std::int64_t chunks, Body&& body) {
    if (chunks <= 0) return;
    if (workers_.empty() || chunks == 1) {
      for (std::int64_t chunk = 0; chunk < chunks; ++chunk) body(chunk, 0);
      return;
    }
    using B = std::remove_reference_t<Body>;
    run_job(
        chunks,
        [](void* b, std::int64_t chunk, int worker) { (*static_cast<B*>(b))(chunk, worker); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  using Call = void (*)(void* body, std::int64_t chunk, int worker);
  using Clock = std::chrono::steady_clock;
  /// Chunks [next, end) of one worker: the low and the high half of one word, so that a claim is
  /// one compare-and-swap. A claim that succeeds is always one of the present job's.
  struct alignas(64) Range {
    std::atomic<std::uint64_t> word{0};
  };

  void run_job(std::int64_t chunks, Call call, void* body);
  void serve(int worker);
  void stop();
  void rest(int worker, std::uint32_t seen);
  bool claim(Range& range, std::int64_t& chunk);
  std::int64_t work_off(int worker);
  void wait_for_others(Clock::time_point started, std::int64_t done_here);
  void count_loss(Clock::time_point started, Clock::duration waited);
  void dismiss_one(Clock::time_point now);
  void recall_one();

  std::vector<std::thread> workers_;
  std::vector<Range> ranges_;  ///< one a thread
  // A job is published by its ranges, then announced by bumping `epoch_`; it is over when nothing
  // is unfinished. Who sleeps through a job is not waited for: others take its chunks.
  alignas(64) std::atomic<std::uint32_t> epoch_{0};
  alignas(64) std::atomic<std::int64_t> unfinished_{0};
  Call call_ = nullptr;
  void* body_ = nullptr;
  std::atomic<bool> stop_{false};
  std::atomic<int> parked_{0};  ///< workers asleep that the next job wants
  std::mutex mutex_;
  std::condition_variable wake_;

  // Threads in use: fewer for a while when others keep us off the cores.
  std::atomic<int> active_;
  Clock::time_point recall_at_{}, recalled_at_{}, watched_since_{};
  Clock::duration dismissal_{}, lost_{};  ///< lost: waited in vain since `watched_since_`
};

/// Physical cores within this process's affinity and cgroup quota, at least 1.
int default_threads();

}  // namespace hearth
