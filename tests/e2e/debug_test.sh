#!/usr/bin/env bash
# debug_test.sh HEARTH: `hearth debug` against goldens (debug_cases.txt), and convert there and back.
# Prints "ok NAME" or "FAIL NAME" a line, then "N passed, M failed". Goldens that are not in the
# checkout are looked for in the shared folder beside it.
set -u
for name in $(compgen -e | grep '^HEARTH_' | grep -vE '^HEARTH_(ISA|SHARED_DIR)$'); do unset "$name"; done
hearth=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
shared=${HEARTH_SHARED_DIR:-$root/../shared}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

ok() { passed=$((passed + 1)); echo "ok $1"; }
fail() { failed=$((failed + 1)); echo "FAIL $1: $(head -c 300 err)"; }
check() { if "${@:2}" >checked 2>err; then ok "$1"; else fail "$1"; fi; }

# golden NAME: its path, or nothing.
golden() {
  local dir
  for dir in "$root/tests/data/goldens" "$shared/goldens"; do
    if [ -e "$dir/$1" ]; then echo "$dir/$1"; return; fi
  done
}

# ---- every row of debug_cases.txt ----
absent=0
while IFS='|' read -r verb model input target limit flags; do
  case $verb in ''|'#'*) continue ;; esac
  words=()
  for word in $flags; do
    case $word in */*) word=$(golden "$word") ;; esac
    words+=("$word")
  done
  name="$verb $model ${target##*/} $flags"
  model=$(golden "$model") target=$(golden "$target")
  if [ "$verb" = features ]; then input=$(golden "$input"); flag=--pixels; else flag=--tokens; fi
  if [ -z "$model" ] || [ -z "$target" ] || [ -z "$input" ]; then
    absent=$((absent + 1)); continue
  fi
  if "$hearth" debug "$verb" --model "$model" $flag "$input" "${words[@]}" --out v.npy 2>err >out &&
     "$hearth" debug compare v.npy "$target" --max "$limit" 2>err >out; then
    ok "$name"
  else
    fail "$name"
  fi
done <"$root/tests/e2e/debug_cases.txt"
[ $absent = 0 ] || echo "skipped: $absent cases whose goldens are not here"

# ---- convert: the same numbers, bit by bit, as the directory ----
tokens=1,339,190,284,67,211,436
dir=$(golden hf/smolvlm-tiny-bf16)
"$hearth" debug logits --model "$dir" --tokens $tokens --out dir.npy 2>err
"$hearth" debug features --model "$dir" --pixels "$(golden vision/a.tiles.npy)" --out dirf.npy 2>err
for type in f32 f16 bf16; do
  check "convert --type $type" "$hearth" convert "$dir" $type.gguf --type $type
  "$hearth" debug logits --model $type.gguf --tokens $tokens --out file.npy 2>err
  check "logits of $type.gguf equal the directory's" cmp dir.npy file.npy
  "$hearth" debug features --model $type.gguf --pixels "$(golden vision/a.tiles.npy)" --out file.npy 2>err
  check "features of $type.gguf equal the directory's" cmp dirf.npy file.npy
done
check "convert --type q8_0" "$hearth" convert "$dir" q8_0.gguf
"$hearth" debug logits --model q8_0.gguf --precision f32 --tokens $tokens --out file.npy 2>err
check "8-bit weights stay near" "$hearth" debug compare file.npy dir.npy --max 1e-3
check "only the files asked for are left" \
  test "$(ls ./*.gguf* | wc -l)" = 8

# ---- results do not depend on threads ----
"$hearth" debug logits --model q8_0.gguf --threads 1 --tokens $tokens --out one.npy 2>err
"$hearth" debug logits --model q8_0.gguf --threads 2 --tokens $tokens --out two.npy 2>err
check "one thread equals two" cmp one.npy two.npy

# ---- diff ----
"$hearth" debug diff "$dir" f16.gguf --tokens $tokens >out 2>err
check "diff of equals" grep -q '^no op parts' out
"$hearth" debug diff "$dir" q8_0.gguf --precision f32 --threshold 1e-9 --tokens $tokens >diff 2>err
check "diff finds the first quantised op" grep -q '^first parts at layer   0   0 gather' diff
"$hearth" debug diff "$dir@reference" "$dir" --tokens $tokens >diff 2>err
check "the best kernels agree with the reference" grep -q '^no op parts' diff
"$hearth" debug diff "$dir" "$dir@reference" --pixels "$(golden vision/a.tiles.npy)" >diff 2>err
check "in the tower too" grep -q '^no op parts' diff

# ---- preprocess and template ----
"$hearth" debug preprocess --longest-edge 2048 --tile 512 --image "$root/docs/demo.png" --json >out 2>err
check "preprocess tells all stages" grep -q '"stage1_crc".*"rows":.*"tiles":\[.*"global_crc":' out
printf '%s' '{% for m in messages %}{{ m.role | upper }}: {{ m.content }}{% endfor %}{{ x }}' >t.jinja
printf '%s' '{"messages":[{"role":"user","content":"hi"}],"tools":null,"x":7}' >case.json
check "template renders, nothing added" \
  test "$("$hearth" debug template t.jinja --input case.json; echo .)" = "USER: hi7."
printf '%s' '{{ raise_exception("no such role") }}' >t.jinja
"$hearth" debug template t.jinja --input case.json >out 2>err
check "a template's own error is exit 2" test $? = 2 -a -n "$(grep 'no such role' err)"

# ---- wrong input: one line, exit 2 ----
bad() {
  local name=$1 pattern=$2; shift 2
  "$hearth" "$@" >out 2>err
  check "$name" test $? = 2 -a "$(wc -l <err)" = 1 -a -n "$(grep -- "$pattern" err)"
}
bad "a token beyond the vocabulary" "0 to 495, found 496" \
  debug logits --model "$dir" --tokens 1,496 --out x.npy
bad "no number" "1,x" debug logits --model "$dir" --tokens 1,x --out x.npy
bad "features without a place" "0 times" \
  debug logits --model "$dir" --tokens 1,2 --features "$(golden vision/a.features.npy)" --out x.npy
bad "pixels of another size" "64, 64" \
  debug features --model "$dir" --pixels "$(golden vision/b.tiles.npy)" --out x.npy
bad "a model without eyes" "no vision half" \
  debug features --model "$(golden text/d-qwen2-f16.gguf)" --mmproj "" --pixels x.npy --out x.npy
bad "convert of a file" "expected a Hugging Face model directory" convert q8_0.gguf out.gguf
bad "convert to another name" "ends in .gguf" convert "$dir" out.bin
bad "convert to an unknown type" "q8_0" convert "$dir" out.gguf --type q9
bad "convert of nothing" "no such directory" convert nowhere out.gguf

echo "$passed passed, $failed failed"
[ $failed = 0 ]
