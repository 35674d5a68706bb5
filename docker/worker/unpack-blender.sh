#!/bin/sh
# Unpacks /archive/$BLENDER_ARCHIVE into /opt/blender, after its SHA-256 was seen to be $BLENDER_SHA256. Without a name
# it leaves an empty folder.
set -eu
mkdir -p /opt/blender
[ -n "${BLENDER_ARCHIVE:-}" ] || exit 0
file="/archive/$BLENDER_ARCHIVE"
[ -f "$file" ] || {
  echo "docker/worker/blender/ has no $BLENDER_ARCHIVE: lay the archive from blender.org there" >&2
  exit 1
}
[ -n "${BLENDER_SHA256:-}" ] || {
  echo "BLENDER_SHA256 is missing: it is in the .sha256 file beside the archive on blender.org" >&2
  exit 1
}
echo "$BLENDER_SHA256  $file" | sha256sum --check --quiet
apt-get update
apt-get install -y --no-install-recommends xz-utils
tar --extract --file "$file" --directory /opt/blender --strip-components 1 --no-same-owner
[ -x /opt/blender/blender ] || { echo "$BLENDER_ARCHIVE holds no program named blender" >&2; exit 1; }
