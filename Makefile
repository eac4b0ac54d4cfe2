# SPDX-License-Identifier: Apache-2.0
# Short names for what meson and the scripts do.
BUILD ?= build

.PHONY: all demo test bench fault format lint clean install

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD)

demo:
	tools/install-deps build demo
	$(MAKE) --no-print-directory all
	DAVIT_BUILD_DIR=$(abspath $(BUILD)) tools/demo

test:
	tools/install-deps build test
	tools/run-tests

bench:
	tools/install-deps build bench
	test -f build-bench/build.ninja || meson setup build-bench -Dbuildtype=release
	ninja -C build-bench
	DAVIT_BUILD_DIR=$(abspath build-bench) tests/bench/run

fault:
	tools/install-deps build test
	$(MAKE) --no-print-directory all
	DAVIT_BUILD_DIR=$(abspath $(BUILD)) tests/fault/run

format:
	find . -path './build*' -prune -o -name '*.[ch]' -print | xargs clang-format -i

lint: all
	meson test -C $(BUILD) --suite lint --print-errorlogs

install: all
	meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf build build-clang build-asan build-bench
