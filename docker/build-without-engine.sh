#!/usr/bin/env bash
#
# Builds the images where there is no container engine and no registry of images can be reached: with buildah, in chroot
# isolation, from a base image made here of Debian (debootstrap) and the Node.js of this machine. The Dockerfiles are
# used as they are: the base is imported under the name they ask for. It stands in for the official image and is no copy
# of it.
#
#   sudo docker/build-without-engine.sh [--scratch FOLDER] [coordinator|verifier|assembler|worker …]
#   sudo docker/build-without-engine.sh [--scratch FOLDER] --remove
#
# Needs Linux, root, Node.js 20 with npm, and   apt install --no-install-recommends buildah debootstrap
# Everything lands in FOLDER (default: tilework-images in $TMPDIR or /tmp), some 10 GB; run again, it goes on from what
# is there. Afterwards    podman --root FOLDER/storage --runroot FOLDER/run images    lists them, and --remove removes
# the folder.
#
# npm settings of this machine reach the build by a mount of ~/.npmrc, and the certificates it trusts
# (NODE_EXTRA_CA_CERTS) by another; of neither more stays in an image than an empty file.
set -euo pipefail

project="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
scratch="${TMPDIR:-/tmp}/tilework-images"
images=()
remove=no
while [ $# -gt 0 ]; do
  case "$1" in
    --scratch) scratch="${2:?--scratch needs a folder}"; shift 2 ;;
    --remove) remove=yes; shift ;;
    coordinator | verifier | assembler | worker) images+=("$1"); shift ;;
    *) sed -n '3,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
done
[ ${#images[@]} -gt 0 ] || images=(coordinator verifier assembler worker)

[ "$(id -u)" = 0 ] || { echo "this needs root: debootstrap and chroot do" >&2; exit 1; }
for tool in buildah debootstrap node npm tar; do
  command -v "$tool" > /dev/null || {
    echo "$tool is missing: apt install --no-install-recommends buildah debootstrap, and Node.js 20" >&2
    exit 1
  }
done

mkdir -p "$scratch"
scratch="$(cd "$scratch" && pwd)"
base_name="$(sed -n 's/^ARG NODE_IMAGE=//p' "$project/docker/coordinator/Dockerfile")"

# Overlay where the kernel gives it, else plain copies, which take several times the room.
storage_driver() {
  local at="$scratch/overlay-trial"
  mkdir -p "$at/lower" "$at/upper" "$at/work" "$at/merged"
  local layers="lowerdir=$at/lower,upperdir=$at/upper,workdir=$at/work"
  if mount -t overlay overlay -o "$layers" "$at/merged" 2> /dev/null; then
    umount "$at/merged"
    echo overlay
  else
    echo vfs
  fi
  rm -rf "$at"
}
driver="$(storage_driver)"
store=(--root "$scratch/storage" --runroot "$scratch/run" --storage-driver "$driver")

if [ "$remove" = yes ]; then
  # A build that broke off leaves its container, and the store stays mounted: neither can be deleted as a mere folder.
  buildah "${store[@]}" rm --all > /dev/null
  buildah "${store[@]}" rmi --all --force > /dev/null
  ! mountpoint --quiet "$scratch/storage/overlay" || umount "$scratch/storage/overlay"
  rm -r "$scratch"
  exit 0
fi

# --- The base image -------------------------------------------------------------------------------------------------

make_base() {
  local root="$scratch/base"
  rm -rf "$root"
  debootstrap --variant=minbase bookworm "$root"
  # As in the official image: security updates, and Node.js with npm below /usr/local.
  for source in sources.list sources.list.d/debian.sources; do # where this machine gets its own packages
    [ ! -e "/etc/apt/$source" ] || install -D -m 644 "/etc/apt/$source" "$root/etc/apt/$source"
  done
  rm -rf "$root/var/lib/apt/lists/"* "$root/var/cache/apt/archives/"*.deb
  install -D -m 755 "$(readlink -f "$(command -v node)")" "$root/usr/local/bin/node"
  mkdir -p "$root/usr/local/lib/node_modules"
  cp -a "$(npm root --global)/npm" "$root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
  # Node.js may want libraries that Debian's smallest system lacks.
  chroot "$root" /usr/local/bin/node --version

  tar --create --file "$scratch/base.tar" --directory "$root" --one-file-system .
  local container
  container="$(buildah "${store[@]}" from scratch)"
  buildah "${store[@]}" add --quiet "$container" "$scratch/base.tar" /
  local program_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  buildah "${store[@]}" config --env PATH="$program_path" --cmd node "$container"
  buildah "${store[@]}" commit --quiet --rm "$container" "$base_name"
  rm -rf "$root" "$scratch/base.tar"
}

if ! buildah "${store[@]}" inspect --type image "$base_name" > /dev/null 2>&1; then
  echo "== $base_name, from debootstrap" >&2
  make_base
fi

# --- The images -----------------------------------------------------------------------------------------------------

# --format docker, since the other format has no health checks; --layers, so that the four share the stages they have in
# common.
options=(--isolation chroot --format docker --layers --pull-never --build-arg "NODE_IMAGE=$base_name")
{ cat "$HOME/.npmrc" 2> /dev/null || true; } > "$scratch/npmrc"
if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then
  printf '\ncafile=/etc/build-certificates.pem\n' >> "$scratch/npmrc"
  options+=(--volume "$NODE_EXTRA_CA_CERTS:/etc/build-certificates.pem:ro")
fi
options+=(--volume "$scratch/npmrc:/root/.npmrc:ro")
for name in "${images[@]}"; do
  echo "== tilework/$name" >&2
  started=$SECONDS
  buildah "${store[@]}" bud "${options[@]}" --file "$project/docker/$name/Dockerfile" \
    --tag "localhost/tilework/$name" "$project"
  echo "== tilework/$name: $((SECONDS - started)) s" >&2
done
buildah "${store[@]}" images
