#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>

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

TEST(ThreadPool, ManyShortJobsWithPausesNeverHang) {
  ThreadPool pool(4);
  std::atomic<long> sum{0};
  for (int job = 0; job < 20000; ++job) {
    pool.run(4, [&](std::int64_t chunk, int) { sum += chunk; });
    if (job % 2000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // all park
  }
  EXPECT_EQ(sum, 20000L * 6);
}

TEST(ThreadPool, DefaultIsAtLeastOne) { EXPECT_GE(default_threads(), 1); }

}  // namespace
}  // namespace hearth
