# `make run` and `make test` are all that you need. `make help` lists the other targets.
.PHONY: help run test check bench bench-discovery

# The folder of rustup, for a shell without it.
export PATH := $(PATH):$(HOME)/.cargo/bin

# Arguments for the service: make run ARGS='--listen 0.0.0.0:8080'
ARGS =

help:
	@echo 'make run    build and start the service with an embedded Postgres; ARGS= goes to `lectern serve`'
	@echo 'make test   every test: unit, property, integration, a schemathesis run over the OpenAPI document, the pages in Chromium'
	@echo 'make check  format, clippy, docs, licences, the stored OpenAPI document'
	@echo 'make bench  measure a release beside nginx and a bare actix server; BENCH_SIZES=1000,100000 chooses libraries'
	@echo 'make bench-discovery  measure search, suggestions and related reading in libraries of up to 100,000 articles'

# The development profile shares its build with `make test`. The release profile, with link-time optimization, takes minutes
# more. For production: `docker compose up`, or `cargo build --release --locked`.
run:
	@scripts/need run
	@exec cargo run --locked -- serve $(ARGS)

test:
	@scripts/need test
	cargo test --locked
	scripts/schemathesis
	scripts/browser

check:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps
	cargo deny --locked check bans licenses sources
	cargo run --locked --quiet -- openapi --check
	scripts/redocly

# BENCH_… variables of the command line reach the script through the environment.
bench:
	@DATABASE_URL= scripts/need run
	@scripts/bench

# BENCH_DATA=folder keeps the libraries for the next run. They take minutes and gigabytes.
bench-discovery:
	@DATABASE_URL= scripts/need run
	@BENCH_SUITE=discovery scripts/bench
