#!/usr/bin/env bash
#
# Runs a farm of the images that docker/build-without-engine.sh built, with podman on this machine's own network,
# renders a scene on it, checks the health of each container, and lets a worker drain in the middle of a second job.
#
#   sudo docker/try-without-engine.sh [--scratch FOLDER] [--scene FILE.blend] [--frames 1-2]
#
# Needs root and   apt install --no-install-recommends podman runc catatonit redis-server
# Objects go to versitygw where it is on PATH (or VERSITYGW names it), as in docker-compose.yml; else to a folder.
# Containers run as compose runs them: read-only, without capabilities, as user 10001. Where the engine starts no health
# checks by itself (podman without systemd), they are asked for. Everything started here is stopped at the end.
set -euo pipefail

project="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
scratch="${TMPDIR:-/tmp}/tilework-images"
scene="$project/services/cli/sample/sample.blend"
frames=1-2
while [ $# -gt 0 ]; do
  case "$1" in
    --scratch) scratch="${2:?}"; shift 2 ;;
    --scene) scene="$(readlink -f "${2:?}")"; shift 2 ;;
    --frames) frames="${2:?}"; shift 2 ;;
    *) sed -n '3,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
done
[ "$(id -u)" = 0 ] || { echo "this needs root" >&2; exit 1; }
for tool in podman runc redis-server node; do
  command -v "$tool" > /dev/null || {
    echo "$tool is missing: apt install --no-install-recommends podman runc catatonit redis-server" >&2
    exit 1
  }
done
[ -d "$scratch/storage" ] || {
  echo "$scratch has no images: run docker/build-without-engine.sh --scratch $scratch first" >&2
  exit 1
}

tag="tilework-try-$$"
work="$(mktemp -d "${TMPDIR:-/tmp}/$tag.XXXX")"
containers=()
processes=()
pod() {
  podman --log-level fatal --root "$scratch/storage" --runroot "$scratch/run" \
    --runtime runc --cgroup-manager cgroupfs "$@"
}

stop_all() {
  local status=$?
  [ $status = 0 ] || for name in "${containers[@]}"; do
    echo "-- last words of $name" >&2
    pod logs --tail 15 "$name" >&2 || true
  done
  for name in "${containers[@]}"; do pod rm --force --volumes --time 5 "$name" > /dev/null 2>&1 || true; done
  for pid in "${processes[@]}"; do kill "$pid" 2> /dev/null || true; done
  for pid in "${processes[@]}"; do wait "$pid" 2> /dev/null || true; done
  rm -rf "$work"
  exit $status
}
trap stop_all EXIT

# As in docker-compose.yml, but on the host's network. The limits are what a machine without privileges may set.
contained=(--network host --ulimit nofile=1024:1024 --ulimit nproc=1024:1024
  --read-only --read-only-tmpfs=false --tmpfs /tmp --cap-drop all --security-opt no-new-privileges)
# So that SIGTERM is passed on from the first moment; podman brings it as a package of its own.
! command -v catatonit > /dev/null || contained+=(--init)

say() { printf '== %s (%s s)\n' "$1" "$SECONDS" >&2; }
free_port() {
  node --eval '
    const server = require("net").createServer().listen(0, "127.0.0.1", () => {
      console.log(server.address().port)
      server.close()
    })'
}
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# run_service NAME IMAGE PODMAN-ARGUMENTS…
run_service() {
  local name="$tag-$1" image="localhost/tilework/$2"
  shift 2
  containers+=("$name")
  pod run --detach --name "$name" "${contained[@]}" "$@" "$image" > /dev/null
}
# until_healthy NAME: its own health check passes within two minutes.
until_healthy() {
  local name="$tag-$1" answer=""
  for _ in $(seq 60); do
    pod container exists "$name" && [ "$(pod inspect --format '{{.State.Running}}' "$name")" = true ] || {
      echo "$name has ended" >&2
      return 1
    }
    if answer="$(pod healthcheck run "$name" 2>&1)"; then say "$1 is healthy"; return 0; fi
    sleep 2
  done
  echo "$name is not healthy: $answer" >&2
  return 1
}
command_of_the_farm() {
  pod run --rm --timeout 600 "${contained[@]}" \
    --env TILEWORK_URL="http://127.0.0.1:$port" --env TILEWORK_TOKEN="$api_token" \
    --volume "$(dirname "$scene"):/scene:ro" --volume "$work/out:/out" localhost/tilework/coordinator "$@"
}

# --- Redis and the object store ---------------------------------------------------------------------------------------

port="$(free_port)"
redis_port="$(free_port)"
api_token="$(random)"
worker_token="$(random)"
mkdir -p "$work/redis" "$work/objects" "$work/out"
chmod 711 "$work"
chown 10001:10001 "$work/out"
redis_password="$(random)"
redis-server - > "$work/redis.log" 2>&1 <<END &
port $redis_port
bind 127.0.0.1
dir $work/redis
requirepass $redis_password
appendonly yes
save ""
maxmemory-policy noeviction
hash-max-listpack-value 512
END
processes+=($!)

farm=(--env REDIS_URL="redis://:$redis_password@127.0.0.1:$redis_port" --env TILEWORK_SECRET="$(random)$(random)")
versitygw="$(command -v "${VERSITYGW:-versitygw}" || true)"
if [ -n "$versitygw" ]; then
  s3_port="$(free_port)"
  s3_secret="$(random)"
  ROOT_ACCESS_KEY=tilework ROOT_SECRET_KEY="$s3_secret" "$versitygw" --port "127.0.0.1:$s3_port" \
    --region us-east-1 --health /health --quiet posix "$work/objects" > "$work/s3.log" 2>&1 &
  processes+=($!)
  is_healthy="fetch('http://127.0.0.1:$s3_port/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"
  for _ in $(seq 50); do
    node --eval "$is_healthy" && break
    sleep 0.2
  done
  farm+=(--env S3_ENDPOINT="http://127.0.0.1:$s3_port" --env S3_BUCKET=tilework
    --env S3_ACCESS_KEY_ID=tilework --env S3_SECRET_ACCESS_KEY="$s3_secret")
  pod run --rm "${contained[@]}" "${farm[@]}" --entrypoint node localhost/tilework/coordinator docker/s3/make-bucket.mjs
  say "objects go to versitygw"
else
  chown 10001:10001 "$work/objects"
  farm+=(--env TILEWORK_STORE_DIR=/objects --env TILEWORK_PUBLIC_URL="http://127.0.0.1:$port"
    --volume "$work/objects:/objects")
  say "objects go to a folder"
fi

# --- The farm
# -----------------------------------------------------------------------------------------------------------

run_service coordinator coordinator "${farm[@]}" --env HOST=127.0.0.1 --env PORT="$port" \
  --env TILEWORK_API_TOKENS="artist:$api_token" --env TILEWORK_WORKER_TOKENS="try:$worker_token"
until_healthy coordinator
run_service verifier verifier "${farm[@]}"
run_service assembler assembler "${farm[@]}"
for index in 1 2; do
  run_service "worker-$index" worker --env TILEWORK_WORKER_URL="ws://127.0.0.1:$port" \
    --env TILEWORK_WORKER_TOKEN="$worker_token" --env TILEWORK_WORKER_NAME="worker-$index" \
    --env TILEWORK_WORKER_THREADS=1
done
for name in verifier assembler worker-1 worker-2; do until_healthy "$name"; done

# --- A job, with tiles and every task rendered twice
# -----------------------------------------------------------------------

file="/scene/$(basename "$scene")"
small=(--frames "$frames" --resolution 25% --samples 8 --tiles 2x1 --video mp4)
command_of_the_farm submit "$file" "${small[@]}" --audit 100% --quiet --download /out
say "a job is done"
find "$work/out" -type f -printf '%P %s bytes\n' | sort

# --- A worker drains
# ---------------------------------------------------------------------------------------------------------

# Frames that take some seconds, and no audits, which would wait for a second worker.
job="$(command_of_the_farm submit "$file" --frames "$frames" --resolution 50% --samples 64 --video none --audit 0 \
  --quiet --name drained | tail -1)"
for _ in $(seq 120); do
  pod logs "$tag-worker-1" 2>&1 | grep "$job" | grep -q '"msg":"rendering"' && break
  sleep 0.5
done
say "worker-1 renders, and is asked to leave"
pod stop --time 300 "$tag-worker-1" > /dev/null
status="$(pod inspect --format '{{.State.ExitCode}}' "$tag-worker-1")"
pod logs --tail 3 "$tag-worker-1"
[ "$status" = 0 ] || { echo "the draining worker ended with $status" >&2; exit 1; }
say "worker-1 drained and left with exit code 0"
command_of_the_farm status "$job" --watch --quiet
say "the other worker finished the job"
