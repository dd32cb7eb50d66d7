# syntax=docker/dockerfile:1
# The service alone; its Postgres is another container (docker-compose.yml) or whatever DATABASE_URL names.

FROM rust:1-slim-bookworm AS build
WORKDIR /src
COPY . .
# The caches make a second build short; they are no part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin lectern && cp target/release/lectern /lectern

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin lectern
COPY --from=build /lectern /usr/local/bin/lectern
USER lectern
ENV LECTERN_LISTEN=0.0.0.0:8080
EXPOSE 8080
# Ready means that the database answers too. Bash opens the connection itself, so no other program is needed.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 CMD ["/bin/bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /health/ready HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["lectern"]
CMD ["serve"]
