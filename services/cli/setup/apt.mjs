import { spawnSync } from 'node:child_process'

/**
 * Runs as root. Debian starts the service of redis-server when it is installed; the farm has a Redis of its own, and a
 * second one on the default port is nobody's wish. policy-rc.d is Debian's way to say so: while the file is there,
 * nothing is started. One that is there already is somebody else's and is left alone; ours is removed again, whatever
 * happens. The package lists may be old or absent; when they cannot be read anew, the old ones may still do.
 */
const INSTALL_SCRIPT = `
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\\nexit 101\\n' > "$policy" && chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
apt-get update || echo 'The package lists could not be read anew; going on with those that are here.' >&2
apt-get install --yes --no-install-recommends "$@"
`

/**
 * Installs Debian packages, showing what apt says. Gives whether it worked.
 * @param {readonly string[]} packages
 * @param {readonly string[]} asRoot what to put before a command so that root runs it
 */
export function aptInstall(packages, asRoot) {
  const [command, ...rest] = [...asRoot, 'sh', '-c', INSTALL_SCRIPT, 'sh', ...packages]
  return spawnSync(command, rest, { stdio: ['inherit', 2, 2] }).status === 0
}
