#!/bin/sh
# Makes sure that the programs the tests drive are there: a browser, OpenSSL, a software token, network namespaces.
set -eu

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need chromium chromium
need openssl openssl
need softhsm2-util softhsm2
need ip iproute2
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing$missing ..."
    apt-get update -qq >/dev/null
    # shellcheck disable=SC2086 # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "The tests need these Debian packages, or the same programs from elsewhere:$missing" >&2
    exit 1
fi
