// What `hearth run` was asked for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hearth/chat.h"
#include "hearth/model.h"

namespace hearth::cli {

struct RunOptions {
  std::optional<std::string> first, second;  ///< [MODEL] [PROMPT], not yet told apart
  std::vector<std::string> images;
  std::string system;
  int threads = 0;
  bool raw = false, json = false, stats = false, global_only = false, offline = false;
  bool keep_packed = false;
  LoadOptions load;
  AnswerOptions answer;
};

}  // namespace hearth::cli
