// The verbs of `hearth debug`: each returns what went wrong, or prints and writes its result.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "debug/workbench.h"
#include "hearth/context.h"

namespace hearth::debug {

using cli::Console;

struct LogitsWishes {
  Setup setup;
  std::string tokens, features, out, dump;
  std::vector<std::string> images;
  bool times = false;
};
Status logits(Console& console, const LogitsWishes& wishes);

/// The defaults of `features`: f32 throughout.
inline Setup exact() {
  Setup setup;
  setup.precision = "f32";
  return setup;
}

struct FeaturesWishes {
  Setup setup = exact();
  std::string pixels, out;
  std::vector<std::string> images;
  bool times = false;
};
Status features(Console& console, const FeaturesWishes& wishes);

struct PreprocessWishes {
  std::string model, mmproj, image, mode = "hf_pil";
  int longest_edge = 0, tile = 0, max_tiles = -1;
  bool no_upscale = false, global_only = false, json = false;
};
Status preprocess(Console& console, const PreprocessWishes& wishes);

struct TemplateWishes {
  std::string file, input;
};
Status render_template(Console& console, const TemplateWishes& wishes);

struct DiffWishes {
  Setup a;  ///< `b` runs with the same, but for the model
  std::string b, tokens, pixels;
  double threshold = 1e-6;
  bool all = false;
};
Status diff(Console& console, const DiffWishes& wishes);

struct CompareWishes {
  std::string a, b;
  double limit = -1;  ///< an NMSE above it is an error; negative: no limit
};
Status compare(Console& console, const CompareWishes& wishes);

}  // namespace hearth::debug
