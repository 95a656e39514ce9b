#!/usr/bin/env bash
# run_tests.sh BUILD ISA…: all tests once, then those that compute again on every other ISA of this
# machine. HEARTH_ISA set: that one only. Skipped tests are printed.
set -u
build=$1
shift
failed=0
skipped=$(mktemp)
trap 'rm -f "$skipped"' EXIT
run() {
  ctest --test-dir "$build" --output-on-failure --no-tests=error "$@" || failed=1
  grep -h '^skipped: ' "$build/Testing/Temporary/LastTest.log" >>"$skipped"
}

run
if [ -z "${HEARTH_ISA:-}" ]; then
  best=$("$build/hearth" doctor --isa 2>/dev/null || true)
  for isa in "$@"; do
    if [ "$isa" = "$best" ]; then continue; fi
    if ! HEARTH_ISA=$isa "$build/hearth" doctor --isa >/dev/null 2>&1; then
      echo "skipped: ISA $isa, which this processor does not have"
      continue
    fi
    echo "== again with HEARTH_ISA=$isa"
    HEARTH_ISA=$isa run -R '^(tensor|models|tasks|api)$'
  done
fi

echo "== skipped tests"
[ -s "$skipped" ] && sort "$skipped" | uniq -c || echo "   none"
exit $failed
