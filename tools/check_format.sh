#!/usr/bin/env bash
# clang-format is law.
set -eu
cd "$(dirname "$0")/.."
git ls-files '*.h' '*.cc' | xargs clang-format-16 --dry-run -Werror
