# The commands of this project; CMakePresets.json has the builds behind them.

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
ROUNDS ?= 1000

.PHONY: run test bench kill-trials fault-sweep format check-format install sanitize \
	tsan fuzz docs setup clean

run: build/release/.built
	build/release/examples/tour

test: setup check-format fuzz
	cmake --preset debug
	cmake --build --preset debug -j $(JOBS)
	ctest --preset debug -j $(JOBS)

bench: setup
	cmake --preset bench
	cmake --build --preset bench -j $(JOBS)
	scripts/bench build/bench

kill-trials: setup
	cmake --preset debug
	cmake --build --preset debug -j $(JOBS) --target larder-kill-trial
	scripts/kill-trials build/debug $(ROUNDS)

fault-sweep: setup
	cmake --preset debug
	cmake --build --preset debug -j $(JOBS) --target larder-fault-sweep
	scripts/fault-sweep build/debug

sanitize: setup
	cmake --preset sanitize
	cmake --build --preset sanitize -j $(JOBS)
	ctest --preset sanitize -j $(JOBS)

# CAF is not built for the thread sanitizer, so only the layers below it are
# tested. The sanitizer wants addresses that are not too random.
# Tests fork processes, whose threads are watched as well.
tsan: TSAN_OPTIONS = die_after_fork=0 \
	suppressions=$(CURDIR)/scripts/races-of-libraries
tsan: TSAN = TSAN_OPTIONS="$(TSAN_OPTIONS)" setarch -R
tsan: setup
	cmake --preset tsan
	cmake --build --preset tsan -j $(JOBS)
	$(TSAN) build/tsan/tests/larder-serializers-test
	$(TSAN) build/tsan/tests/larder-backends-test

fuzz: setup
	cmake --preset fuzz
	cmake --build --preset fuzz -j $(JOBS)
	scripts/fuzz build/fuzz

install: build/release/.built
	cmake --install build/release --prefix $(PREFIX)

format:
	scripts/format

check-format: setup
	scripts/format --check

docs: setup
	doxygen docs/Doxyfile

setup:
	scripts/install-dependencies

build/release/.built: setup FORCE
	cmake --preset release
	cmake --build --preset release -j $(JOBS)
	touch $@

FORCE:

clean:
	rm -rf build
