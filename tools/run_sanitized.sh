#!/usr/bin/env bash
# run_sanitized.sh BUILD: the unit tests under ASan+UBSan, then every fuzzer for FUZZ_SECONDS.
set -u
build=$1
seconds=${FUZZ_SECONDS:-30}
failed=0
ctest --test-dir "$build" --output-on-failure --no-tests=error -E '^e2e' || failed=1
for fuzzer in "$build"/tests/*_fuzz; do
  [ -x "$fuzzer" ] || continue
  name=$(basename "$fuzzer")
  echo "== fuzzing $name for $seconds s"
  corpus=$(mktemp -d)
  [ -d "tests/fuzz/corpus/$name" ] && cp "tests/fuzz/corpus/$name"/* "$corpus"
  if ! "$fuzzer" "$corpus" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=3000 \
      -artifact_prefix="$build/" >"$build/$name.log" 2>&1; then
    tail -n 40 "$build/$name.log"
    failed=1
  else
    grep -E '^#[0-9]+.*DONE' "$build/$name.log"
  fi
  rm -rf "$corpus"
done
exit $failed
