#!/usr/bin/env bash
# Makes an image that can stand in for python:3.11-slim-bookworm where no image registry is reachable:
# Debian 12 with its own Python 3.11, from the Debian mirror alone.
#
#   scripts/local-base-image.sh [TAG] [PACKAGE…]      TAG: gamut-local/python:3.11; more packages: for a test's needs
#
# Needs root and debootstrap (installed when missing). MIRROR: http://deb.debian.org/debian
set -euo pipefail

tag=${1:-gamut-local/python:3.11}
[ $# -gt 0 ] && shift
mirror=${MIRROR:-http://deb.debian.org/debian}
packages=$(IFS=,; echo "python3,python3-venv,ca-certificates${*:+,$*}")

command -v debootstrap >/dev/null || {
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends debootstrap
}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include="$packages" bookworm "$root" "$mirror" >"$root.log" 2>&1 ||
    { tail -20 "$root.log"; exit 1; }
rm -f "$root.log"

# What the official slim image does not carry either: caches, documents, foreign languages.
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,info,locale}/* "$root"/var/log/*
ln -sf python3 "$root/usr/bin/python"

tar -C "$root" --numeric-owner -c . |
    docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' --change 'CMD ["python3"]' - "$tag"
