# make demo     gunicorn and openssl s_server, with and without the library; some seconds once it is built
# make test     runs all tests, installing what they need of Debian's packages; says at the end how many passed and failed
# make one T=NAME  runs one test of any kind in seconds, see tests/README.md
# make test-reach  runs them over every libssl and Debian there is, some 90 minutes once all is fetched and built
# make test-machines  hosts of a fleet over Redis, the long forms too: a quarter of an hour
# make test-random  random sequences over every libssl, 2,000 seeds each
# make check    what takes seconds once it is built: formatting, lints, layers, papers, licences, header, ELF
# make check-deny  licences, duplicates and sources of all packages, by cargo-deny; part of `make check` where it is installed
# make format   formats what `make check` holds: Rust, and C in tests-c and examples
# make fuzz     four minutes each of anything in a shared store's memory and header, key files, settings and tickets
# make bench    the benchmark against OpenSSL's own cache and servers', some 20 minutes; bench-quick: in three minutes
# make header   writes what is generated: include/openssl/ssl.h, and the table in docs/c-developers.md
# make remote   builds the network code of the remote store, an object of its own; install-remote: to $(DESTDIR)$(PREFIX)
# make install  to $(DESTDIR)$(PREFIX): library, header, pkg-config files, man pages
# make install-command  the command sslsession, its man page and completions
# make uninstall  takes both away again
# make deb      Debian packages of library, development files and command, in dist/
# make deb-test installs, uses and removes them on a fresh Debian 12 and 13, as root
# make dist     what is shipped: archives for glibc and musl, on x86-64 and arm64, in dist/
# make dist-test  uses each archive on a system that did not build it

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=
INSTALL ?= install
CLANG_FORMAT ?= clang-format-14
INCLUDEDIR = $(PREFIX)/include/sslsession
LIBDIR = $(PREFIX)/lib

# Where cargo builds. Exported, so that it is the same for all.
CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR

# What clang-format decides about.
C_FILES = $(wildcard tests-c/*.[ch] tests/remote/*.c examples/*.c)

LIBRARY = $(CARGO_TARGET_DIR)/release/libsslsession.so
COMMAND = $(CARGO_TARGET_DIR)/release/sslsession
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

.PHONY: all release remote install-remote command demo test one format test-reach test-machines test-random check check-deny check-elf header dist dist-test miri shuttle tsan fuzz bench bench-quick install install-command uninstall deb deb-test clean

all: release

release:
	@packaging/tools
	$(CARGO) build --release --lib
	ln -sf libsslsession.so $(CARGO_TARGET_DIR)/release/$(SONAME)

demo:
	tests/install demo
	$(CARGO) build --quiet --release --lib
	$(CARGO) build --quiet --release --package sslsession-cli
	@demo/gunicorn $(LIBRARY) $(COMMAND)
	@echo
	@demo/run $(LIBRARY)

# See tests/run, which also takes parts of it.
test:
	@CARGO="$(CARGO)" tests/run

one:
	@tests/one $(T)

# Every libssl and every Debian; see tests/reach/run, which also takes parts of it.
test-reach:
	tests/install reach
	$(CARGO) build --profile checked --lib
	packaging/dist
	tests/reach/run

# `make test` has all of it but what takes minutes.
test-machines:
	tests/install
	$(CARGO) test --test remote -- --include-ignored

test-random:
	tests/install reach
	$(CARGO) build --profile checked --lib
	packaging/dist
	tests/reach/run random

check:
	tests/install check
	@$(CARGO) fmt --all --check && $(CARGO) fmt --manifest-path remote/Cargo.toml --check || { echo "make check: run \`make format\`" >&2; exit 1; }
	@$(CLANG_FORMAT) --dry-run -Werror $(C_FILES) || { echo "make check: run \`make format\`" >&2; exit 1; }
	$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings
	$(CARGO) clippy --quiet --locked --manifest-path remote/Cargo.toml --target-dir $(CARGO_TARGET_DIR)/remote --all-targets -- -D warnings
	$(CARGO) test --quiet --no-fail-fast --test layers --test papers --test dependencies --test header --test elf --test package
	$(CARGO) test --quiet --package sslsession-cli --test command_line
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(MAKE) --no-print-directory check-deny; fi

# Advisories need the network: DENY=all asks for them too.
DENY ?= licenses bans sources
PACKAGES = Cargo.toml store/Cargo.toml cli/Cargo.toml store/fuzz/Cargo.toml

check-deny:
	for package in $(PACKAGES); do \
	  $(CARGO) deny --log-level error --locked --manifest-path $$package --config deny.toml check $(DENY) || exit 1; \
	done
	$(CARGO) deny --log-level error --locked --manifest-path remote/Cargo.toml --config remote/deny.toml check $(DENY)

format:
	tests/install check
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path remote/Cargo.toml
	$(CLANG_FORMAT) -i $(C_FILES)

# The tests load the checked build; what is shipped has to be right too.
check-elf: release
	tests/install check
	SSLSESSION_TEST_LIBRARY=$(LIBRARY) $(CARGO) test --test elf

header:
	tests/install check
	SSLSESSION_WRITE_GENERATED=1 $(CARGO) test --quiet --test header what_the_source_says

# The unit tests, and with them all that runs without libssl, where every access to memory is checked. They read the
# real clock, hence without isolation.
miri:
	@$(CARGO) +nightly miri --version >/dev/null 2>&1 || { \
	  echo "make miri: needs Miri: rustup toolchain install nightly --component miri --component rust-src" >&2; exit 1; }
	MIRIFLAGS=-Zmiri-disable-isolation $(CARGO) +nightly miri test --package sslsession-store --package sslsession --lib

# The memory store's threads, with the thread sanitizer watching its one file of unsafe code.
tsan:
	@rustup component list --toolchain nightly --installed 2>/dev/null | grep -q rust-src || { \
	  echo "make tsan: needs the nightly toolchain and its source: rustup toolchain install nightly --component rust-src" >&2; \
	  exit 1; }
	RUSTFLAGS=-Zsanitizer=thread $(CARGO) +nightly test --target-dir $(CARGO_TARGET_DIR)/tsan -Zbuild-std \
	  --target $$($(CARGO) -vV | sed -n 's/^host: //p') --package sslsession-store --lib -- memory:: shared::mapping::

# The memory store, under a scheduler that tries the interleavings of its threads. One test at a time: they have one gate.
shuttle:
	RUSTFLAGS='--cfg shuttle' $(CARGO) test --target-dir $(CARGO_TARGET_DIR)/shuttle --package sslsession-store --test store_shuttle -- --test-threads=1

# What others have written: a shared store's memory, its header, key files, settings; guided by what it reaches.
# `make test` drives the first at random.
FUZZ_TARGETS = mapping header key_file settings ticket_keys
FUZZ_SECONDS ?= 240

fuzz:
	@$(CARGO) +nightly fuzz --version >/dev/null 2>&1 || { \
	  echo "make fuzz: needs the nightly toolchain and cargo-fuzz: cargo install cargo-fuzz" >&2; exit 1; }
	for target in $(FUZZ_TARGETS); do \
	  CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/fuzz $(CARGO) +nightly fuzz run --fuzz-dir store/fuzz $$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=2048 -timeout=5 || exit 1; \
	done

bench:
	tests/install bench
	$(CARGO) build --quiet --release --lib
	benches/run

bench-quick:
	tests/install bench
	$(CARGO) build --quiet --release --lib
	benches/run --quick

# What goes where, below $(DESTDIR). The header stands in a directory of its own: it must never be found in place of
# OpenSSL's. A .pc file names its prefix once, so that pkg-config can be told another.
SONAME = libsslsession.so.0
MANDIR = $(PREFIX)/share/man
DOCDIR = $(PREFIX)/share/doc/sslsession
INSTALLED = $(LIBDIR)/$(SONAME) $(LIBDIR)/libsslsession.so $(INCLUDEDIR)/openssl/ssl.h \
  $(LIBDIR)/pkgconfig/sslsession.pc $(LIBDIR)/pkgconfig/sslsession-alone.pc \
  $(MANDIR)/man3/libsslsession.3 $(MANDIR)/man7/sslsession.7 $(DOCDIR)/LICENSE
below_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))

install: release
	$(INSTALL) -D -m 644 $(LIBRARY) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libsslsession.so
	$(INSTALL) -D -m 644 include/openssl/ssl.h $(DESTDIR)$(INCLUDEDIR)/openssl/ssl.h
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig
	for file in sslsession.pc sslsession-alone.pc; do \
	  sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@LIBDIR@,$(call below_prefix,$(LIBDIR)),' \
	    -e 's,@INCLUDEDIR@,$(call below_prefix,$(INCLUDEDIR)),' -e 's,@VERSION@,$(VERSION),' \
	    packaging/$$file.in >$(DESTDIR)$(LIBDIR)/pkgconfig/$$file || exit 1; \
	done
	$(INSTALL) -D -m 644 docs/man/libsslsession.3 $(DESTDIR)$(MANDIR)/man3/libsslsession.3
	$(INSTALL) -D -m 644 docs/man/sslsession.7 $(DESTDIR)$(MANDIR)/man7/sslsession.7
	$(INSTALL) -D -m 644 LICENSE $(DESTDIR)$(DOCDIR)/LICENSE
	@[ -n "$(DESTDIR)" ] || echo "make install: now run ldconfig as root, so that linked programs find $(SONAME)"

# A workspace of its own, with a Cargo.lock of its own: nothing else fetches or compiles its crates.
REMOTE = $(CARGO_TARGET_DIR)/remote/release/libsslsession_remote.so

remote:
	$(CARGO) build --release --locked --manifest-path remote/Cargo.toml --target-dir $(CARGO_TARGET_DIR)/remote

# Beside the library, which looks for it there.
install-remote: remote
	$(INSTALL) -D -m 644 $(REMOTE) $(DESTDIR)$(LIBDIR)/libsslsession-remote.so

command:
	$(CARGO) build --release --package sslsession-cli

# Where the shells look by default. It finds the library beside it, in $(LIBDIR).
ZSHDIR = $(PREFIX)/share/zsh/site-functions
COMPLETIONS = bash:$(PREFIX)/share/bash-completion/completions/sslsession zsh:$(ZSHDIR)/_sslsession \
  fish:$(PREFIX)/share/fish/vendor_completions.d/sslsession.fish
INSTALLED_COMMAND = $(PREFIX)/bin/sslsession $(MANDIR)/man1/sslsession.1 $(foreach one,$(COMPLETIONS),$(lastword $(subst :, ,$(one))))

install-command: command
	$(INSTALL) -D -m 755 $(COMMAND) $(DESTDIR)$(PREFIX)/bin/sslsession
	$(INSTALL) -D -m 644 docs/man/sslsession.1 $(DESTDIR)$(MANDIR)/man1/sslsession.1
	for shell in $(COMPLETIONS); do \
	  file=$(DESTDIR)$${shell#*:}; mkdir -p "$${file%/*}" && \
	  $(COMMAND) completions $${shell%%:*} >"$$file" || exit 1; \
	done

# A server that runs with the library goes on with it: the file stays until its last process ends.
uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED) $(INSTALLED_COMMAND) $(LIBDIR)/libsslsession-remote.so)
	for directory in $(INCLUDEDIR)/openssl $(INCLUDEDIR) $(DOCDIR); do \
	  if [ -d "$(DESTDIR)$$directory" ]; then rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$directory"; fi; \
	done
	@[ -n "$(DESTDIR)" ] || echo "make uninstall: now run ldconfig as root; take LD_PRELOAD out of the units that name the library"

# A minute for zig at first; then a quarter of a minute for each target, and some minutes for its network code.
dist:
	@packaging/tools dist
	packaging/dist

dist-test:
	tests/dist/run

deb:
	@packaging/tools deb
	packaging/deb

deb-test:
	tests/deb/run

clean:
	$(CARGO) clean
