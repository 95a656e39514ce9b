// How fast a model runs here: the same code paths as a chat, timed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hearth/model.h"
#include "hearth/result.h"

namespace hearth {

struct BenchOptions {
  int prompt = 512;  ///< tokens read at once; 0 leaves the test out
  int decode = 128;  ///< tokens made one after another; 0 leaves the test out
  int tiles = 1;     ///< picture tiles encoded, where the model sees; 0 leaves the test out
  int repeats = 5;
  ProgressHook progress;
};

/// One test: `ms` of each repeat for `n` tokens or tiles, in the order they were run.
struct BenchResult {
  std::string test;  ///< "prompt", "decode", "tile", "first_token" (an 8-token prompt)
  int n = 0;
  std::vector<double> ms;
};

/// Random tokens and random pixels; each test is run once to warm up, then `repeats` times, the
/// tests taking turns. Errors: counts below 0, more positions than the context.
Result<std::vector<BenchResult>> bench(const Model& model, const BenchOptions& options = {});

/// Highest resident memory of this process so far, bytes.
std::uint64_t peak_rss_bytes();

}  // namespace hearth
