#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Update a real package by a real dpkg, in a root of its own where nothing else is: from a signed release on a "stick" to
# a version whose node does not start, and back by itself; then to one that is well, confirmed after its ten minutes.
# Needs root, and the Debian packages mmdebstrap and curl. Takes a quarter of an hour, most of it the trial. The root
# has no systemd: what the installer asks of it is played by a script with one process behind it.
set -euo pipefail
trap 'echo "line $LINENO failed" >&2' ERR
cd "$(dirname "$0")/../.."
package=$(realpath "${1:-$(ls dist/convergences_*_amd64.deb | tail -1)}")
suite=${2:-bookworm}
python=$PWD/.venv/bin/python
scratch=$(mktemp -d)
root=$scratch/root
finish() {
  [ ! -e "$root/run/node.pid" ] || kill "$(cat "$root/run/node.pid")" 2>/dev/null || true
  rm -rf --one-file-system "$scratch"
}
trap finish EXIT
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"; }
node() { inside su -s /bin/sh convergences -c "RUNTIME_DIRECTORY=/run/convergences convergences $* --folder /var/lib/convergences"; }
state() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$root/var/lib/convergences-update/state.json" "$1"; }
is() { [ "$2" = "$3" ] || { echo "$1: $2, not $3" >&2; exit 1; }; }

repack() { # the same package as another version, with the test's key; with a third argument, its node does not start
  local tree=$scratch/tree version=$1 to=$2
  rm -rf "$tree"
  dpkg-deb -R "$package" "$tree"
  local libraries=$tree/usr/lib/convergences
  sed -i "s/^Version: .*/Version: $version/" "$tree/DEBIAN/control"
  sed -i "s/\"version\": \"[^\"]*\"/\"version\": \"$version\"/" "$libraries/package.json"
  cp "$scratch/keys" "$libraries/release-keys"
  [ -z "${3:-}" ] || echo 'raise SystemExit("a bad day")' >"$libraries/common/convergences_node/serve.py"
  (cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
  dpkg-deb --root-owner-group --no-uniform-compression -Zzstd -z1 -b "$tree" "$to/convergences_${version}_amd64.deb" >/dev/null
}

echo "== three versions of one package, and a key for the test"
stick=$scratch/stick
mkdir -p "$stick" "$scratch/old"
"$python" deploy/package/release.py key convergences.example/try "$scratch/key" >"$scratch/keys"
repack 0.1.0 "$scratch/old"
for each in 0.2.0:bad 0.3.0:; do
  repack "${each%%:*}" "$stick" "${each##*:}"
  "$python" deploy/package/release.py sign --key "$scratch/key" --dist "$stick" --version "${each%%:*}" >/dev/null
done

echo "== $suite: install 0.1.0, found a town, serve it"
mmdebstrap --quiet --variant=minbase --include=python3,adduser,libstdc++6,init-system-helpers "$suite" "$root"
cat >"$root/usr/bin/systemctl" <<'PLAYED'
#!/bin/sh
# systemd, as far as the installer asks: one service, under its unit's condition.
log() { echo "$*" >>/run/systemctl.log; }
log "$*"
alive() { [ -e /run/node.pid ] && kill -0 "$(cat /run/node.pid)" 2>/dev/null; }
case "$*" in
  show*)
    if alive; then echo ActiveState=active; elif [ -e /run/node.pid ]; then echo ActiveState=failed; else echo ActiveState=inactive; fi
    echo NRestarts=0 ;;
  *start*convergences.service*)
    [ ! -e /var/lib/convergences-update/busy ] || exit 0
    alive && exit 0
    RUNTIME_DIRECTORY=/run/convergences setsid su -s /bin/sh convergences -c \
      'echo $$ >/run/convergences/pid; exec convergences serve --folder /var/lib/convergences' \
      >>/run/node.log 2>&1 </dev/null &
    while [ ! -s /run/convergences/pid ]; do sleep 0.1; done
    mv /run/convergences/pid /run/node.pid ;;
  *stop*convergences.service*)
    alive && kill "$(cat /run/node.pid)"
    while alive; do sleep 0.1; done
    rm -f /run/node.pid ;;
esac
exit 0
PLAYED
chmod 755 "$root/usr/bin/systemctl"
cp "$scratch/old/convergences_0.1.0_amd64.deb" "$root/tmp/first.deb"
inside dpkg -i /tmp/first.deb
rm "$root/tmp/first.deb"
inside install -d -m 0700 -o convergences -g convergences /run/convergences
inside su -s /bin/sh convergences -c 'cd && convergences init 93066 --folder /var/lib/convergences' >/dev/null
inside systemctl start convergences.service
healthy() { # whether the node answers, within five minutes
  for _ in $(seq 300); do
    if curl -sf http://127.0.0.1:8750/healthz | grep -q '"ready":true'; then return 0; fi
    sleep 1
  done
  return 1
}
healthy
node add actor name=Avant type=association >/dev/null
mkdir -p "$root/mnt/stick"
cp "$stick"/* "$root/mnt/stick/"

update() { # prepare what is on the stick, wish for it, and let root do its part
  node update stage /mnt/stick --version "$1"
  node update apply
  rm "$root/run/convergences/update-apply"
  inside /usr/bin/python3 -I -B /usr/lib/convergences/installer take
  [ -e "$root/etc/systemd/system/convergences-update-resume.service" ] || { echo "nothing was planted" >&2; exit 1; }
  inside /usr/bin/python3 -I -B /var/lib/convergences-update/installer resume
}
at_rest() { # that version runs, with all that was there, and nothing would begin again
  is installed "$(inside dpkg-query -W -f '${db:Status-Abbrev}${Version}' convergences)" "ii $1"
  [ ! -e "$root/etc/systemd/system/convergences-update-resume.service" ] || { echo "something was left planted" >&2; exit 1; }
  healthy
  grep -q Avant <<<"$(node search Avant)"
  inside dpkg --verify convergences
  # What dpkg runs when it comes and goes has come with it.
  for each in postinst prerm postrm; do
    [ -x "$root/var/lib/dpkg/info/convergences.$each" ] || { echo "no $each" >&2; exit 1; }
  done
}

echo "== to 0.2.0, whose node does not start: back to 0.1.0"
update 0.2.0
is phase "$(state phase)" returned
at_rest 0.1.0
node update status || true
node add actor name=Après type=association >/dev/null

echo "== to 0.3.0: the ten minutes, and confirmed"
update 0.3.0
is phase "$(state phase)" confirmed
at_rest 0.3.0
grep -q Après <<<"$(node search Après)"

echo "== a package that was altered on the stick, and one from a stranger, are refused"
repack 0.4.0 "$stick"
"$python" deploy/package/release.py sign --key "$scratch/key" --dist "$stick" --version 0.4.0 >/dev/null
cp "$stick"/*0.4.0* "$root/mnt/stick/"
printf x >>"$root/mnt/stick/convergences_0.4.0_amd64.deb"
if node update stage /mnt/stick --version 0.4.0; then echo "it was staged" >&2; exit 1; fi
"$python" deploy/package/release.py key convergences.example/stranger "$scratch/other" >/dev/null
"$python" deploy/package/release.py sign --key "$scratch/other" --dist "$stick" --version 0.4.0 >/dev/null
cp "$stick"/*0.4.0* "$root/mnt/stick/"
if node update stage /mnt/stick/convergences-0.4.0.release; then echo "it was staged" >&2; exit 1; fi
inside systemctl stop convergences.service
inside dpkg -P convergences
[ ! -e "$root/var/lib/convergences-update" ] || { echo "the installer's folder is left" >&2; exit 1; }
[ -s "$root/var/lib/convergences/archive.db" ] || { echo "the archive is gone" >&2; exit 1; }
echo "== updates do"
