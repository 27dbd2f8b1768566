#!/bin/sh
# Installs the Debian packages that tests, benches and the pictures of the documentation use: tests/packages.sh test|bench|pictures
# Without root it says what is missing, and the tests that need it are skipped.
set -eu

senders="curl libnet-ssleay-perl msmtp postfix swaks" # swaks needs that for TLS, postfix has smtp-source
readers="fdm fetchmail getmail6 imapfilter isync libsasl2-modules mpop mutt offlineimap3 thunderbird"
# Debian's Python leaves out its own test messages.
messages=""
.venv/bin/python -c "import test.test_email" 2>/dev/null || messages="libpython3.11-testsuite"
spam_filters="rspamd spamassassin spamd"
checkers="clamav-daemon clamav-milter opendkim postfix-policyd-spf-python unbound"
operating="fail2ban nginx-light systemd"
browsing="chromium fonts-inter" # what pages are meant to be read in
dovecot="dovecot-imapd dovecot-lmtpd dovecot-pop3d"
case "${1-}" in
test) wanted="$senders $readers $dovecot $spam_filters $operating $browsing clamav-daemon postgresql redis-server $messages" ;;
pictures) wanted="$browsing pngquant" ;;
bench) wanted="$dovecot $checkers gcc libc6-dev postfix" ;;
*)
    echo "usage: tests/packages.sh test|bench|pictures" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "this is not Debian: tests that need one of these packages and do not find it are skipped: $wanted"
    exit 0
fi
# shellcheck disable=SC2086 # a list of words
installed=" $(dpkg-query --show --showformat='${Package}:${db:Status-Status} ' $wanted 2>/dev/null || true)"
missing=""
for package in $wanted; do
    case "$installed" in
    *" $package:installed "*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "not installed:$missing"
    echo "tests that need them are skipped; as root, this installs them: $0 $1"
    exit 0
fi

# No service is started by its installation: tests start what they need, on ports of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
echo "installing:$missing"
case "$missing" in
*postfix*) echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections ;;
esac
apt-get update -q=2
# shellcheck disable=SC2086 # a list of words
apt-get install -q=2 --yes --no-install-recommends -o Dpkg::Use-Pty=0 $missing >/dev/null
