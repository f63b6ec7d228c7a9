#!/bin/bash
# Installs fer-edge as a service on Raspberry Pi OS, Debian or Ubuntu, and upgrades it with a way back.
#
#   sudo systemd/install.sh [--wheel FILE] [--with NAME,...]   install, or upgrade
#   sudo systemd/install.sh --rollback                         back to what ran before the last upgrade
#   sudo systemd/install.sh --uninstall [--purge]              remove it; --purge: settings, log and user too
#
# --with: what outputs need (kiosk, mqtt, ...), beside what was given before, which upgrades keep; and detectors
# (blazeface, blazeface-short, yunet), which are fetched into /etc/fer-edge/detectors and stay there.
#
# /opt/fer-edge/env-TIME is one environment; `current` points at the one in use and `previous` at the one before. Nothing
# that is in use is changed: a new environment is made beside it, tried, and taken by one rename.
set -euo pipefail

# Its test sets DESTDIR, a folder for all files. apt-get, useradd and systemctl still change the machine itself, unless
# others of their names come first in PATH.
dest=${DESTDIR:-}
opt=$dest/opt/fer-edge
etc=$dest/etc/fer-edge
state=$dest/var/lib/fer-edge
unit=$dest/etc/systemd/system/fer-edge.service
command=$dest/usr/local/bin/fer-edge
target=/opt/fer-edge/current/bin/fer-edge
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
locks=$(dirname "$here")/requirements
if [ -d "$here/requirements" ]; then locks=$here/requirements; fi # the Debian package has all in one folder
python=${PYTHON:-/usr/bin/python3}
watch_seconds=60
space_mb=700

say() { printf '%s\n' "fer-edge: $*"; }
fail() {
  printf '%s\n' "fer-edge: error: $*" >&2
  exit 1
}

# What this very run made, under its lock, is removed if it ends half made. Nothing else is: others may keep files here.
unfinished='' made=() made_folder=''
clean_up() {
  if [ -n "$unfinished" ]; then rm -rf "$unfinished"; fi
  if [ -L "$opt/current" ]; then return; fi
  if [ ${#made[@]} != 0 ]; then rm -f "${made[@]}"; fi
  if [ -n "$made_folder" ]; then rmdir "$opt" 2>/dev/null || true; fi
}
trap clean_up EXIT

put() { # $1: file, for users, in $opt
  local to=$opt/${1##*/}
  if [ ! -e "$to" ]; then made+=("$to"); fi
  cp "$1" "$to"
}

# Whether $1 is missing, or a README.md of any version of this; not that of a checkout that is kept here.
is_our_readme() { [ ! -e "$1" ] || [ "$(head -n 1 "$1")" = "$(head -n 1 "$here/README.md")" ]; }

# Whether $1 is an environment that this made, by now or half.
is_environment() {
  [[ ${1##*/} =~ ^env-[0-9]+$ ]] && [ ! -L "$1" ] && [ -e "$1/pyvenv.cfg" ]
}

check_platform() {
  local id
  [ -n "$dest" ] || [ "$(id -u)" = 0 ] || fail "must be root; try: sudo $0"
  [ -r "$dest/etc/os-release" ] || fail "no $dest/etc/os-release: not a system that this knows; try: make run"
  # shellcheck source=/dev/null
  id=$(. "$dest/etc/os-release" && printf '%s' "${ID:-} ${ID_LIKE:-}")
  case " $id " in
    *" debian "* | *" ubuntu "* | *" raspbian "*) ;;
    *) fail "$id: only Raspberry Pi OS, Debian and Ubuntu are known here; try: make run" ;;
  esac
  command -v systemctl >/dev/null || fail "systemctl: not found; this installs a systemd service"
  command -v apt-get >/dev/null || fail "apt-get: not found; this installs the distribution's packages"
}

check_python() {
  local machine version major minor folder free
  machine=$(uname -m)
  version=$("$python" -c 'import sys; print("%d %d" % sys.version_info[:2])') ||
    fail "$python: does not run; try: apt install python3"
  read -r major minor <<<"$version"
  if [ "$major" != 3 ] || [ "$minor" -lt 11 ]; then
    fail "$python is $major.$minor, fer-edge needs 3.11 or newer; upgrade to Raspberry Pi OS Bookworm or newer"
  fi
  case $machine in
    aarch64 | x86_64) say "$machine, Python $major.$minor: the interpreter is ai-edge-litert" ;;
    armv7l)
      if [ "$minor" -le 11 ]; then
        say "armv7l, Python $major.$minor: the interpreter is tflite-runtime"
      else
        say "armv7l, Python $major.$minor: no TFLite package has a wheel, OpenCV runs the float model; 64-bit is faster"
      fi
      ;;
    *) fail "$machine: no interpreter has a wheel for it; a Raspberry Pi 3 or newer has aarch64" ;;
  esac
  folder=$opt
  while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
  free=$(df --output=avail -m "$folder" | tail -n 1 | tr -d ' ')
  [ "$free" -ge "$space_mb" ] || fail "$opt: $free MB free, $space_mb MB are needed; make room, for example: apt clean"
}

# The distribution's packages: those that are not known there are left out, and said.
install_packages() {
  local wanted=(python3-venv procps) name
  for name in python3-picamera2 python3-gpiozero python3-lgpio; do
    if apt-cache show "$name" >/dev/null 2>&1; then
      wanted+=("$name")
    else
      say "$name: not in this distribution, left out"
    fi
  done
  say "packages: ${wanted[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "${wanted[@]}" >/dev/null ||
    fail "apt-get could not install ${wanted[*]}; try: apt-get update, and this again"
}

make_user() {
  local group
  if ! id fer-edge >/dev/null 2>&1; then
    say "user fer-edge"
    useradd --system --user-group --home-dir /var/lib/fer-edge --no-create-home --shell /usr/sbin/nologin fer-edge
  fi
  for group in video gpio i2c spi; do
    if getent group "$group" >/dev/null; then usermod --append --groups "$group" fer-edge; fi
  done
}

make_environment() { # $1: its folder, $2: what to install, $3: its extras
  local file said
  say "environment ${1#"$dest"}"
  unfinished=$1
  "$python" -m venv --system-site-packages "$1"
  # From the locks, by their hashes. The system's NumPy stays: picamera2 is built against it.
  said=$("$1/bin/python" "$locks/install.py" --pip=--no-cache-dir --with "$3" "$2" 2>&1 </dev/null) || {
    said=${said##*fer-edge: error: }
    fail "${said:-pip could not install $2}; what ran before still does"
  }
  if [ -n "$said" ]; then printf '%s\n' "$said"; fi
  cp "$here/fer-edge.service" "$1/"
  printf '%s\n' "$3" >"$1/extras"
  for file in "$here"/fer-edge-*.conf; do put "$file"; done
  if is_our_readme "$opt/README.md"; then put "$here/README.md"; fi
}

try_models() { # $1: the environment
  local said
  say "trying the models in it"
  said=$("$1/bin/fer-edge" models --verify 2>&1 </dev/null) || {
    grep '^failed' <<<"$said" >&2 || printf '%s\n' "$said" >&2
    fail "what is said above does not work in it; fix it or take it away, and run this again; what ran before still does"
  }
}

# Sets `extras` to what pip installs of $1, and `detectors` to the others of it; an empty $1 has neither.
split_names() {
  local name each
  extras='' detectors=()
  IFS=, read -r -a each <<<"${1// /}"
  for name in ${each[@]+"${each[@]}"}; do
    case $name in
      '') ;;
      blazeface | blazeface-short | yunet) detectors+=("$name") ;;
      *) extras=${extras:+$extras,}$name ;;
    esac
  done
}

# A detector that cannot be fetched is no reason to stop: the one that worked goes on.
install_detectors() { # $1: the environment, then their names
  local command=$1/bin/fer-edge name said
  shift
  for name in "$@"; do
    if said=$("$command" detectors install "$name" --to "$etc/detectors" 2>&1 </dev/null); then
      say "detector $name: in ${etc#"$dest"}/detectors; ${said##*$'\n'}"
    else
      said=${said##*$'\n'}
      say "$name is not installed, and what finds faces without it still does: ${said#fer-edge: error: }"
    fi
  done
}

check_settings() { # $1: the environment
  [ -e "$etc/fer-edge.toml" ] || return 0
  "$1/bin/python" -c 'import sys, pathlib, fer_edge.settings as s; s.load(pathlib.Path(sys.argv[1]))' "$etc/fer-edge.toml" ||
    fail "$etc/fer-edge.toml: this version cannot use it, as said above; fix it, and run this again"
}

write_settings() { # $1: the environment
  local source
  install -d -m 755 "$etc"
  if [ -e "$etc/fer-edge.toml" ]; then
    say "settings ${etc#"$dest"}/fer-edge.toml: yours, left as they are"
    return
  fi
  # Never "auto": without its camera it would play the demo, and log it.
  source=$("$1/bin/python" -c 'from fer_edge.sources import choose; c = choose("auto"); print(
    {"picamera": "picamera", "camera": "camera:" + c.target}.get(c.kind, ""))') || source=
  say "settings ${etc#"$dest"}/fer-edge.toml: the camera is ${source:-picamera}"
  cat >"$etc/fer-edge.toml.new" <<TOML
# What else can be set, and what it means: fer-edge settings. Load changes with: sudo systemctl reload fer-edge

[run]
sinks = ["log"]

[source]
name = "${source:-picamera}"

[log]
path = "/var/lib/fer-edge/fer-edge.jsonl"
TOML
  chmod 640 "$etc/fer-edge.toml.new"
  if [ -z "$dest" ]; then chgrp fer-edge "$etc/fer-edge.toml.new"; fi
  mv "$etc/fer-edge.toml.new" "$etc/fer-edge.toml"
}

point() { # $1: link, $2: name; at once or not at all
  ln -sfn "$2" "$1.new"
  mv -T "$1.new" "$1"
}

use() { # $1: name of an environment
  # Files first, then what names them: a power cut leaves each of both names at the old or the new.
  install -D -m 644 "$opt/$1/fer-edge.service" "$unit.new"
  sync -f "$opt" "$unit.new"
  point "$opt/current" "$1"
  mv -T "$unit.new" "$unit"
  sync -f "$opt" "$unit"
  systemctl daemon-reload
}

# The command for users. A file of that name that is not ours stays.
link_command() {
  install -d "$(dirname "$command")"
  if [ ! -e "$command" ] || is_our_command; then
    ln -sfn "$target" "$command"
  else
    say "${command#"$dest"}: another program of that name, left as it is; this one is $target"
  fi
}

is_our_command() { [ "$(readlink "$command")" = "$target" ]; }

# Whether it starts, and runs for a minute without being started again.
watch() {
  local second=0 restarts
  systemctl restart fer-edge || return 1
  say "watching it for $watch_seconds s"
  while [ "$second" -lt "$watch_seconds" ]; do
    sleep 5
    second=$((second + 5))
    restarts=$(systemctl show fer-edge --property NRestarts --value)
    if [ "$(systemctl is-active fer-edge)" != active ] || [ "${restarts:-0}" != 0 ]; then return 1; fi
  done
}

remove_old() {
  local folder name current previous
  current=$(readlink "$opt/current")
  previous=$(readlink "$opt/previous" || true)
  for folder in "$opt"/env-*; do
    name=${folder##*/}
    if [ "$name" != "$current" ] && [ "$name" != "$previous" ] && is_environment "$folder"; then rm -rf "$folder"; fi
  done
}

lock() {
  local folder='' file=''
  if [ ! -e "$opt" ]; then
    mkdir -p "$(dirname "$opt")"
    if mkdir "$opt" 2>/dev/null; then folder=yes; fi
  fi
  [ -d "$opt" ] || fail "$opt: is not a folder; move it away"
  [ ! -L "$opt/.lock" ] || fail "$opt/.lock: is a link; remove it"
  if [ ! -e "$opt/.lock" ]; then file=$opt/.lock; fi
  exec 9>>"$opt/.lock"
  # The one before may have removed its file, and with it the folder, since this was opened.
  if ! flock --nonblock 9 || [ ! "$opt/.lock" -ef "/proc/$$/fd/9" ]; then
    fail "another install.sh is at work; wait for it"
  fi
  made_folder=$folder made=(${file:+"$file"})
}

install_it() { # $1: wheel or "", $2: extras and detectors, or "" for the extras of before
  local name what before extras detectors
  check_platform
  check_python
  lock
  what=${1:-$(dirname "$here")}
  [ -e "$what" ] || fail "--wheel $what: no such file"
  # Inside apt no other apt can run; the package has them among its own dependencies.
  if [ -z "$packaged" ]; then install_packages; fi
  make_user
  name=env-$(date +%Y%m%d%H%M%S)
  [ ! -e "$opt/$name" ] || fail "$opt/$name: is there already; try again in a second"
  split_names "$2"
  # Those of before, too: the settings may name their outputs.
  extras=$(printf '%s\n' "$(cat "$opt/current/extras" 2>/dev/null || true)" "$extras" | tr , '\n' | sed '/^$/d' | sort -u |
    paste -sd, -)
  make_environment "$opt/$name" "$what" "$extras"
  check_settings "$opt/$name"
  try_models "$opt/$name"
  write_settings "$opt/$name"
  install_detectors "$opt/$name" ${detectors[@]+"${detectors[@]}"}
  if [ -z "$dest" ]; then install -d -m 750 -o fer-edge -g fer-edge "$state"; else install -d -m 750 "$state"; fi
  before=$(readlink "$opt/current" || true)
  unfinished=
  use "$name"
  link_command
  systemctl enable --quiet fer-edge
  if watch; then
    if [ -n "$before" ]; then point "$opt/previous" "$before"; fi
    remove_old
    say "runs${before:+; back to what ran before: $0 --rollback}"
  elif [ -n "$before" ] && [ -d "$opt/$before" ]; then
    journalctl --unit fer-edge --lines 5 --output cat --no-pager || true
    use "$before"
    if systemctl restart fer-edge; then
      rm -rf "${opt:?}/$name"
      fail "the new version did not run for $watch_seconds s, as said above; what ran before runs again"
    fi
    # Not the new version's fault: no camera, say. To refuse it would refuse the one that fixes it, too.
    use "$name"
    systemctl restart fer-edge || true
    point "$opt/previous" "$before"
    remove_old
    say "it does not run, and neither does what was there before; systemd tries again, and the doctor says why:"
  else
    say "it does not run yet; systemd tries again, and the doctor says why:"
  fi
  "$opt/current/bin/fer-edge" doctor --config "$etc/fer-edge.toml" || true
}

rollback() {
  local current previous
  check_platform
  [ -L "$opt/current" ] || fail "nothing to go back to: fer-edge is not installed"
  lock
  current=$(readlink "$opt/current" || true)
  previous=$(readlink "$opt/previous" || true)
  if [ -z "$previous" ] || [ ! -x "$opt/$previous/bin/fer-edge" ]; then
    fail "nothing to go back to: no upgrade has been made"
  fi
  use "$previous"
  point "$opt/previous" "$current"
  systemctl restart fer-edge || fail "$previous does not start either; see: journalctl -u fer-edge"
  say "runs $previous again; forward to $current: $0 --rollback"
}

uninstall() { # $1: purge, or ""
  local folder
  check_platform
  if [ -e "$opt" ]; then lock; fi
  systemctl disable --now --quiet fer-edge || true
  rm -f "$unit" "$unit.new"
  if is_our_command; then rm -f "$command"; fi
  for folder in "$opt"/env-*; do
    if is_environment "$folder"; then rm -rf "$folder"; fi
  done
  for folder in current current.new previous previous.new; do
    if [ -L "$opt/$folder" ]; then rm -f "$opt/$folder"; fi
  done
  for folder in "$here"/fer-edge-*.conf; do rm -f "$opt/${folder##*/}"; done
  if is_our_readme "$opt/README.md"; then rm -f "$opt/README.md"; fi
  rm -f "$opt/.lock"
  if [ -d "$opt" ] && ! rmdir "$opt" 2>/dev/null; then
    say "${opt#"$dest"}: holds files of others, and they stay: $(find "$opt/" -mindepth 1 -maxdepth 1 -printf '%f ')"
  fi
  systemctl daemon-reload
  if [ -z "$1" ]; then
    say "removed; settings (${etc#"$dest"}), log (${state#"$dest"}) and changes of the unit are still there: --uninstall --purge removes them too"
    return
  fi
  rm -rf "$etc" "$state" "$unit.d"
  if id fer-edge >/dev/null 2>&1; then userdel fer-edge; fi
  say "removed, with settings, log and user"
}

action=install wheel='' names='' purge='' packaged=''
while [ $# -gt 0 ]; do
  case $1 in
    --wheel | --with)
      [ $# -ge 2 ] || fail "$1: needs a value"
      if [ "$1" = --wheel ]; then wheel=$(realpath -- "$2"); else names=${names:+$names,}$2; fi
      shift
      ;;
    --rollback) action=rollback ;;
    --uninstall) action=uninstall ;;
    --purge) purge=purge ;;
    --packaged) packaged=yes ;; # the Debian package's: see packaging/debian
    --help | -h)
      sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
      exit
      ;;
    *) fail "$1: unknown; try: $0 --help" ;;
  esac
  shift
done
if [ -n "$packaged" ] && [ ! -d "$dest/run/systemd/system" ]; then
  # An image that is being made, where systemd does not run: it enables units there, and starts them at the next boot.
  systemctl() { case $1 in enable | disable) command systemctl "$1" --quiet fer-edge ;; esac }
  watch() { say "systemd does not run here: the service starts at the next boot"; }
fi
[ -z "$purge" ] || [ "$action" = uninstall ] || fail "--purge: only with --uninstall"
case $action in
  install) install_it "$wheel" "$names" ;;
  rollback) rollback ;;
  uninstall) uninstall "$purge" ;;
esac
