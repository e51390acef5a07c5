#!/usr/bin/env bash
# Builds every image and runs the composed suite for real: up, a small main job, crashes, restarts, down.
#
#   scripts/test-docker.sh [FOLDER]     FOLDER keeps the engine's data for a next time; a temporary one otherwise
#
# Uses the Docker engine that answers, or starts one where it may (root, Debian). About ten minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! docker info >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || { echo "no Docker engine answers, and only root can start one" >&2; exit 1; }
    folder=${1:-}
    [ -n "$folder" ] || { folder=$(mktemp -d); temporary=yes; }
    stop() {
        scripts/docker-engine.sh down "$folder"
        [ -z "${temporary:-}" ] || rm -rf "$folder"
    }
    trap stop EXIT
    eval "$(scripts/docker-engine.sh up "$folder")"
fi
GAMUT_TEST_DOCKER=1 .venv/bin/python -m pytest -q -m docker tests/deploy
