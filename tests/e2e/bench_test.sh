#!/usr/bin/env bash
# bench_test.sh HEARTH: the figures of `hearth bench` and `hearth ppl` and every way to show them.
# What they are is not tested, only that they agree with each other.
# Prints "ok NAME" or "FAIL NAME" a line, then "N passed, M failed".
set -u
for name in $(compgen -e | grep '^HEARTH_' | grep -v '^HEARTH_ISA$'); do unset "$name"; done
hearth=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

result() {
  if [ "$2" = 0 ]; then
    passed=$((passed + 1)); echo "ok $1"
  else
    failed=$((failed + 1)); echo "FAIL $1"
    echo "     exit $code; stdout: $(head -c 300 out | head -3); stderr: $(head -c 300 err | head -3)"
  fi
}
call() { "$hearth" "$@" </dev/null >out 2>err; code=$?; }
good() {
  local name=$1; shift
  call "$@"
  [ $code = 0 ] && [ ! -s err ]; result "$name" $?
}
bad() {
  local name=$1 pattern=$2; shift 2
  call "$@"
  [ $code = 2 ] && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -qE -- "$pattern" err
  result "$name" $?
}
# json NAME EXPRESSION: whether it holds of the object `j` in the file out.
json() {
  python3 -c "import json,sys; j=json.load(open('out')); sys.exit(0 if ($2) else 1)"
  result "$1" $?
}

echo "== bench"
few="-n 4 -r 2"
good "prompts and depths" bench -p 16,32 -d 0,20 $few --json
json "a test each" "[(t['test'], t['n'], t.get('depth', 0)) for t in j['results']] == [('prompt', 16, 0), \
('prompt', 32, 0), ('decode', 4, 0), ('decode', 4, 20), ('tile', 1, 0), ('first_token', 8, 0)]"
json "times and rates agree" "all(abs(t['n'] / t['ms']['min'] * 1000 / t['tokens_per_second']['max'] - 1) < 1e-9 \
for t in j['results'])"
cp out own.json
good "no prompt, no decode, no tile" bench -p 0 -n 0 --tiles 0 -r 1 --json
json "one test is left" "[t['test'] for t in j['results']] == ['first_token']"

good "--compare with itself" bench -p 16,32 -d 0,20 $few --compare own.json --json
json "every test has a rate beside it" "all(t['other_tokens_per_second'] > 0 for t in j['results']) and \
j['compared_with'] == 'hearth, nano'"
cat >llama.json <<'JSON'
[{"build_commit": "abc123", "model_type": "tiny Q8_0", "n_threads": 2, "n_prompt": 16, "n_gen": 0,
  "n_depth": 0, "avg_ts": 7.0, "samples_ts": [1.0, 5.0, 9.0]},
 {"build_commit": "abc123", "model_type": "tiny Q8_0", "n_threads": 2, "n_prompt": 0, "n_gen": 4,
  "n_depth": 20, "avg_ts": 3.5},
 {"build_commit": "abc123", "model_type": "tiny Q8_0", "n_threads": 2, "n_prompt": 16, "n_gen": 4,
  "n_depth": 0, "avg_ts": 2.0}]
JSON
good "--compare with llama-bench" bench -p 16,32 -d 0,20 $few --compare llama.json --json
json "its median, by test and depth" "[t.get('other_tokens_per_second') for t in j['results']] == \
[5.0, None, None, 3.5, None, None] and 'abc123' in j['compared_with']"
good "--markdown" bench -p 16 -d 20 $few --compare llama.json --markdown
grep -qE '^\| decode 4 at 20 \|.*\| 3\.50 \| [0-9.]+ × \|$' out; result "a row with the ratio" $?
echo '[{"n_prompt": 7, "n_gen": 0, "avg_ts": 1}]' >other.json
bad "nothing in common" "no test in common: measured prompt 16, .*found prompt 7" \
  bench -p 16 $few --compare other.json
echo '{"results": 3}' >no.json
for file in no.json "$root/README.md" /dev/null; do
  bad "no figures: $(basename "$file")" "expected the output of" bench -p 16 $few --compare "$file"
done
bad "a missing file" "nope.json.*No such file" bench --compare nope.json

good "--roof, --busy and --chart" bench -p 16 $few --roof --busy 1 --chart chart.svg --json
if [ "${HEARTH_ISA:-}" != reference ]; then
  json "shares of the roof" "all(0 < t['roof_share'] < 1.05 for t in j['results'])"
fi
json "what is left" "j['busy_processes'] == 1 and all(t['busy_tokens_per_second'] > 0 for t in j['results'])"
python3 -c "import xml.dom.minidom as x; d = x.parse('chart.svg'); sys_ok = len(d.getElementsByTagName('rect')) > 4; raise SystemExit(0 if sys_ok else 1)"
result "the chart is a picture with bars" $?
sleep 0.2
! pgrep -f "^$hearth bench" >/dev/null; result "no busy process is left" $?
bad "a chart that cannot be written" "nowhere/chart.svg: no such directory" \
  bench -p 16 $few --chart nowhere/chart.svg
bad "two sorts of output" "only one can be printed" bench --json --markdown
bad "two models" "only one can be measured" bench nano --synthetic smollm2-135m:q4_0
bad "a list that is none" "--prompt: expected whole numbers .* found \"5,x\"" bench -p 5,x
bad "more than the context" "positions, the context holds 64" bench -p 65 --ctx 64

echo "== quality"
good "ppl" ppl "$root/README.md" --window 64 --json
json "perplexity of a text that nano never saw" "j['perplexity'] > 100 and j['predictions'] > 100"
good "--kl with itself" ppl "$root/README.md" --window 64 --kl nano --json
json "nothing is lost" "j['reference']['kl'] == 0 and j['reference']['same_top'] == 1 and \
j['reference']['perplexity'] == j['perplexity']"
good "8-bit activations beside f32 ones" ppl "$root/README.md" --window 64 --kl nano
grep -qE 'KL 0\.0+ nats a token.* 100\.00 %' out; result "one line says so" $?
good "bench --kl" bench -p 16 $few --kl nano --json
json "on its own text" "j['quality']['kl'] == 0 and j['quality']['reference'] == 'nano'"
printf 'ab' >short.txt
bad "a text too short" "expected at least 4" ppl short.txt
bad "no text" "nope.txt.*No such file" ppl nope.txt
bad "a directory" "expected a file, found a directory" ppl "$work"
bad "no such model" "no model \"nono\"" ppl short.txt --model nono
bad "no such reference" "no model \"nono\"" ppl short.txt --kl nono

echo "$passed passed, $failed failed"
[ $failed = 0 ]
