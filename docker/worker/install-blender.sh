#!/bin/sh
# Installs Debian's Blender, or, where /opt/blender holds one, only the libraries that one expects of a system. Ends
# with the version, so that a Blender that does not start fails the build. bubblewrap is for containers that may use it.
set -eu
apt-get update
if [ -x /opt/blender/blender ]; then
  apt-get install -y --no-install-recommends bubblewrap \
    libegl1 libgl1 libgomp1 libice6 libsm6 libx11-6 libxfixes3 libxi6 libxkbcommon0 libxrender1 libxxf86vm1
  PATH="/opt/blender:$PATH"
else
  apt-get install -y --no-install-recommends bubblewrap blender
fi
rm -rf /var/lib/apt/lists/*
blender --version
