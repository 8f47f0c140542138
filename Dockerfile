# syntax=docker/dockerfile:1
# A small image without a shell, for a user without rights: docker build -t rocketman .
# With --build-arg BINARY=prebuilt it takes target/image/ARCHITECTURE/rocketman instead of building one.
ARG BINARY=built

FROM rust:1.95-slim-bookworm AS built
WORKDIR /src
COPY . .
RUN cargo build --locked --profile dist --bin rocketman && cp target/dist/rocketman /rocketman

FROM scratch AS prebuilt
ARG TARGETARCH
COPY target/image/${TARGETARCH}/rocketman /rocketman

# hadolint ignore=DL3006
FROM ${BINARY} AS binary

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=binary /rocketman /usr/bin/rocketman
# What is kept lies here: mount a volume.
WORKDIR /home/nonroot
# tail answers at the one, serve at the other, and `rocketman health` asks both.
ENV ROCKETMAN_METRICS_ADDR=127.0.0.1:9090 \
    ROCKETMAN_LISTEN=0.0.0.0:6008
EXPOSE 6008
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 CMD ["/usr/bin/rocketman", "health"]
ENTRYPOINT ["/usr/bin/rocketman"]
CMD ["tail"]
