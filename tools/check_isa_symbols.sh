#!/bin/sh
# check_isa_symbols.sh BUILD_DIR: every ISA object exports exactly one symbol, its kernel table.
# A weak copy of an inline function built with AVX-512 could win the link and crash older machines.
set -eu
build=${1:?usage: check_isa_symbols.sh BUILD_DIR}
failed=0
found=0
for object in "$build"/CMakeFiles/hearth_kernels_*.dir/src/kernels/*/*.o; do
  [ -e "$object" ] || continue
  found=$((found + 1))
  isa=$(basename "$(dirname "$object")")
  # Upper case but U: defined and visible to the linker; u, v, w, V, W: unique and weak ones.
  symbols=$("${NM:-nm}" -C --defined-only "$object" | awk '$2 ~ /^[A-TV-Zuvw]$/' | sed 's/^[^ ]* //')
  if [ "$symbols" != "T hearth::kernels::${isa}_kernels()" ]; then
    echo "$object should export only ${isa}_kernels():" >&2
    echo "$symbols" >&2
    failed=1
  fi
done
[ "$found" -gt 0 ] || { echo "no ISA objects under $build" >&2; exit 1; }
exit $failed
