#!/bin/sh
# Writes .env beside docker-compose.yml from docker/.env.example, with fresh random secrets; only its owner may read it.
# A file that is there is left alone: other secrets would lock the farm out of its own Redis.
set -eu
cd "$(dirname "$0")/.."
if [ -e .env ]; then
  echo ".env is there already; remove it yourself if the farm is to have new secrets" >&2
  exit 1
fi

umask 077
draft=".env.$$"
trap 'rm -f "$draft"' EXIT
while IFS= read -r line; do
  case "$line" in
    *_PASSWORD= | *_SECRET= | *_KEY= | *_TOKEN=)
      printf '%s%s\n' "$line" "$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
      ;;
    *) printf '%s\n' "$line" ;;
  esac
done < docker/.env.example > "$draft"
mv "$draft" .env
echo "wrote .env; artists sign in with the token TILEWORK_API_TOKEN in it" >&2
