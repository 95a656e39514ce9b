#include "base/thread_pool.h"

#include <sched.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hearth {
namespace {

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Long enough to cover the serial gaps inside a decode step, short enough not to heat a laptop.
constexpr auto kSpin = std::chrono::microseconds(50);

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int worker = 1; worker < threads; ++worker)
    workers_.emplace_back([this, worker] { work(worker); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    epoch_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::claim(int worker) {
  for (;;) {
    std::int64_t chunk = next_.fetch_add(1, std::memory_order_relaxed);
    if (chunk >= chunks_) return;
    call_(body_, chunk, worker);
  }
}

void ThreadPool::run_job(std::int64_t chunks, Call call, void* body) {
  chunks_ = chunks;
  call_ = call;
  body_ = body;
  next_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  epoch_.fetch_add(1);  // sequentially consistent with `parked_`: either we see a sleeper or it us
  if (parked_.load() > 0) {
    {
      std::lock_guard lock(mutex_);
    }
    wake_.notify_all();
  }
  claim(0);
  // Every worker must have left the job before its body goes out of scope. A worker that has been
  // scheduled away (a busy machine) would burn our core, so we yield after a while.
  for (int spins = 0; busy_.load(std::memory_order_acquire) > 0; ++spins) {
    if (spins < 2000)
      relax();
    else
      sched_yield();
  }
}

void ThreadPool::work(int worker) {
  std::uint32_t seen = 0;
  for (;;) {
    auto deadline = std::chrono::steady_clock::now() + kSpin;
    for (int spins = 0; epoch_.load(std::memory_order_acquire) == seen; ++spins) {
      relax();
      if (spins % 64 != 63 || std::chrono::steady_clock::now() < deadline) continue;
      std::unique_lock lock(mutex_);
      parked_.fetch_add(1);
      wake_.wait(lock, [&] { return epoch_.load() != seen; });
      parked_.fetch_sub(1);
      break;
    }
    seen = epoch_.load(std::memory_order_acquire);
    if (stop_) return;
    claim(worker);
    busy_.fetch_sub(1, std::memory_order_release);
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
