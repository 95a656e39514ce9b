#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/check.h"

namespace hearth {
namespace {

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

using namespace std::chrono_literals;

// Long enough to cover the serial gaps inside a decode step, short enough not to heat a laptop.
constexpr auto kSpin = 50us;
// A wait for the others is a stall when it lasts this long and that many chunks longer. One now and
// then is how busy machines are; when stalls cost more than a thread is worth, one goes for a
// while: twice as long each time that calling it back was no good.
constexpr auto kStall = 200us;
constexpr int kStallChunks = 4;
constexpr auto kWatched = 20ms, kForget = 200ms;
constexpr auto kShortDismissal = 20ms, kLongDismissal = 320ms;

}  // namespace

ThreadPool::ThreadPool(int threads)
    : ranges_(static_cast<std::size_t>(std::max(threads, 1))), active_(std::max(threads, 1)) {
  try {
    for (int worker = 1; worker < threads; ++worker)
      workers_.emplace_back([this, worker] { serve(worker); });
  } catch (...) {  // more than the system grants
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    epoch_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

bool ThreadPool::claim(Range& range, std::int64_t& chunk) {
  std::uint64_t word = range.word.load(std::memory_order_acquire);
  do {
    chunk = static_cast<std::int64_t>(word & 0xffffffff);
    if (chunk >= static_cast<std::int64_t>(word >> 32)) return false;
  } while (!range.word.compare_exchange_weak(word, word + 1, std::memory_order_acquire));
  return true;
}

/// Its own range, then what is left of the others'. Returns the number of chunks done.
std::int64_t ThreadPool::work_off(int worker) {
  std::int64_t done = 0, chunk = 0;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    Range& range = ranges_[(static_cast<std::size_t>(worker) + i) % ranges_.size()];
    for (; claim(range, chunk); ++done) call_(body_, chunk, worker);
  }
  if (done > 0) unfinished_.fetch_sub(done, std::memory_order_release);
  return done;
}

void ThreadPool::run_job(std::int64_t chunks, Call call, void* body) {
  CHECK(chunks <= UINT32_MAX);
  const Clock::time_point started = Clock::now();
  if (active_.load(std::memory_order_relaxed) < threads() && started >= recall_at_) recall_one();
  const int active = active_.load(std::memory_order_relaxed);
  call_ = call;
  body_ = body;
  unfinished_.store(chunks, std::memory_order_relaxed);
  for (int worker = 0; worker < active; ++worker) {
    const auto next = static_cast<std::uint64_t>(chunks * worker / active);
    const auto end = static_cast<std::uint64_t>(chunks * (worker + 1) / active);
    ranges_[static_cast<std::size_t>(worker)].word.store(end << 32 | next,
                                                         std::memory_order_release);
  }
  epoch_.fetch_add(1);  // sequentially consistent with `parked_`: either we see a sleeper or it us
  if (parked_.load() > 0) {
    {
      std::lock_guard lock(mutex_);
    }
    wake_.notify_all();
  }
  const std::int64_t done = work_off(0);
  if (unfinished_.load(std::memory_order_acquire) > 0) wait_for_others(started, done);
}

/// Nothing is left to claim, but others are still in their last chunks.
void ThreadPool::wait_for_others(Clock::time_point started, std::int64_t done_here) {
  for (int spins = 0; spins < 2000; ++spins) {
    if (unfinished_.load(std::memory_order_acquire) == 0) return;
    relax();
  }
  const Clock::time_point waiting = Clock::now();
  while (unfinished_.load(std::memory_order_acquire) > 0)
    sched_yield();  // whom we wait for may want this core
  const Clock::duration waited = Clock::now() - waiting;
  const Clock::duration chunk = (waiting - started) / std::max<std::int64_t>(done_here, 1);
  if (waited > kStall + kStallChunks * chunk) count_loss(started, waited);
}

void ThreadPool::count_loss(Clock::time_point started, Clock::duration waited) {
  const Clock::time_point now = Clock::now();
  if (lost_ == Clock::duration{} || now - watched_since_ > kForget) {
    watched_since_ = started;
    lost_ = {};
  }
  lost_ += waited;
  const Clock::duration watched = now - watched_since_;
  if (watched < kWatched) return;
  // A thread less costs 1/active of the speed at most: memory does not get slower with it.
  if (lost_ * (active() + 1) > watched) dismiss_one(now);
  lost_ = {};
}

void ThreadPool::dismiss_one(Clock::time_point now) {
  if (active() == 1) return;
  const bool again = dismissal_ > Clock::duration{} && now - recalled_at_ < 4 * dismissal_;
  dismissal_ = again ? std::min<Clock::duration>(2 * dismissal_, kLongDismissal) : kShortDismissal;
  recall_at_ = now + dismissal_;
  active_.fetch_sub(1);
}

void ThreadPool::recall_one() {
  {
    std::lock_guard lock(mutex_);
    active_.fetch_add(1);
  }
  wake_.notify_all();
  recalled_at_ = Clock::now();
  recall_at_ = recalled_at_ + dismissal_;  // for the next one, should more be away
}

/// Sleeps until a job after `seen` wants this worker.
void ThreadPool::rest(int worker, std::uint32_t seen) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool wanted = worker < active_.load();
    if (wanted) parked_.fetch_add(1);
    if (!stop_ && (!wanted || epoch_.load() == seen)) wake_.wait(lock);
    if (wanted) parked_.fetch_sub(1);
    if (stop_ || (worker < active_.load() && epoch_.load() != seen)) return;
  }
}

void ThreadPool::serve(int worker) {
  std::uint32_t seen = 0;
  for (;;) {
    const auto deadline = Clock::now() + kSpin;
    for (int spins = 0; epoch_.load(std::memory_order_acquire) == seen; ++spins) {
      relax();
      if (spins % 64 == 63 && Clock::now() >= deadline) break;
    }
    if (epoch_.load(std::memory_order_acquire) == seen || worker >= active_.load())
      rest(worker, seen);
    seen = epoch_.load(std::memory_order_acquire);
    if (stop_) return;
    work_off(worker);
  }
}

int default_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  // Two hardware threads of one core share its vector units: count cores.
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    std::string siblings = std::to_string(cpu);
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                       "/topology/thread_siblings_list");
    if (file) std::getline(file, siblings);
    cores.insert(siblings);
  }
  int threads = static_cast<int>(cores.size());
  std::ifstream quota("/sys/fs/cgroup/cpu.max");
  std::string limit;
  double period = 0;
  if (quota >> limit >> period && limit != "max" && period > 0)
    threads = std::min(threads, static_cast<int>(std::ceil(std::atof(limit.c_str()) / period)));
  return std::max(threads, 1);
}

}  // namespace hearth
