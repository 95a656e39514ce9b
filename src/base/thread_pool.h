// One pool per Engine, passed explicitly. Workers spin briefly between jobs (a layer of a small
// model is tens of microseconds) and then park.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
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

  /// Calls `body(chunk, worker)` once for every chunk in [0, chunks), 0 ≤ worker < threads().
  /// Chunks are a fixed grid claimed dynamically: what a chunk computes never depends on who
  /// claims it, so results are the same for any number of threads. Returns when all are done.
  /// One caller at a time; not re-entrant. `body` must not throw.
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

  void run_job(std::int64_t chunks, Call call, void* body);
  void work(int worker);
  void claim(int worker);

  std::vector<std::thread> workers_;
  // A job is published by bumping `epoch_`; a worker reports by lowering `busy_`.
  alignas(64) std::atomic<std::uint32_t> epoch_{0};
  alignas(64) std::atomic<std::int64_t> next_{0};
  alignas(64) std::atomic<int> busy_{0};
  std::int64_t chunks_ = 0;
  Call call_ = nullptr;
  void* body_ = nullptr;
  std::atomic<bool> stop_{false};
  std::atomic<int> parked_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
};

/// Physical cores within this process's affinity and cgroup quota, at least 1.
int default_threads();

}  // namespace hearth
