#!/usr/bin/env bash
# Installs what is missing on Debian 12: `tools/setup.sh build` for the program, `test` for its tests,
# `train` for recipes/nano.
set -eu

build_packages="g++ cmake ninja-build pkg-config
  libcli11-dev libfmt-dev nlohmann-json3-dev libsimdjson-dev libutf8proc-dev
  libjpeg62-turbo-dev libspng-dev libwebp-dev libgif-dev libedit-dev libssl-dev zlib1g-dev"
test_packages="libgtest-dev libpcre2-dev python3 strace
  clang-16 libclang-rt-16-dev clang-format-16
  g++-aarch64-linux-gnu qemu-user"

train_packages="python3-torch python3-numpy python3-pil libopenblas0-pthread librsvg2-bin
  fonts-dejavu-core fonts-liberation fonts-freefont-ttf"

packages=$build_packages
if [ "${1:-build}" = test ]; then packages="$packages $test_packages"; fi
if [ "${1:-build}" = train ]; then packages="$packages $train_packages"; fi

missing=""
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -z "$missing" ]; then exit 0; fi

echo "== installing with apt:$missing"
if ! command -v apt-get >/dev/null; then
  echo "error: this set-up knows Debian's apt only; docs/DEPENDENCIES.md lists what is needed" >&2
  exit 1
fi
run=""
if [ "$(id -u)" != 0 ]; then run="sudo"; fi
export DEBIAN_FRONTEND=noninteractive
$run apt-get update -qq
# shellcheck disable=SC2086
$run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
