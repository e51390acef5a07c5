#!/usr/bin/env bash
# The README's test command on a bare machine, after what its slower parts need: a real S3 server and a browser.
# Each is installed when the machine allows it; without one its tests say that they were skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

install_packages() { # Debian packages, as root only
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get -qq update
        DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
    else
        echo "not root or no apt-get: going on without $*"
    fi
}

stop_s3() { [ -z "${S3_FOLDER:-}" ] || scripts/s3-server.sh down "$S3_FOLDER"; }
trap stop_s3 EXIT

echo "== packages"
install_packages ceph-mon ceph-osd radosgw ceph-common chromium curl || echo "some packages are missing; going on"

if command -v radosgw >/dev/null; then
    echo "== S3 server"
    S3_FOLDER=$(mktemp -d)
    if GAMUT_TEST_S3=$(scripts/s3-server.sh up "$S3_FOLDER" 9135); then
        export GAMUT_TEST_S3
    else
        unset GAMUT_TEST_S3
        echo "the S3 server did not start: its tests will say that they were skipped"
    fi
fi

echo "== environment"
make setup

echo "== clients"
make clients || echo "the clients could not be made: their tests will say that they were skipped"

echo "== tests"
make test
