#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Install the packages that `make deb` has made where nothing else is, and let a node live there:
# amd64 for real, in a root of its own; arm64 unpacked, under qemu's emulation of the processor. What is installed again is
# the same package: the upgrade from one version to the next, and back, is tried by try_update.sh.
# Needs root, and the Debian packages mmdebstrap, arch-test and qemu-user-static. Nothing outside of a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
dist=${1:-dist}
suite=${2:-bookworm}
scratch=$(mktemp -d)
node=
finish() {
  [ -z "$node" ] || kill "$node" 2>/dev/null || true
  rm -rf --one-file-system "$scratch"
}
trap finish EXIT

healthy() { # whether the node on port 8750 answers, within five minutes
  for _ in $(seq 300); do
    if curl -sf http://127.0.0.1:8750/healthz | grep -q '"ready":true'; then return 0; fi
    sleep 1
  done
  return 1
}

ended() { # wait for the process that we started, and for its port
  kill "$node"
  wait "$node" || true
  node=
}

echo "== amd64, $suite: install, found, serve, install the same again, remove, purge"
root=$scratch/amd64
mmdebstrap --quiet --variant=minbase --include=python3,adduser,libstdc++6,init-system-helpers "$suite" "$root"
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"; }
cp "$dist"/convergences_*_amd64.deb "$root/tmp/convergences.deb"
inside dpkg -i /tmp/convergences.deb
inside convergences --version
echo "== an empty folder shows the setup page, and the code on the console alone"
chroot --userspec=convergences:convergences "$root" /usr/bin/env -i PATH=/usr/bin:/bin LANG=C.UTF-8 \
  convergences serve --folder /var/lib/convergences 2>"$scratch/setup" &
node=$!
for _ in $(seq 60); do
  if curl -sf http://127.0.0.1:8750/ >"$scratch/page"; then break; fi
  sleep 1
done
grep -q 'name="code"' "$scratch/page"
code=$(grep -o '[0-9A-Z]\{4\}-[0-9A-Z]\{4\}-[0-9A-Z]\{4\}' "$scratch/setup")
if grep -q "$code" "$scratch/page"; then echo "the page shows the code" >&2; exit 1; fi
ended
inside su -s /bin/sh convergences -c 'cd && convergences init 93066 --folder /var/lib/convergences' >"$scratch/sheet"
grep -q "FICHE DE SECOURS" "$scratch/sheet"
chroot --userspec=convergences:convergences "$root" /usr/bin/env -i PATH=/usr/bin:/bin LANG=C.UTF-8 \
  convergences serve --folder /var/lib/convergences &
node=$!
healthy
echo "resident: $(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$node/status") MiB"
ended
inside dpkg -i /tmp/convergences.deb
inside dpkg -r convergences
[ ! -e "$root/usr/lib/convergences" ] || { echo "files were left behind" >&2; exit 1; }
inside dpkg -P convergences
[ -s "$root/var/lib/convergences/archive.db" ] || { echo "the archive is gone" >&2; exit 1; }

echo "== arm64, $suite: found and serve under emulation"
root=$scratch/arm64
mmdebstrap --quiet --arch=arm64 --variant=extract --skip=check/qemu \
  --include=python3,libpython3-stdlib,libstdc++6,libgcc-s1 "$suite" "$root"
dpkg-deb -x "$dist"/convergences_*_arm64.deb "$root"
python=$(basename "$(readlink "$root/usr/bin/python3")")
libraries=$root/usr/lib/convergences
own=cpython-$(tr -d . <<<"${python#python}")
export PYTHONPATH=$libraries/$own:$libraries/common PYTHONDONTWRITEBYTECODE=1
emulated=(qemu-aarch64-static -L "$root" "$root/usr/bin/$python" -c 'from convergences_cli.main import main; main()')
"${emulated[@]}" init 93066 --folder "$scratch/node" >/dev/null
"${emulated[@]}" serve --folder "$scratch/node" &
node=$!
healthy
echo "resident, with the emulator: $(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$node/status") MiB"
ended
echo "== the packages do"
