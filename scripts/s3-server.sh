#!/usr/bin/env bash
# A real S3 server for tests: one node of Ceph (a monitor, a store on a sparse file, radosgw), loopback only.
#   scripts/s3-server.sh up FOLDER [PORT]   starts it and prints http://<access key>:<secret key>@<host>:<port>
#   scripts/s3-server.sh down FOLDER        kills it; what was acknowledged is there at the next start
# Needs Debian's ceph-mon, ceph-osd, radosgw and ceph-common.
set -euo pipefail
action=${1:?up or down}
folder=$(realpath -m "${2:?a folder for its data}")
port=${3:-9105}
export CEPH_CONF=$folder/ceph.conf

run() { # start a daemon in a session of its own
    setsid "$@" >>"$folder/log/${1##*/}.out" 2>&1 &
    echo $! >"$folder/run/${1##*/}.pid"
}

until_true() { # tries, then the command
    local tries=$1
    shift
    for _ in $(seq "$tries"); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    echo "gave up waiting for: $*" >&2
    return 1
}

osd_is_active() { timeout 5 ceph --admin-daemon "$folder/run/ceph-osd.0.asok" status | grep -q '"state": "active"'; }

configuration() {
    cat <<CONF
[global]
fsid = $1
mon host = [v2:127.0.0.1:$((port + 4000)),v1:127.0.0.1:$((port + 4001))]
auth cluster required = none
auth service required = none
auth client required = none
public addr = 127.0.0.1
cluster addr = 127.0.0.1
run dir = $folder/run
admin socket = $folder/run/\$cluster-\$name.asok
log file = $folder/log/\$name.log
mon cluster log file = $folder/log/cluster.log
crash dir = $folder/crash
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail warn = 2
mon data avail crit = 1
paxos propose interval = 0.05
paxos min wait = 0.01
osd max object name len = 256
[mon.a]
mon data = $folder/mon
[osd.0]
osd data = $folder/osd
bluestore block create = true
bluestore block size = 10737418240
osd memory target = 939524096
bluestore cache autotune = false
bluestore cache size = 67108864
[client.rgw]
keyring = $folder/rgw/keyring
ms mon client mode = crc
rgw data = $folder/rgw
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw dynamic resharding = false
rgw relaxed region enforcement = true
rgw verify ssl = false
rgw crypt require ssl = false
CONF
}

make_monitor() {
    rm -rf "$folder"
    mkdir -p "$folder"/{mon,osd,run,log,rgw,crash}
    configuration "$(cat /proc/sys/kernel/random/uuid)" >"$CEPH_CONF"
    ceph-authtool --create-keyring "$folder/rgw/keyring" --gen-key -n client.rgw >/dev/null
    fsid=$(sed -n 's/^fsid = //p' "$CEPH_CONF")
    monmaptool --create --fsid "$fsid" \
        --addv a "[v2:127.0.0.1:$((port + 4000)),v1:127.0.0.1:$((port + 4001))]" "$folder/monmap" >/dev/null
    ceph-mon -i a --mkfs --monmap "$folder/monmap" 2>/dev/null
}

make_osd() {
    local id
    id=$(cat /proc/sys/kernel/random/uuid)
    ceph osd new "$id" 0 >/dev/null
    ceph-osd -i 0 --mkfs --osd-uuid "$id" 2>/dev/null
}

make_user() {
    access=$(head -c 10 /dev/urandom | od -An -tx1 | tr -d ' \n')
    secret=$(head -c 20 /dev/urandom | od -An -tx1 | tr -d ' \n')
    radosgw-admin -n client.rgw user create --uid=test --display-name=test \
        --access-key="$access" --secret-key="$secret" >/dev/null 2>&1
    echo "http://$access:$secret@127.0.0.1:$port" >"$folder/address"
}

case $action in
up)
    fresh=$([ -e "$folder/address" ] && echo no || echo yes)
    [ "$fresh" = yes ] && make_monitor
    run ceph-mon -i a -f
    until_true 100 timeout 5 ceph -s
    [ "$fresh" = yes ] && make_osd
    run ceph-osd -i 0 -f
    until_true 200 osd_is_active
    [ "$fresh" = yes ] && make_user
    run radosgw -n client.rgw -f
    until_true 600 curl -sf -m 2 "http://127.0.0.1:$port/"
    cat "$folder/address"
    ;;
down)
    cat "$folder"/run/*.pid | xargs -r kill -9 2>/dev/null || true
    ;;
*)
    echo "up or down, not $action" >&2
    exit 2
    ;;
esac
