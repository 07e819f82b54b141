# Nodes and wires. A node has its own root, network, processes and host name;
# its /run and /var/log can be seen from the guest below /run/nodes/NAME.

exec {nap}<> <(:) # to sleep on without starting a process, of which an emulated machine starts few a second

# node_up NAME LAYER INIT: LAYER is strongswan, libreswan or none; INIT is idle or systemd
node_up() {
  local at=/run/nodes/$1
  mkdir -p "$at"
  mount -t tmpfs tmpfs "$at"
  mkdir -p "$at"/{up,wk,root,log,run}
  setsid unshare --net --mount --uts --ipc --pid --cgroup --fork --propagation private \
    bash /checkout/test/rig/guest/node "$@" < /dev/null > "$at/node.log" 2>&1 &
  disown # so that `wait` does not wait for it
}
node_ready() { wait_for 60 test -e "/run/nodes/$1/ready" || { echo "node $1 did not start" >&2; cat "/run/nodes/$1/node.log" >&2; }; }

node_down() {
  local at=/run/nodes/$1 pid
  read -r pid < "$at/pid" || return 0
  kill -9 "$pid"
  wait_for 10 ! test -d "/proc/$pid"
  umount "$at" 2> /dev/null || umount -l "$at"
  rmdir "$at"
}

pid_of() { local pid; read -r pid < "/run/nodes/$1/pid" && echo "$pid"; }
inside() { local pid; read -r pid < "/run/nodes/$1/pid"; shift; nsenter -t "$pid" -n -m -u -i -p -C -- "$@"; }

# wait_for SECONDS COMMAND...
wait_for() {
  local until=$((${EPOCHREALTIME/./} + $1 * 1000000)) not=
  shift
  [ "$1" = ! ] && { not=1; shift; }
  while :; do
    if "$@" > /dev/null 2>&1; then [ -n "$not" ] || return 0; else [ -z "$not" ] || return 0; fi
    [ "${EPOCHREALTIME/./}" -lt "$until" ] || return 1
    read -rt 0.05 -u $nap || :
  done
}
