# The same image as `cargo xtask image` builds. `xtask/tests/image.rs` compares the settings.
FROM rust:1.95-trixie AS build

# Embeds the list of dependencies, which scanners of images read.
RUN cargo install --locked --version 0.7.7 cargo-auditable
WORKDIR /codecave
COPY . .
# Static, since the image has no C library. The target is named, so that build scripts and macros are not linked statically.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS="-C target-feature=+crt-static --cfg=getrandom_backend=\"linux_getrandom\" --remap-path-prefix=${CARGO_HOME}/registry/src=/registry" \
        cargo auditable build --locked --release --package codecave --target "$target" \
    && install -D "target/$target/release/codecave" /image/codecave \
    && install -D --mode=644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
    && echo 'codecave:x:10001:10001::/:/' > /image/etc/passwd \
    && echo 'codecave:x:10001:' > /image/etc/group \
    && echo 'hosts: files dns' > /image/etc/nsswitch.conf

FROM scratch

ARG VERSION=1.0.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="codecave" \
    org.opencontainers.image.description="The CodeCave API" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}"
COPY --from=build /image /
USER 10001:10001
WORKDIR /
ENV NODE_ENV=production PORT=3001 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
EXPOSE 3001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/codecave", "healthcheck"]
ENTRYPOINT ["/codecave"]
CMD ["all"]
