#!/bin/sh
# Installs the service on a fresh Debian and boots that: tests/setup/fresh_host.sh FOLDER   (as root, about 6 minutes)
#
# Not part of `make test`, as it takes so long and needs debootstrap (a package of Debian's) and Debian's mirror. FOLDER
# gets a Debian of debootstrap, unless there is one from before. systemd is started in it as the first process of
# namespaces of its own: network (so that nothing listens outside), processes, mounts, cgroups. There the units really
# run, with all their options. It fails when one of the steps does, or when the doctor then finds an error.
set -eu

root=$(realpath -m "$1")
clone=$(realpath "$(dirname "$0")/../..")
groups=$(mktemp -d)
wheel=$(mktemp -d)
clean_up() {
    # systemd leaves its own groups in it.
    find "$groups/tempmaild-fresh-host" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    umount "$groups" 2>/dev/null || true
    rm -rf "$wheel"
    rmdir "$groups"
}
trap clean_up EXIT

if [ ! -e "$root/usr/bin/python3" ] && ! command -v debootstrap >/dev/null; then
    echo "debootstrap is missing: apt install debootstrap" >&2
    exit 2
fi
[ -e "$root/usr/bin/python3" ] || debootstrap --variant=minbase --include=systemd,python3,iproute2 bookworm "$root"
[ -e "$root/opt/tempmaild" ] || chroot "$root" python3 -m venv --without-pip /opt/tempmaild
"$clone/.venv/bin/python" -m pip wheel -q --no-deps -w "$wheel" "$clone"
# Once for what it needs, and once for what has changed in it without another version.
for how in --upgrade-strategy=only-if-needed "--no-deps --force-reinstall"; do
    # shellcheck disable=SC2086 # a list of words
    "$clone/.venv/bin/python" -m pip --python "$root/opt/tempmaild/bin/python" install -q $how \
        "tempmaild[admin] @ file://$(ls "$wheel"/*.whl)"
done
# pip was called from outside.
sed -i "1s|#!$root|#!|" "$root"/opt/tempmaild/bin/tempmaild*

install -d -m 700 "$root/etc/ssl/tempmaild"
"$clone/.venv/bin/python" - "$root/etc/ssl/tempmaild" <<'PYTHON'
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempmaild.trial import make_certificate

folder = Path(sys.argv[1])
make_certificate(folder / "chain.pem", folder / "key.pem", datetime.now(UTC), "mx.box.test")
PYTHON
rm -rf "$root/etc/tempmaild" "$root/var/lib/tempmaild" "$root/usr/local/bin/tempmaild"
rm -rf "$root"/etc/systemd/system/tempmaild* "$root"/etc/systemd/system/*.wants/tempmaild*
"$clone/.venv/bin/tempmaild" setup --root "$root" --yes --host mx.box.test --domain box.test \
    --certificate /etc/ssl/tempmaild/chain.pem --key /etc/ssl/tempmaild/key.pem
# That was the program of the clone, which has written its own place into the files.
sed -i "s|$clone/.venv|/opt/tempmaild|" "$root"/etc/systemd/system/tempmaild*.service "$root/usr/local/bin/tempmaild"

cat >"$root/look.py" <<'PYTHON'
import imaplib, json, smtplib, socket, ssl, subprocess, time

def call(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    print("ok  " if done.returncode == 0 else "FAIL", *words, flush=True)
    if done.returncode:
        print(done.stdout, done.stderr, flush=True)
    return done.stdout

message = b"Subject: hello\r\n\r\nhello\r\n"
box = json.loads(call("tempmaild", "mailbox", "create", "box.test", "--json"))
call("systemctl", "reload", "tempmaild.service")
with smtplib.SMTP("127.0.0.1", 25) as client:
    client.starttls()
    client.sendmail("a@example.org", box["address"], message)
with smtplib.LMTP("/run/tempmaild/lmtp.sock") as client:
    client.sendmail("a@example.org", box["address"], message)
with imaplib.IMAP4_SSL("127.0.0.1", 993, ssl_context=ssl._create_unverified_context()) as client:
    client.login(box["address"], box["secret"])
    print("ok  " if client.select() == ("OK", [b"2"]) else "FAIL", "mail by SMTP and LMTP is read by IMAP")
# It has been started, which does not mean that it listens already.
deadline = time.monotonic() + 20
while (console := socket.socket()).connect_ex(("127.0.0.1", 8025)) and time.monotonic() < deadline:
    time.sleep(0.1)
with console as client:
    client.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1:8025\r\n\r\n")
    print("ok  " if client.recv(100).startswith(b"HTTP/1.0 302") else "FAIL", "the console answers")
call("systemctl", "start", "tempmaild-backup.service")
call("systemctl", "restart", "tempmaild.service")
call("systemctl", "is-active", "tempmaild.service", "tempmaild-admin.service")
doctor = subprocess.run(["tempmaild", "doctor", "--all"], capture_output=True, text=True)
print(doctor.stdout, doctor.stderr)
# What this host has not, such as clamd, are warnings.
print("ok  " if doctor.returncode in {0, 1} else "FAIL", "the doctor finds no error")
PYTHON
cat >"$root/etc/systemd/system/look.service" <<'UNIT'
[Unit]
After=tempmaild.service tempmaild-admin.service
[Service]
Type=oneshot
StandardOutput=file:/look.log
StandardError=file:/look.log
ExecStart=/opt/tempmaild/bin/python /look.py
ExecStopPost=/bin/systemctl exit 0
[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl -q enable look.service
chroot "$root" systemctl -q mask getty.target

cat >"$root/boot.sh" <<'BOOT'
ip link set lo up
mount --bind "$1" "$1" && cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs dev
for name in null zero full random urandom tty; do touch "dev/$name" && mount --bind "/dev/$name" "dev/$name"; done
mkdir -p dev/pts dev/shm dev/mqueue dev/hugepages old
mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
pivot_root . old && umount -l /old
# Else the credentials of a unit are not passed on to it.
mount --make-rshared /
exec env -i container=unshare PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target
BOOT
mount -t cgroup2 cgroup2 "$groups"
mkdir -p "$groups/tempmaild-fresh-host"
rm -f "$root/look.log"
sh -c 'echo $$ >"$1/tempmaild-fresh-host/cgroup.procs"; shift; exec "$@"' sh "$groups" \
    timeout -s KILL 120 unshare --mount --pid --fork --kill-child --net --cgroup --uts --ipc \
    sh "$root/boot.sh" "$root" </dev/null >/dev/null 2>&1 || true
cat "$root/look.log"
! grep -q "^FAIL\|Traceback" "$root/look.log"
