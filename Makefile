# Two commands: `make demo` shows what Hearth does, `make test` proves it. Both install what is
# missing, and both say what they are doing.

BUILD ?= build
JOBS ?= $(shell nproc)
CCACHE := $(if $(shell command -v ccache 2>/dev/null),-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
CMAKE_FLAGS = -G Ninja $(CCACHE)
ISAS = reference avx2 avxvnni avx512

.PHONY: all demo test train-nano eval-nano setup setup-test build check sanitize tsan neon format clean

all: build

setup:
	@tools/setup.sh build

setup-test:
	@tools/setup.sh test

build: setup
	@echo "== building the program ($(BUILD)/hearth)"
	@cmake -S . -B $(BUILD) $(CMAKE_FLAGS) -DHEARTH_TESTS=OFF >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@cmake --build $(BUILD) -j $(JOBS) --target hearth

demo: build
	@echo
	@echo '== asking the embedded model about docs/demo.png'
	@echo '   $$ $(BUILD)/hearth run "What shape is the red object?" --image docs/demo.png --stats'
	@$(BUILD)/hearth run "What shape is the red object?" --image docs/demo.png --stats

# Everything, for this processor's best ISA and the others it has; HEARTH_ISA=avx2 make test: one.
test: setup-test
	@echo "== building the program and its tests"
	@cmake -S . -B $(BUILD) $(CMAKE_FLAGS) -DHEARTH_TESTS=ON >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@cmake --build $(BUILD) -j $(JOBS)
	@$(MAKE) --no-print-directory check
	@echo "== testing"
	@tools/run_tests.sh $(BUILD) $(ISAS)

check:
	@echo "== checking layers, style and ISA symbols"
	@tools/check_layers.sh
	@tools/check_format.sh
	@if [ -f tools/check_isa_symbols.sh ]; then tools/check_isa_symbols.sh $(BUILD); fi

# The second compiler, with AddressSanitizer and UBSan, and a short run of every fuzzer.
sanitize: setup-test
	@echo "== building with clang 16, AddressSanitizer, UBSan and libFuzzer"
	@cmake -S . -B $(BUILD)-fuzz $(CMAKE_FLAGS) -DCMAKE_CXX_COMPILER=clang++-16 -DHEARTH_FUZZ=ON >$(BUILD)-fuzz.log 2>&1 || { cat $(BUILD)-fuzz.log; exit 1; }
	@cmake --build $(BUILD)-fuzz -j $(JOBS)
	@tools/run_sanitized.sh $(BUILD)-fuzz

# The layers that run threads, under ThreadSanitizer.
tsan: setup-test
	@echo "== building with ThreadSanitizer"
	@cmake -S . -B $(BUILD)-tsan $(CMAKE_FLAGS) -DHEARTH_TSAN=ON >$(BUILD)-tsan.log 2>&1 || { cat $(BUILD)-tsan.log; exit 1; }
	@cmake --build $(BUILD)-tsan -j $(JOBS) --target base_test tensor_test tasks_test api_test
	@ctest --test-dir $(BUILD)-tsan --output-on-failure -R '^(base|tensor|tasks|api)$$'

# 64-bit Arm kernels, cross compiled and run under qemu.
neon: setup-test
	@echo "== building the kernels for aarch64 and running their tests under qemu"
	@cmake -S . -B $(BUILD)-neon -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake -DHEARTH_KERNELS_ONLY=ON >$(BUILD)-neon.log 2>&1 || { cat $(BUILD)-neon.log; exit 1; }
	@cmake --build $(BUILD)-neon -j $(JOBS)
	@ctest --test-dir $(BUILD)-neon --output-on-failure

# The embedded model: trained, exported and converted (recipes/nano/README.md says how and how well).
NANO := recipes/nano
MINUTES ?= 165
train-nano: build
	@tools/setup.sh train
	@echo "== training nano for $(MINUTES) minutes (checkpoints in $(NANO)/out; run again to go on)"
	@cd $(NANO) && /usr/bin/python3 train.py --out out --minutes $(MINUTES)
	@cd $(NANO) && /usr/bin/python3 export.py --out out --to out/nano
	@$(BUILD)/hearth convert $(NANO)/out/nano models/nano/nano.gguf --type q8_0
	@cp $(NANO)/out/nano/samples/* tests/data/nano/

eval-nano: build
	@tools/setup.sh train
	@cd $(NANO) && /usr/bin/python3 evaluate.py --hearth $(abspath $(BUILD))/hearth

format:
	@clang-format-16 -i $$(git ls-files '*.h' '*.cc')

clean:
	rm -rf $(BUILD) $(BUILD)-fuzz $(BUILD)-tsan $(BUILD)-neon $(BUILD)*.log
