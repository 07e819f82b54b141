#!/bin/sh
# Takes Drawbridge off this Mac, and lets go of what it holds: nobody would be left to lift it. Identity and settings stay
# for another installation, unless --purge is given.
set -eu
home="/Library/Application Support/Drawbridge"

if [ "$(/usr/bin/id -u)" != 0 ]; then
	echo "This needs root: sudo \"$0\" [--purge]" >&2
	exit 1
fi
case "${1:-}" in
'' | --purge) ;;
*)
	echo "Usage: sudo \"$0\" [--purge]" >&2
	exit 2
	;;
esac

uid=$(/usr/bin/stat -f %u /dev/console 2>/dev/null || echo 0)
[ "$uid" = 0 ] || /bin/launchctl bootout "gui/$uid/io.drawbridge.tray" 2>/dev/null || true
/bin/launchctl bootout system/io.drawbridge.agent 2>/dev/null || true
tries=0
while /bin/launchctl print system/io.drawbridge.agent >/dev/null 2>&1 && [ "$tries" -lt 40 ]; do
	tries=$((tries + 1))
	/bin/sleep 1
done

# The agent knows best what it holds; what follows needs nothing but pf, whatever became of the agent.
program="$home/Drawbridge.app/Contents/MacOS/drawbridge"
if [ -x "$program" ] && [ -e "$home/state" ]; then "$program" let-go >/dev/null 2>&1 || true; fi
# The block of the VPN and the isolation: rules of pf, whose first label bears the token by which pf is on.
for anchor in vpn isolation; do
	name="com.apple/000.drawbridge-$anchor"
	token=$(/sbin/pfctl -a "$name" -s rules 2>/dev/null | /usr/bin/sed -n 's/.* token \([0-9][0-9]*\)".*/\1/p' | /usr/bin/head -n 1)
	/sbin/pfctl -a "$name" -F rules 2>/dev/null || true
	[ -z "$token" ] || /sbin/pfctl -X "$token" 2>/dev/null || true
done

if [ "$(/usr/bin/readlink /usr/local/bin/drawbridge 2>/dev/null)" = "$program" ]; then
	/bin/rm -f /usr/local/bin/drawbridge
fi
/bin/rm -f /Library/LaunchDaemons/io.drawbridge.agent.plist /Library/LaunchAgents/io.drawbridge.tray.plist
/bin/rm -rf "$home/Drawbridge.app" /var/run/drawbridge
/bin/rm -f "$home/installed.json" "$home/enroll"
/usr/sbin/pkgutil --forget io.drawbridge.agent >/dev/null 2>&1 || true
if [ "${1:-}" = --purge ]; then
	keychain=/Library/Keychains/System.keychain
	if [ -e "$home/state/certificate-keychain" ]; then
		while read -r hash || [ -n "$hash" ]; do
			/usr/bin/security delete-identity -Z "$hash" "$keychain" >/dev/null 2>&1 || true
		done <"$home/state/certificate-keychain"
	fi
	/usr/bin/security delete-generic-password -s drawbridge-keys "$keychain" >/dev/null 2>&1 || true
	/bin/rm -rf "$home" /Library/Logs/Drawbridge
	echo "Drawbridge is gone, and its identity with it. Remove the device at the server, too."
else
	/bin/rm -f "$home/uninstall.sh"
	echo "Drawbridge is gone. Its identity, settings and log are kept in $home and /Library/Logs/Drawbridge."
fi
exit 0
