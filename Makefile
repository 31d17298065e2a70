# Everything that is done with the project, by one word each: `make help`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

PREFIX ?= /usr/local
DESTDIR ?=
SUITE ?= smoke
SEEDS ?= 100

.PHONY: help up build test check bench conformance simulate fmt clean install

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

up: ## install what is missing, build, and start a whole cloud in the foreground (ARGS="--port 8000 --data DIR")
	@Scripts/install build run guest
	@Scripts/release
	@Guest/make-guest || echo 'no image to start servers from: Guest/make-guest makes one'
	@exec .build/release/martlet up $(ARGS)

build: ## the release binary, .build/release/martlet
	@Scripts/install build
	@Scripts/release

test: ## everything that proves the program, as CI runs it
	@Scripts/install build test
	@Scripts/test all

check: ## the quick one for the edit loop: format, tidy, debug build, fast tests
	@Scripts/install build test
	@Scripts/test fast

bench: ## measure a release build beside its thresholds (ONLY=regex)
	@Scripts/install build bench
	@Scripts/release
	@Scripts/release measure
	@Bench/run $(if $(ONLY),--only '$(ONLY)')

conformance: ## the real clients and suites (SUITE=identity|federation|image|compute|network|volume|smoke|clients|secrets|nonsense|malformed|first|life|libvirt|logins|crashes|all, LIST=file)
	@Scripts/install build run conformance guest
	@Scripts/release
	@Conformance/run $(if $(LIST),--list '$(LIST)',$(SUITE)) $(if $(RAISE),--raise) $(if $(RECORD),--record)

simulate: ## a cloud's life under seeded faults: SEEDS=1000 histories, or SEED=n to see one again, line by line
	@Scripts/install build
	@Scripts/release simulate
	@Scripts/simulate $(if $(SEED),--seed $(SEED),$(if $(RECORD),--record) $(SEEDS))

fmt: ## write every file the one way
	@swift format format -i -p -r Package.swift Sources Tests

clean: ## leave nothing that was built
	@rm -rf .build

install: build ## binary, man page, systemd units and shell completion, under DESTDIR and PREFIX
	@install -D -m 755 .build/release/martlet '$(DESTDIR)$(PREFIX)/bin/martlet'
	@install -D -m 644 Packaging/martlet.1 '$(DESTDIR)$(PREFIX)/share/man/man1/martlet.1'
	@install -D -m 644 Packaging/martlet.bash '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/martlet'
	@for unit in martlet martlet-serve martlet@; do \
	    install -d '$(DESTDIR)$(PREFIX)/lib/systemd/system'; \
	    sed 's|@PREFIX@|$(PREFIX)|g' Packaging/$$unit.service >'$(DESTDIR)$(PREFIX)/lib/systemd/system/'$$unit.service; \
	done
	@echo 'installed under $(DESTDIR)$(PREFIX)'
