#!/usr/bin/env bash
# cli_test.sh HEARTH: the command line as a person meets it, with the embedded model.
# Prints "ok NAME" or "FAIL NAME" a line, then "N passed, M failed".
set -u
# The rest runs without whatever HEARTH_… variables the caller has, but for the kernels.
for name in $(compgen -e | grep '^HEARTH_' | grep -v '^HEARTH_ISA$'); do unset "$name"; done
hearth=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
picture=$root/docs/demo.png
question="What shape is the red object?"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0

# result NAME STATUS: one line of the report.
result() {
  if [ "$2" = 0 ]; then
    passed=$((passed + 1)); echo "ok $1"
  else
    failed=$((failed + 1)); echo "FAIL $1"
    echo "     exit $code; stdout: $(head -c 300 out | head -3); stderr: $(head -c 300 err | head -3)"
  fi
}
skip() { echo "skipped: $1"; }

# call ARGS…: hearth without input; leaves $code, the files out and err.
call() { "$hearth" "$@" </dev/null >out 2>err; code=$?; }

# good NAME ARGS…: exit 0 and nothing on stderr.
good() {
  local name=$1; shift
  call "$@"
  [ $code = 0 ] && [ ! -s err ]; result "$name" $?
}

# bad NAME PATTERN ARGS…: exit 2, one line on stderr that matches, nothing on stdout.
bad() {
  local name=$1 pattern=$2; shift 2
  call "$@"
  [ $code = 2 ] && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -qE -- "$pattern" err
  result "$name" $?
}

# json EXPRESSION: whether it holds of the object `j` in the file out.
json() { python3 -c "import json,sys; j=json.load(open('out')); sys.exit(0 if ($1) else 1)"; }

# says NAME TEXT: whether out is this text.
says() { [ "$(cat out)" = "$2" ]; result "$1" $?; }

echo "== help and version"
good "--version" --version
grep -qE '^hearth [0-9]+\.[0-9]+\.[0-9]+$' out; result "version is a line" $?
good "--help" --help
good "run --help" run --help
for flag in image system max-tokens temperature top-k top-p min-p repeat-penalty seed stop ctx \
  threads mmproj kv-type precision preprocess no-upscale max-tiles global-only raw parse-special \
  packed-cache low-memory force offline json stats; do
  variable=HEARTH_$(tr a-z- A-Z_ <<<"$flag")
  grep -qE -- "--$flag .*\[$variable\]" out; result "help names --$flag and $variable" $?
done
for verb in run show tokenize doctor; do good "$verb --help works" "$verb" --help; done

echo "== an answer"
good "a question about a picture" run "$question" --image "$picture"
answer=$(cat out)
[ -n "$answer" ] && [ "$(wc -l <out)" = 1 ]; result "is one line" $?
good "nano names the embedded model" run nano "$question" --image "$picture"
says "and says the same" "$answer"
for threads in 1 2; do
  good "--threads $threads" run "$question" --image "$picture" --threads $threads
  says "the same words on $threads threads" "$answer"
done
"$hearth" run "Describe the picture." --image "$picture" --temperature 1.5 --seed 7 --threads 1 >one </dev/null
"$hearth" run "Describe the picture." --image "$picture" --temperature 1.5 --seed 7 --threads 2 >two </dev/null
[ -s one ] && cmp -s one two; result "the same sampled words on 1 and 2 threads" $?
for isa in reference avx2 avxvnni avx512 neon i8mm; do
  if HEARTH_ISA=$isa "$hearth" doctor --isa >/dev/null 2>&1; then
    HEARTH_ISA=$isa call run "$question" --image "$picture"
    says "the same words with HEARTH_ISA=$isa" "$answer"
  else
    skip "ISA $isa, which this processor does not have"
  fi
done
good "--offline" run "$question" --image "$picture" --offline
says "changes nothing" "$answer"
good "a stop string" run "$question" --image "$picture" --stop "${answer:0:2}"
says "cuts before it" ""
good "--max-tokens 1 --json" run "$question" --image "$picture" --max-tokens 1 --json
json 'len(j["token_ids"])==1 and j["stop_reason"]=="length"'; result "makes one token" $?
call run "$question" --image "$picture" --stats
[ $code = 0 ] && [ "$(cat out)" = "$answer" ] && [ "$(wc -l <err)" = 2 ]
result "--stats is two lines on stderr" $?
grep -q 'context [0-9]' err; result "and tells the context" $?
! grep -q $'\x1b' out err; result "no escape codes in a pipe" $?

echo "== --json"
good "--json" run "$question" --image "$picture" --json --seed 5
json 'list(j)==["text","token_ids","stop_reason","usage","timings","peak_rss_bytes","receipt"]'
result "has the keys" $?
json 'list(j["usage"])==["prompt_tokens","image_tokens","completion_tokens"]'; result "usage" $?
json 'list(j["timings"])==["load_ms","image_ms","prompt_ms","decode_ms","prompt_per_second","decode_per_second"]'
result "timings" $?
json 'list(j["receipt"])==["model_sha256","hearth","isa","precision","vision_precision","preprocess","seed"]'
result "receipt" $?
json 'j["usage"]["image_tokens"]>0 and j["usage"]["completion_tokens"]==len(j["token_ids"])'
result "usage counts" $?
json 'len(j["receipt"]["model_sha256"])==64 and j["receipt"]["seed"]==5 and j["peak_rss_bytes"]>1e6'
result "receipt values" $?
json "j['text']=='''$answer''' and j['stop_reason']=='end'"; result "the same text" $?
[ "$(wc -l <out)" = 1 ]; result "is one line" $?

echo "== prompt and pictures"
good "a picture before the text by itself" run "$question" --image "$picture" --json
json 'True'; cp out before.json
good "<image> at the start is the same" run "<image>$question" --image "$picture" --json
python3 -c "import json; a,b=(json.load(open(f)) for f in ('before.json','out')); assert a['token_ids']==b['token_ids'] and a['usage']==b['usage']" 2>err
result "the same prompt" $?
good "two pictures" run "$question" --image "$picture" --image "$picture" --json
python3 -c "import json; a,b=(json.load(open(f)) for f in ('before.json','out')); assert 2*a['usage']['image_tokens']==b['usage']['image_tokens']" 2>err
result "are twice the picture tokens" $?
bad "more <image> than pictures" 'holds <image> 2 times, but 1 --image was given' \
  run "<image> and <image>?" --image "$picture"
printf 'object?\n' | "$hearth" run "What shape is the red" --image "$picture" >piped 2>err; code=$?
[ $code = 0 ] && [ -s piped ]; result "piped text follows the prompt" $?
printf '%s\n' "$question" | "$hearth" run nano --image "$picture" >out 2>err; code=$?
[ $code = 0 ] && [ "$(cat out)" = "$answer" ]; result "piped text is the prompt" $?
printf '%s\n' "$question" | "$hearth" run --image "$picture" >out 2>err; code=$?
[ $code = 0 ] && [ "$(cat out)" = "$answer" ]; result "without a model too" $?
good "--raw" run nano "one two" --raw --max-tokens 3 --json
raw=$(json 'print(j["usage"]["prompt_tokens"]) or True')
good "--raw has no template" run nano "one two" --max-tokens 3 --json
[ "$raw" -lt "$(json 'print(j["usage"]["prompt_tokens"]) or True')" ]; result "so fewer tokens" $?
good "what a user types is text" run nano "<|im_end|>" --max-tokens 1 --json
plain=$(json 'print(j["usage"]["prompt_tokens"]) or True')
good "--parse-special" run nano "<|im_end|>" --parse-special --max-tokens 1 --json
[ "$(json 'print(j["usage"]["prompt_tokens"]) or True')" -lt "$plain" ]
result "makes it one control token" $?

echo "== environment twins"
HEARTH_MAX_TOKENS=1 HEARTH_JSON=1 call run "$question" --image "$picture"
json 'len(j["token_ids"])==1'; result "HEARTH_MAX_TOKENS and HEARTH_JSON" $?
HEARTH_MAX_TOKENS=1 call run "Describe the picture." --image "$picture" --max-tokens 2 --json
json 'len(j["token_ids"])==2'; result "a flag wins over its variable" $?
HEARTH_IMAGE=$picture call run "$question"; says "HEARTH_IMAGE" "$answer"
HEARTH_JSON=1 call run "$question" --image "$picture" --json=0; says "--json=0 over HEARTH_JSON=1" "$answer"
HEARTH_THREADS=two bad "a wrong HEARTH_THREADS" 'HEARTH_THREADS: expected a whole number.*"two"' run "$question"
HEARTH_JSON=maybe bad "a wrong HEARTH_JSON" 'HEARTH_JSON: expected 1 or 0' run "$question"
HEARTH_ISA=mmx bad "a wrong HEARTH_ISA" 'mmx' run "$question"

echo "== wrong flags"
bad "no verb" 'no verb given'
bad "a mistyped flag before a verb" 'did you mean --version' --verison
bad "a mistyped verb of debug" 'did you mean logits' debug logit
bad "a mistyped verb" 'did you mean run\?' rnu
bad "a question as a verb" 'hearth run' "What is this?"
bad "an unknown flag" 'did you mean --threads\?' run --threds 2 "$question"
bad "an unknown flag before the verb" 'no flag' --frob
bad "a flag without its value" '--threads: expected a value' run "$question" --threads
bad "one word too many" 'one word too many: "c"' run nano b c
for wrong in "--threads=two" "--threads=-1" "--threads=2000" "--max-tokens=0" "--max-tokens=1.5" \
  "--temperature=-1" "--temperature=nan" "--temperature=inf" "--top-k=-1" "--top-p=0" "--top-p=1.1" \
  "--min-p=2" "--repeat-penalty=0" "--seed=-1" "--seed=18446744073709551616" "--ctx=x" \
  "--kv-type=f17" "--precision=f16" "--preprocess=pil" "--max-tiles=-1" "--json=perhaps"; do
  bad "$wrong" "^hearth: ${wrong%%=*}: expected .*found" run "$question" --image "$picture" "$wrong"
done
bad "--global-only against --max-tiles" 'max-tiles' run "$question" --global-only --max-tiles 3
bad "--raw against --system" 'system' run "$question" --raw --system "Be brief."
bad "no prompt" 'no PROMPT' run
bad "no prompt but a picture" 'no PROMPT' run --image "$picture"

echo "== wrong files"
touch smol-135m.gguf
bad "a mistyped model" 'did you mean smol-135m.gguf' run smol-135.gguf "$question"
bad "too large a context" . run synthetic:smollm2-1.7b:q8_0 "$question" --ctx 16777216
bad "a mistyped nano" 'did you mean nano\?' run nanp "$question"
bad "a single unknown word" 'neither a model nor a question' run hello
bad "an empty model file" 'smol-135m.gguf' run smol-135m.gguf "$question"
bad "a directory that holds no model" . run "$work" "$question"
cp "$picture" shapes.png
bad "a mistyped picture" 'did you mean shapes.png\?' run "$question" --image shape.png
bad "a directory as a picture" 'expected a file, found a directory' run "$question" --image "$work"
echo "this is no picture" >text.png
bad "text as a picture" 'text.png' run "$question" --image text.png
head -c 200 "$picture" >half.png
bad "half a picture" 'half.png' run "$question" --image half.png
bad "a picture for a missing mmproj" 'nope.gguf' run "$question" --mmproj nope.gguf
long=$(printf 'word %.0s' $(seq 3000))
bad "a prompt longer than the context" '[0-9]{4}.* [0-9]+' run "$long" --ctx 256
bad "control characters in a name" '\\x1b' run $'evil\x1b[31m' "$question"

echo "== odd places"
bad "a name too long for a file" 'File name too long' convert "$(printf 'a%.0s' {1..300})" o.gguf
HEARTH_ISA=mmx bad "HEARTH_ISA is named" 'HEARTH_ISA: expected one of' run nano hi
mkdir pair
cp "$root/models/nano/nano.gguf" pair/model.gguf
echo garbage >pair/mmproj-other.gguf
good "a broken neighbour is not in the way of words" run pair/model.gguf "What is this?" --max-tokens 1
bad "but a picture needs it" 'reads text only .*mmproj-other.gguf: ' run pair/model.gguf "What is this?" --image "$picture"
bad "one that was asked for is an error" 'mmproj-other.gguf' run pair/model.gguf "What is this?" --mmproj pair/mmproj-other.gguf
call debug logits --model nano --tokens 1,2 --out /dev/null
[ $code = 0 ] && [ -c /dev/null ]; result "a device is written through, not replaced" $?

echo "== tokenize, show, doctor"
good "tokenize --json" tokenize nano "one two" --json
json 'list(j)==["ids","pieces"] and "".join(j["pieces"])=="one two" and len(j["ids"])==len(j["pieces"])'
result "pieces make the text" $?
good "tokenize" tokenize nano "one two"
[ -s out ]; result "prints a line a token" $?
for text in "[1,2]" "++" "show" "--json" "" "a=b" "@3" "-"; do
  call tokenize nano --json -- "$text"
  json "''.join(j['pieces'])=='''$text'''"; result "tokenize takes \"$text\" as it is" $?
done
good "tokenize a special token" tokenize nano "<|im_end|>" --json
json 'len(j["ids"])==1'; result "is recognised" $?
good "--no-parse-special" tokenize nano "<|im_end|>" --no-parse-special --json
json 'len(j["ids"])>1'; result "is text" $?
bad "tokenize without text" 'TEXT is missing' tokenize nano
bad "tokenize with an unknown model" 'no model' tokenize nope.json x
good "show" show
grep -q '^architecture' out; result "is a table" $?
good "show nano --json" show nano --json
json 'j["has_vision"] and j["layers"]>0 and j["parameters"]>0'; result "has the facts" $?
bad "show an unknown model" 'no model' show nope.gguf
good "doctor" doctor
[ "$(grep -c '^ok' out)" -ge 6 ] && grep -q 'self-check' out && ! grep -q FAIL out
result "finds nothing wrong" $?

echo "== streams and signals"
"$hearth" run "$question" --image "$picture" </dev/null 2>err | head -c 1 >out; code=${PIPESTATUS[0]}
[ "$code" = 0 ] && [ ! -s err ]; result "a reader that leaves" $?
"$hearth" run "$question" --image "$picture" </dev/null >/dev/full 2>err; code=$?
[ $code = 1 ] && [ "$(wc -l <err)" = 1 ] && grep -q 'No space left' err; result "a full disk is exit 1" $?
mkfifo never
exec 9<>never  # a pipe that stays open and silent
"$hearth" run "$question" <never >out 2>err & pid=$!
sleep 0.5; kill -INT $pid; wait $pid; code=$?
[ $code = 130 ]; result "Ctrl-C while waiting is exit 130" $?
exec 9>&-
exec 9<>never
"$hearth" run "$question" --image "$picture" <never >out 2>err & pid=$!
for _ in $(seq 100); do [ -s err ] && break; sleep 0.1; done
grep -q 'waiting for the text piped' err; result "says that it waits for piped text" $?
kill -INT $pid; wait $pid
exec 9>&-
"$hearth" run synthetic:smollm2-135m:q8_0 "Tell me a story." --raw --max-tokens 2000 </dev/null >out 2>err & pid=$!
for _ in $(seq 300); do [ -s out ] && break; sleep 0.1; done
kill -INT $pid; wait $pid; code=$?
[ $code = 130 ] && [ -s out ]; result "Ctrl-C in an answer is exit 130" $?

# In a terminal (script makes one): a chat that reads its lines from us.
if command -v script >/dev/null; then
  # in_terminal TEXT: a chat in a terminal of its own, TEXT typed once it is ready; its screen in
  # the file out.
  in_terminal() {
    : >out
    { for _ in $(seq 100); do grep -q leaves out && break; sleep 0.1; done; sleep 0.3; printf "$1"; } |
      XDG_STATE_HOME=$work/state TERM=xterm timeout 60 script -qfec "'$hearth' run" out >/dev/null 2>err
    code=$?
  }
  in_terminal "/help\n/image $picture\n$question\n/hlep\n/image nope.png\n/image $root/README.md\n/clear\n/bye\n"
  [ $code = 0 ]; result "a chat ends with /bye" $?
  grep -q '/image FILE' out; result "/help" $?
  grep -q "$answer" out; result "/image and a question are answered" $?
  grep -q 'did you mean /help?' out; result "a mistyped command" $?
  grep -q 'nope.png' out; result "a missing picture" $?
  grep -q 'README.md: .*' out; result "a file that is no picture" $?
  grep -q 'shape' state/hearth/history && [ "$(stat -c %a state/hearth/history)" = 600 ]
  result "history is kept, for its owner alone" $?
  in_terminal '\004'
  [ $code = 0 ]; result "a chat ends with Ctrl-D" $?
else
  skip "chat in a terminal: script is not installed"
fi

echo "== the embedded model's name"
mkdir nano
good "a directory of that name does not hide it" run nano "$question" --image "$picture"
says "it answers" "$answer"
rmdir nano
bad "--mmproj of a synthetic model" "has its own" \
  bench --synthetic smollm2-135m:q4_0 --mmproj "$root/models/nano/mmproj-nano.gguf"

echo "== precision"
HEARTH_ISA=reference bad "bf16 without the instruction" "reference has no products of bfloat16" \
  run "$question" --image "$picture" --precision bf16
if HEARTH_ISA= "$hearth" run "$question" --image "$picture" --precision bf16 </dev/null >out 2>err; then
  says "bf16 gives the same words" "$answer"
else
  skip "bf16, which this processor does not have"
fi

echo "== packed weights"
export XDG_CACHE_HOME=$work/cache
model=$root/models/nano/nano.gguf
for time in first second; do
  good "--packed-cache, the $time time" run "$model" "$question" --image "$picture" --packed-cache
  says "and the same words" "$answer"
done
[ "$(ls cache/hearth/packed | wc -l)" = 1 ]; result "one file is kept" $?
good "--low-memory computes from it" run "$model" "$question" --image "$picture" --low-memory
says "the same words" "$answer"
rm -r cache
good "--low-memory makes it" run "$model" "$question" --image "$picture" --low-memory
says "the same words" "$answer"
good "doctor reads it through" doctor
grep -q '^ok *cache' out; result "and says so" $?
printf 'x' | dd of="$(echo cache/hearth/packed/*)" bs=1 seek=1000 conv=notrunc status=none
call doctor
[ $code = 1 ] && grep -q 'checksum is wrong: delete it' out; result "doctor finds a flipped byte" $?
echo "no file" >blocked
XDG_CACHE_HOME=$work/blocked call run "$model" "$question" --image "$picture" --packed-cache
[ $code = 0 ] && [ "$(cat out)" = "$answer" ] && grep -q 'not kept' err
result "a folder that cannot be made is told, and the answer comes" $?
(unset XDG_CACHE_HOME HOME
 "$hearth" run "$model" "$question" --image "$picture" --packed-cache >out 2>err </dev/null; code=$?
 [ $code = 2 ] && grep -q 'neither XDG_CACHE_HOME nor HOME' err); result "no folder for --packed-cache" $?
(unset XDG_CACHE_HOME HOME
 "$hearth" run "$model" "$question" --image "$picture" --low-memory >out 2>err </dev/null; code=$?
 [ $code = 2 ] && grep -q 'neither XDG_CACHE_HOME nor HOME' err); result "nor for --low-memory" $?
XDG_CACHE_HOME=$work/blocked bad "--low-memory needs it" "needs a file for the packed weights" \
  run "$model" "$question" --low-memory
unset XDG_CACHE_HOME

if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
  for offline in "" --offline; do
    strace -f -e trace=network -o trace "$hearth" run "$question" --image "$picture" $offline \
      </dev/null >out 2>err; code=$?
    [ $code = 0 ] && ! grep -qE 'socket|connect|bind|send' trace
    result "opens no socket${offline:+ with --offline}" $?
  done
else
  skip "no socket is opened: strace does not work here"
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
