#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# Run once by the system when the Pi first starts (Raspberry Pi OS of Debian 12); prepare.py fills it in. It sets the
# machine up and leaves the installation to the next start, when everything that a package expects is running.
set +e

boot=/boot/firmware
custom=/usr/lib/raspberrypi-sys-mods/imager_custom
name=$name
ssid=$ssid
psk=$psk
country=$country
ssh_key=$ssh_key

"$$custom" set_hostname "$$name"
"$$custom" set_keymap $keyboard
"$$custom" set_timezone $timezone
echo "LANG="$locale >/etc/default/locale
if [ -n "$$ssid" ]; then
    "$$custom" set_wlan "$$ssid" "$$psk" "$$country"
fi
# Nobody logs in but by the key, if one was given, and under the name that `user-data` gives on Debian 13: the first user
# that the image brings has another, no password, and gets no key.
if [ -n "$$ssh_key" ]; then
    "$$custom" enable_ssh -k
    useradd --create-home --shell /bin/bash --groups sudo entretien
    install -d -m 700 /home/entretien/.ssh
    echo "$$ssh_key" >/home/entretien/.ssh/authorized_keys
    chown -R entretien: /home/entretien/.ssh
    (umask 227 && echo 'entretien ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/010_entretien)
fi
systemctl disable userconfig.service
systemctl enable getty@tty1.service

cat >/etc/systemd/system/convergences-install.service <<'UNIT'
[Unit]
Description=Install Convergences from the card
ConditionPathExists=/boot/firmware/convergences.deb
[Service]
Type=oneshot
ExecStart=/bin/sh /boot/firmware/convergences-install.sh
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable convergences-install.service

rm -f "$$boot/firstrun.sh"
sed -i 's| systemd.run.*||g' "$$boot/cmdline.txt"
exit 0
