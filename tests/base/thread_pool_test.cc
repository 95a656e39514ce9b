#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <vector>

namespace hearth {
namespace {

TEST(ThreadPool, RunsEveryChunkOnceWhateverTheThreads) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (int chunks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> counts(chunks);
      pool.run(chunks, [&](std::int64_t chunk, int worker) {
        ASSERT_LT(worker, threads);
        ++counts[chunk];
      });
      for (auto& count : counts) EXPECT_EQ(count, 1);
    }
  }
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__clang__)
// Not under sanitizers, which need address space without end, nor emulated, where limits are not
// kept.
[[noreturn]] void make_a_pool_that_does_not_fit() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, std::size_t{64} << 20);
  pthread_setattr_default_np(&attributes);
  const rlimit memory{std::size_t{2} << 30, std::size_t{2} << 30};
  ::setrlimit(RLIMIT_AS, &memory);
  try {
    ThreadPool pool(200);
  } catch (const std::system_error&) {
    std::_Exit(7);
  }
  std::_Exit(1);
}

TEST(ThreadPool, MoreThreadsThanTheSystemGrantsIsAnException) {
  EXPECT_EXIT(make_a_pool_that_does_not_fit(), testing::ExitedWithCode(7), "");
}
#endif

TEST(ThreadPool, ManyShortJobsWithPausesNeverHang) {
  ThreadPool pool(4);
  std::atomic<long> sum{0};
  for (int job = 0; job < 20000; ++job) {
    pool.run(4, [&](std::int64_t chunk, int) { sum += chunk; });
    if (job % 2000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // all park
  }
  EXPECT_EQ(sum, 20000L * 6);
}

TEST(ThreadPool, NeighboursStartOnOneThread) {
  ThreadPool pool(2);
  std::vector<int> who(8, -1);
  std::atomic<int> arrived{0};
  pool.run(8, [&](std::int64_t chunk, int worker) {
    who[chunk] = worker;
    // Both threads are at work before either goes on, so nobody runs out and helps.
    if (arrived.fetch_add(1) < 2)
      while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_EQ(who[0], 0);
  EXPECT_EQ(who[4], 1);
}

TEST(ThreadPool, DoesWithoutAThreadThatStallsThenCallsItBack) {
  using namespace std::chrono_literals;
  ThreadPool pool(2);
  // Both threads meet in a job; then the second may stall.
  const auto meet = [&](std::chrono::milliseconds stall) {
    std::atomic<int> arrived{0};
    pool.run(2, [&](std::int64_t, int worker) {
      arrived.fetch_add(1);
      for (int i = 0; i < 5000 && arrived < 2; ++i) std::this_thread::sleep_for(1ms);
      if (worker == 1) std::this_thread::sleep_for(stall);  // as if others had its core
    });
    return arrived == 2;
  };
  ASSERT_TRUE(meet(300ms));
  EXPECT_EQ(pool.active(), 1);
  std::vector<int> who(100, -1);
  pool.run(100, [&](std::int64_t chunk, int worker) { who[chunk] = worker; });
  EXPECT_EQ(std::count(who.begin(), who.end(), 0), 100);
  std::this_thread::sleep_for(15ms);
  std::atomic<int> most{0};
  for (int attempt = 0; attempt < 50 && most < 1; ++attempt) {
    pool.run(2, [&](std::int64_t, int worker) {
      if (worker == 1) most = 1;
      std::this_thread::sleep_for(1ms);
    });
  }
  EXPECT_EQ(most, 1);
}

TEST(ThreadPool, DefaultIsAtLeastOne) { EXPECT_GE(default_threads(), 1); }

}  // namespace
}  // namespace hearth
