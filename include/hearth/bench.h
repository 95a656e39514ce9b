// How fast a model runs here: the same code paths as a chat, timed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hearth/engine.h"
#include "hearth/model.h"
#include "hearth/result.h"

namespace hearth {

struct BenchOptions {
  std::vector<int> prompts = {512};  ///< tokens read at once, a test each; 0 is none
  int decode = 128;                  ///< tokens made one after another; 0 leaves the test out
  std::vector<int> depths = {0};     ///< positions in the cache before decoding, a test each
  int tiles = 1;  ///< picture tiles encoded, where the model sees; 0 leaves the test out
  int repeats = 5;
  bool roof = false;  ///< measure_roof around every repeat
  ProgressHook progress = {};
};

/// What this machine can do at most with the engine's ISA and threads, measured now. 0: not known
/// (the reference kernels have no roof).
struct Roof {
  double int8_gops = 0;    ///< 8-bit multiply-adds, counted as two operations, 10⁹ a second
  double bf16_gflops = 0;  ///< bfloat16 multiply-adds; 0: this processor has none
  double f32_gflops = 0;   ///< fused multiply-adds, counted as two operations, 10⁹ a second
  double read_gbs = 0;     ///< reading memory far larger than the caches, 10⁹ bytes a second
};

/// Takes about a second and 256 MB of memory.
Result<Roof> measure_roof(const Engine& engine);

/// What a test has to do at least: operations of its matrix products and attention, and bytes of
/// weights and KV cache.
struct BenchWork {
  double int8_ops = 0, bf16_ops = 0, float_ops = 0, bytes = 0;

  /// The time that a machine at its roof would need: products at the int8 and float roofs one after
  /// the other (the mixed roof), or memory, whatever is longer. 0 where the roof is not known.
  double roof_ms(const Roof& roof) const;
};

/// The context that these tests need.
int positions_needed(const BenchOptions& options);

/// One test: `ms` of each repeat for `n` tokens or tiles, in the order they were run.
struct BenchResult {
  std::string test;  ///< "prompt", "decode", "tile", "first_token" (an 8-token prompt)
  int n = 0;
  int depth = 0;  ///< of a decode test
  std::vector<double> ms = {};
  BenchWork work = {};  ///< of one repeat
  /// With BenchOptions::roof, where the roof is known: the share of it that each repeat reached, 0
  /// …
  /// 1. What a shared machine can do changes by the second, so the better of the probes right
  /// before and right after a repeat counts.
  std::vector<double> shares = {};
  Roof roof = {};  ///< the best of all probes
};

/// Random tokens and random pixels; each test is run once to warm up, then `repeats` times, the
/// tests taking turns. Errors: counts below 0, more positions than the context.
Result<std::vector<BenchResult>> bench(const Model& model, const BenchOptions& options = {});

/// Highest resident memory of this process so far, bytes.
std::uint64_t peak_rss_bytes();

}  // namespace hearth
