// Clocks for the benchmarks of single kernels.
#pragma once

#include <time.h>

#include <algorithm>

namespace hearth::bench {

/// Seconds that this thread has run: waiting for a busy machine does not count.
inline double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// The least time of `body` over at least `seconds` and five runs: other work on the machine only
/// ever adds time.
template <class Body>
double best_seconds(double seconds, Body&& body) {
  double best = 1e30;
  int runs = 0;
  for (double end = now() + seconds; runs < 5 || now() < end; ++runs) {
    const double start = now();
    body();
    best = std::min(best, now() - start);
  }
  return best;
}

}  // namespace hearth::bench
