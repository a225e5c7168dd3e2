# The image of sinkhole: one binary, Debian 13's Unbound as its child, no root.
#
#   docker build -t sinkhole .
#   docker run -d --name sinkhole --network host \
#     -v /etc/sinkhole:/etc/sinkhole -v sinkhole-state:/var/lib/sinkhole sinkhole
#
# --network host, because behind Docker's address translation every subscriber
# may look like the bridge: counts and reports would be about the wrong line.

FROM golang:1.26-trixie AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libcap2-bin \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download && go mod verify
COPY . .
# .git comes along (see .dockerignore), so that `sinkhole version` can name the
# commit. Without it, as from a release archive, the version is "devel".
RUN version=$(git describe --tags --always 2>/dev/null || echo devel) \
    && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$version" -o /out/sinkhole ./cmd/sinkhole
# A file capability, so that port 53 needs no root where the container engine has
# not opened low ports to all. It gives nothing else, and is not handed on to the
# child, which listens above 1023.
RUN setcap cap_net_bind_service=+ep /out/sinkhole

# Debian 13 ships Unbound 1.26.2, the first with all fixes of 2026, and keeps
# following upstream; Debian 12's 1.17.1 has none of them.
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends unbound dns-root-data ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 65532 sinkhole \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /var/lib/sinkhole --shell /usr/sbin/nologin sinkhole \
    && install --directory --owner=65532 --group=65532 --mode=0750 /var/lib/sinkhole \
    && install --directory --mode=0755 /etc/sinkhole/lists
COPY --from=build /out/sinkhole /usr/local/sbin/sinkhole

# What the image serves unless a Corefile is mounted over it: everyone in the
# private ranges, and nobody else (the default of `subscribers`). corefile/
# Corefile.isp shows what an access network adds: its prefixes, DoT, DoH and DoQ.
ENV SINKHOLE_LISTS=/etc/sinkhole/lists \
    SINKHOLE_STATE=/var/lib/sinkhole
COPY <<'END' /etc/sinkhole/Corefile
.:53 {
    shed
    subscribers {
        classes {$SINKHOLE_LISTS}/clients
        state {$SINKHOLE_STATE}
    }
    census
    sinkhole {
        lists {$SINKHOLE_LISTS}
        category c2 malware {
            record
        }
        category phishing
    }
    any
    cache {
        success 100000 86400 0
        denial 50000 10800 0
        serve_stale 24h verify 1800ms 30s 30s
        servfail 0
    }
    recursor
    prometheus 127.0.0.1:9153
    health 127.0.0.1:8080
    ready 127.0.0.1:8181
}
END

LABEL org.opencontainers.image.title="sinkhole" \
      org.opencontainers.image.description="Resolver for access networks: blocks what is on dropped lists, names the infected lines" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="debian:trixie-slim"

EXPOSE 53/udp 53/tcp
VOLUME ["/etc/sinkhole/lists", "/var/lib/sinkhole"]
# Nothing is answered before the lists are in force, so large ones get time.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/usr/local/sbin/sinkhole", "status", "--state", "/var/lib/sinkhole"]
# The number and not the name: Kubernetes can only see from a number that it is
# not root (runAsNonRoot).
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/sbin/sinkhole"]
CMD ["serve", "--conf", "/etc/sinkhole/Corefile"]
