# SPDX-License-Identifier: BSD-2-Clause
# setup.sh - what tests/demo and tests/run share: packages and the build. To be sourced by bash; for Debian and its kin.
#
# Uses: TOP (the checkout), BUILD (the build directory; default TOP/build). Runs as root, or with sudo for apt-get.

PACKAGES=(
	build-essential autoconf automake pkg-config
	libmilter-dev libconfig-dev libunbound-dev nettle-dev libevent-dev libidn2-dev libspf2-dev libopendkim-dev libssl-dev libpsl-dev libjansson-dev libseccomp-dev libmicrohttpd-dev libcmocka-dev
	postfix nsd rbldnsd unbound python3 iproute2 util-linux
)
# What only tests/run needs.
TEST_PACKAGES=(
	clang clang-format clang-tidy cppcheck groff-base libclang-rt-dev libmail-dkim-perl m4 mandoc openssl python3-dkim python3-nacl
	python3-yaml systemd valgrind xz-utils
)
# Servers whose packages start and enable them; ours run in the laboratory only.
SERVICES=(postfix nsd rbldnsd unbound)
BUILD=${BUILD:-$TOP/build}
export PATH=$PATH:/usr/sbin:/sbin

say() {
	printf '%s\n' "$*" >&2
}

die() {
	say "$(basename "$0"): $*"
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root: run it as root, or install sudo"
	fi
}

is_installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_packages() {
	local package
	for package in "${PACKAGES[@]}"; do
		is_installed "$package" || printf '%s\n' "$package"
	done
}

# The installation itself, as root: no questions asked, no service started; one that would start at the next boot is
# disabled again, but never a service that was there before.
install_packages() {
	local policy=/usr/sbin/policy-rc.d made_policy='' log=$1
	shift
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
		made_policy=yes
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	fi
	export DEBIAN_FRONTEND=noninteractive
	local status=0
	{
		case " $* " in
		*' postfix '*)
			apt-get update && apt-get install -y --no-install-recommends debconf &&
				echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
			;;
		*) apt-get update ;;
		esac && apt-get install -y --no-install-recommends "$@"
	} </dev/null >"$log" 2>&1 || status=$?
	if [ "$made_policy" ]; then
		rm -f $policy
		trap - EXIT
	fi
	if [ "$status" != 0 ]; then
		tail -n 20 "$log" >&2
		return "$status"
	fi
	disable_services "$@"
}

disable_services() {
	local service
	[ -d /run/systemd/system ] || return 0
	for service in "${SERVICES[@]}"; do
		case " $* " in
		*" $service "*)
			systemctl disable --now --quiet "$service" 2>/dev/null || true
			say "  $service was installed for the laboratory; its service is disabled (systemctl enable $service)"
			;;
		esac
	done
}

# Installs what is missing; does nothing, and needs no root, when nothing is.
setup_packages() {
	local missing
	if ! command -v dpkg-query >/dev/null; then
		say "This is no Debian: please see to it yourself that there is: ${PACKAGES[*]}"
		return 0
	fi
	mapfile -t missing < <(missing_packages)
	[ ${#missing[@]} = 0 ] && return 0
	say "Installing: ${missing[*]}"
	mkdir -p "$BUILD"
	as_root bash -c '
		set -eu
		TOP=$1 BUILD=$2 log=$3
		shift 3
		. "$TOP/tests/setup.sh"
		install_packages "$log" "$@"
	' "$0" "$TOP" "$BUILD" "$BUILD/packages.log" "${missing[@]}" ||
		die "apt-get failed; its output is in $BUILD/packages.log"
}

# The configure script, when it is not there or older than what it is made from.
prepare_configure() {
	local file
	for file in configure.ac Makefile.am; do
		if [ ! -x "$TOP/configure" ] || [ "$TOP/$file" -nt "$TOP/configure" ]; then
			(cd "$TOP" && autoreconf -i)
			return
		fi
	done
}

# Configures again only when the options changed: configure_build OPTION...
configure_build() {
	mkdir -p "$BUILD"
	(
		cd "$BUILD" || exit
		if [ ! -f Makefile ] || [ "$(cat configured-with 2>/dev/null)" != "$*" ] ||
			[ "$TOP/configure" -nt config.status ]; then
			"$TOP/configure" --quiet "$@" && printf '%s\n' "$*" >configured-with
		fi
	)
}

# build_mailreeve LOG OPTION...: the program in BUILD; the output goes to LOG, and its end is shown when it fails.
build_mailreeve() {
	local log=$1
	shift
	mkdir -p "$BUILD"
	{
		prepare_configure && configure_build "$@" && make -C "$BUILD" -j"$(nproc)" all
	} </dev/null >"$log" 2>&1
}

# setup_sendmail_files DIR: Sendmail below DIR/root, fetched once and only unpacked: to install it would remove Postfix. Every library that
# it needs and that is not installed comes along. Not 0, with the reason as the last line, when that cannot be done.
setup_sendmail_files() {
	local dir=$1 fetched
	[ -e "$dir/complete" ] && return 0
	if ! command -v apt-get >/dev/null; then
		say "there is no apt-get"
		return 1
	fi
	rm -rf "$dir" && mkdir -p "$dir/packages" "$dir/root" || return 1
	if ! (cd "$dir/packages" && download_sendmail) >"$dir/log" 2>&1 &&
		! { as_root apt-get update && (cd "$dir/packages" && download_sendmail); } >>"$dir/log" 2>&1; then
		say "apt-get download failed: $(grep -E '^E: ' "$dir/log" | head -n 1)"
		return 1
	fi
	for fetched in "$dir"/packages/*.deb; do
		dpkg-deb -x "$fetched" "$dir/root" || return 1
	done
	find "$dir/root" -type f -perm /6000 -exec chmod a-s {} + && touch "$dir/complete"
}

download_sendmail() {
	local libraries packages=(sendmail-bin sendmail-base sendmail-cf) options=(-o Acquire::Retries=1 -o Acquire::http::Timeout=20)
	mapfile -t libraries < <(apt-get -s install --no-install-recommends "${packages[@]}" | sed -nE 's/^Inst (lib[^ ]+) .*/\1/p')
	apt-get "${options[@]}" download "${packages[@]}" "${libraries[@]}"
}
