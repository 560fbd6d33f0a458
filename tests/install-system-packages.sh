#!/bin/sh
# Installs the Debian packages that the tests use: speech (flite), a registry (docker-registry), another tool for
# images (skopeo), two container engines (docker.io, podman) and a browser (chromium). Only where it can, and quietly; without them the tests that need them skip, so nothing here fails a
# build.
set -u

missing=""
for need in flite:flite docker-registry:docker-registry skopeo:skopeo dockerd:docker.io podman:podman chromium:chromium chromedriver:chromium-driver; do
    command -v "${need%%:*}" >/dev/null 2>&1 || missing="$missing ${need##*:}"
done
[ -n "$missing" ] || exit 0

skipped() {
    echo "$1; tests that need these Debian packages will be skipped:$missing" >&2
    exit 0
}

command -v apt-get >/dev/null 2>&1 || skipped "apt-get is not here"
[ "$(id -u)" = 0 ] || skipped "only root can install system packages"

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
install() {
    # shellcheck disable=SC2086 # one word a package
    timeout 300 apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=60 $missing >"$log" 2>&1
}
# An image without package lists needs them first; one with fresh lists does not.
if install || { timeout 300 apt-get update -qq >"$log" 2>&1 && install; }; then
    rm -f "$log"
else
    tail -3 "$log" >&2
    rm -f "$log"
    skipped "apt-get could not install them"
fi
