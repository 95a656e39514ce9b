// What this machine's core can do at most, measured: the yardsticks of the benchmarks.
#pragma once

namespace hearth::bench {

struct Roofs {
  double int8_gops = 0;   ///< int8 multiply-adds counted as two operations, in registers
  double f32_gflops = 0;  ///< fused multiply-adds counted as two operations, in registers
  double read_gbs = 0;    ///< one thread reading memory far larger than the caches
};

/// `isa` as in the kernel table; instructions of that set only.
Roofs measure_roofs(const char* isa);

/// Seconds that this thread has run: waiting for a busy machine does not count.
double now();

/// The least time of `body` over at least `seconds` and five runs: other work on the machine only
/// ever adds time.
template <class Body>
double best_seconds(double seconds, Body&& body) {
  double best = 1e30;
  int runs = 0;
  for (double end = now() + seconds; runs < 5 || now() < end; ++runs) {
    const double start = now();
    body();
    const double spent = now() - start;
    if (spent < best) best = spent;
  }
  return best;
}

}  // namespace hearth::bench
