# heapmm: build, test, measure, install. `make help` lists the targets.

PREFIX ?= /usr/local
DESTDIR ?=
CARGO ?= cargo
OUT := target/release
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

.PHONY: all build demo test check format bench criterion header install uninstall clean help

all: build

## build: the shared library, the static library and the command
build:
	$(CARGO) build --release -p heapmm
	$(CARGO) build --release -p heapmm-cli

## demo: an unmodified pipeline of Unix tools over this machine's files, under heapmm
demo: build
	sh scripts/demo.sh

## test: all tests; programs that are missing are named at the end
test: build
	rm -f target/tests/missing.txt
	$(CARGO) test -p heapmm-core
	$(CARGO) test -p heapmm-cli
	$(CARGO) test -p heapmm
	@if [ -s target/tests/missing.txt ]; then \
		echo "not found, so not tested (scripts/setup.sh installs them):"; \
		sort -u target/tests/missing.txt; \
	fi

## check: format, lints, the generated header, and the length of the fast paths
check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	cd bench && $(CARGO) fmt -p heapmm-inside --check
	cd bench && $(CARGO) clippy -p heapmm-inside --all-targets -- -D warnings
	$(CARGO) test -p heapmm --test header
	sh scripts/fast-paths.sh

## format: put all sources into the one format
format:
	$(CARGO) fmt --all

## bench: compare with the peers (bench/README.md)
bench: build
	cd bench && $(CARGO) run --release --quiet -- $(ARGS)

## criterion: the parts by themselves, in nanoseconds; ARGS='--bench slab' for one of them
criterion:
	cd bench && $(CARGO) bench -p heapmm-inside $(ARGS)

## header: write include/heapmm.h from the sources
header:
	$(CARGO) build --release -p heapmm
	cp "$$(ls -t $(OUT)/build/heapmm-*/out/heapmm.h | head -n 1)" include/heapmm.h

## install: library, header, command and pkg-config file below DESTDIR and PREFIX
install: build
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(OUT)/libheapmm.so $(DESTDIR)$(PREFIX)/lib/libheapmm.so
	install -m 644 $(OUT)/libheapmm.a $(DESTDIR)$(PREFIX)/lib/libheapmm.a
	install -m 644 include/heapmm.h $(DESTDIR)$(PREFIX)/include/heapmm.h
	install -m 755 $(OUT)/heapmm $(DESTDIR)$(PREFIX)/bin/heapmm
	printf '%s\n' 'prefix=$(PREFIX)' 'Name: heapmm' 'Description: The malloc that explains itself' \
		'Version: $(VERSION)' 'Cflags: -I$${prefix}/include' 'Libs: -L$${prefix}/lib -Wl,--push-state,--no-as-needed -lheapmm -Wl,--pop-state' \
		> $(DESTDIR)$(PREFIX)/lib/pkgconfig/heapmm.pc

## uninstall: remove what install put there
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/lib/libheapmm.so $(DESTDIR)$(PREFIX)/lib/libheapmm.a \
		$(DESTDIR)$(PREFIX)/include/heapmm.h $(DESTDIR)$(PREFIX)/bin/heapmm \
		$(DESTDIR)$(PREFIX)/lib/pkgconfig/heapmm.pc

clean:
	$(CARGO) clean

help:
	@sed -n 's/^## //p' Makefile
