#!/usr/bin/env bash
# Includes point down only (docs/ARCHITECTURE.md). Prints every line that points up; exit 1 if any.
set -eu
cd "$(dirname "$0")/.."
declare -A may=(
  [base]="base hearth"
  [kernels]="kernels base"
  [formats]="formats base"
  [media]="media formats base"
  [tensor]="tensor kernels base"
  [models]="models tensor formats media base"
  [tasks]="tasks models tensor formats media base"
  [api]="api tasks models tensor kernels formats media base hearth"
)
bad=0
for layer in "${!may[@]}"; do
  allowed=" ${may[$layer]} "
  while IFS=: read -r file line text; do
    target=$(sed -E 's/.*#include "([a-z0-9_]+)\/.*/\1/' <<<"$text")
    case $allowed in
      *" $target "*) ;;
      *) echo "$file:$line: src/$layer may not include $target/"; bad=1 ;;
    esac
  done < <(grep -rnE '^#include "[a-z0-9_]+/' "src/$layer" --include='*.h' --include='*.cc' || true)
done
# Applications see the public API alone; apps/debug is a developer's tool and may see src.
while IFS=: read -r file line text; do
  case $text in
    *'"hearth/'* | *'"apps/'*) ;;
    *) header=$(sed -E 's/.*"(.*)".*/\1/' <<<"$text")
       if [ -e "src/$header" ]; then echo "$file:$line: an app may not include $header"; bad=1; fi ;;
  esac
done < <(grep -rnE '^#include "' apps --include='*.h' --include='*.cc' | grep -v '^apps/debug/')
while IFS=: read -r file line text; do
  echo "$file:$line: the public API includes std and hearth/ only"; bad=1
done < <(grep -rnE '^#include "' include | grep -v '#include "hearth/')
exit $bad
