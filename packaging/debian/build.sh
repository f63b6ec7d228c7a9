#!/bin/bash
# Makes dist/fer-edge_VERSION_all.deb from a wheel: the same file for arm64, armhf and amd64, and to the byte with
# SOURCE_DATE_EPOCH.
#
#   make deb                                        # makes the wheel, too; or packaging/debian/build.sh WHEEL
#   sudo apt install ./dist/fer-edge_*_all.deb
#
# It holds the wheel and systemd/, whose install.sh makes the environment when the package is configured: OpenCV and the
# interpreter come from the package index, since Debian has no ai-edge-litert. MAINTAINER="Name <address>" is who answers.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$(dirname "$here")")
homepage=$(sed -n 's/^Homepage = "\(.*\)"$/\1/p' "$root/pyproject.toml")
owner=${homepage%/*} owner=${owner##*/}
maintainer=${MAINTAINER:-fer-edge maintainers <$owner@users.noreply.github.com>}

fail() {
  printf '%s\n' "build.sh: error: $*" >&2
  exit 1
}

[ $# = 1 ] || fail "needs one wheel; try: make deb"
wheel=$1
[ -f "$wheel" ] || fail "$wheel: no such file; try: make deb"
version=$(sed -n 's/^fer_edge-\([0-9][0-9a-z.]*\)-py3-none-any\.whl$/\1/p' <<<"${wheel##*/}")
[ -n "$version" ] || fail "$wheel: not a wheel of fer-edge, which is named fer_edge-VERSION-py3-none-any.whl"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(stat --format %Y "$wheel")}

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"
share=$tree/usr/share/fer-edge doc=$tree/usr/share/doc/fer-edge

install -Dm644 -t "$share" "$wheel" "$root"/systemd/{README.md,*.service,*.conf}
install -Dm755 -t "$share" "$root/systemd/install.sh"
(cd "$root" && find requirements -name '*.txt' -o -name install.py) | while read -r file; do
  install -Dm644 "$root/$file" "$share/$file"
done
made=$root/edge/fer_edge/completions
install -Dm644 "$made/fer-edge.bash" "$tree/usr/share/bash-completion/completions/fer-edge"
install -Dm644 "$made/_fer-edge" "$tree/usr/share/zsh/vendor-completions/_fer-edge"
install -Dm644 -t "$tree/usr/share/fish/vendor_completions.d" "$made/fer-edge.fish"
gzip -9n <"$made/fer-edge.1" | install -Dm644 /dev/stdin "$tree/usr/share/man/man1/fer-edge.1.gz"
gzip -9n <"$here/fer-edge-setup.8" | install -Dm644 /dev/stdin "$tree/usr/share/man/man8/fer-edge-setup.8.gz"
install -Dm755 -t "$tree/usr/sbin" "$here/fer-edge-setup"
{
  cat "$here/copyright"
  sed 's/^$/./; s/^/ /' "$root/LICENSE"
} | install -Dm644 /dev/stdin "$doc/copyright"
{
  printf 'fer-edge (%s) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n' "$version"
  printf ' -- %s  %s\n' "$maintainer" "$(LC_ALL=C date --utc --rfc-email --date "@$SOURCE_DATE_EPOCH")"
} | gzip -9n | install -Dm644 /dev/stdin "$doc/changelog.gz"

install -d "$tree/DEBIAN"
install -m755 -t "$tree/DEBIAN" "$here"/{postinst,prerm,postrm}
cat >"$tree/DEBIAN/control" <<CONTROL
Package: fer-edge
Version: $version
Section: video
Priority: optional
Architecture: all
Maintainer: $maintainer
Depends: python3 (>= 3.11), python3-venv, passwd, procps, systemd
Recommends: python3-gpiozero, python3-lgpio, python3-picamera2
Installed-Size: $(du --summarize --apparent-size --block-size=1K "$tree/usr" | cut -f1)
Homepage: $homepage
Description: facial expressions read on this device, as a service
 Finds faces in a camera's frames, reads each one's expression and writes it to
 a local log; a page for the room, MQTT, lights and displays on request. No
 picture leaves the device, and none is stored unless a setting asks for it.
 .
 While it is configured it fetches OpenCV and a TFLite interpreter from the
 Python package index into /opt/fer-edge (0.4 GB).
CONTROL
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
find "$tree" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$root/dist"
dpkg-deb --root-owner-group -Zxz --build "$tree" "$root/dist/fer-edge_${version}_all.deb"
