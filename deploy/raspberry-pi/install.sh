#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# Installs the package from the card, once, without the internet; what happened is written beside it, where any computer
# can read it. Run by cloud-init or by the unit that firstrun.sh leaves. The argument is for tests.
set -eu

root=${1:-}
boot=$root/boot/firmware
package=$boot/convergences.deb
report=$boot/convergences-install.log

[ -f "$package" ] || exit 0

# A card wears with each write: the journal stays in memory, and small.
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=32M\n' >"$root/etc/systemd/journald.conf.d/convergences.conf"
systemctl restart systemd-journald.service || true
# The time is noted on the card every minute otherwise, which is most of what a node at rest would write.
mkdir -p "$root/etc/systemd/timesyncd.conf.d"
printf '[Time]\nSaveIntervalSec=600\n' >"$root/etc/systemd/timesyncd.conf.d/convergences.conf"
systemctl try-restart systemd-timesyncd.service || true

# The name on the local network; every Raspberry Pi OS has avahi.
systemctl enable --now avahi-daemon.service || true

if dpkg --install "$package" >"$report" 2>&1; then
    echo "installed" >>"$report"
    mv "$package" "$boot/convergences-installed.deb"
else
    echo "NOT installed: look above for what is missing; the next start tries again" >>"$report"
    exit 1
fi
