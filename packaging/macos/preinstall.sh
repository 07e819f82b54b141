#!/bin/sh
# Before the files are placed: an older version is refused, what runs is stopped. $3 is the volume.
set -eu
version=@VERSION@
app="/Library/Application Support/Drawbridge/Drawbridge.app"

if [ "${3:-/}" != / ]; then
	echo "Drawbridge can only be installed into the system that runs, not into $3." >&2
	exit 1
fi

# An older one may not know the state of a newer one.
if [ -e "$app/Contents/Info.plist" ]; then
	here=$(/usr/libexec/PlistBuddy -c 'Print :CFBundleShortVersionString' "$app/Contents/Info.plist" || echo 0)
	newest=$(printf '%s\n%s\n' "$here" "$version" | /usr/bin/sort -t. -k1,1n -k2,2n -k3,3n | /usr/bin/tail -n 1)
	if [ "$newest" != "$version" ] && [ ! -e "/Library/Application Support/Drawbridge/allow-downgrade" ]; then
		echo "Drawbridge $here is newer than $version. Remove it first, or make the file /Library/Application Support/Drawbridge/allow-downgrade." >&2
		exit 1
	fi
fi

uid=$(/usr/bin/stat -f %u /dev/console 2>/dev/null || echo 0)
[ "$uid" = 0 ] || /bin/launchctl bootout "gui/$uid/io.drawbridge.tray" 2>/dev/null || true
/bin/launchctl bootout system/io.drawbridge.agent 2>/dev/null || true
# The job is gone only when its process is.
tries=0
while /bin/launchctl print system/io.drawbridge.agent >/dev/null 2>&1 && [ "$tries" -lt 40 ]; do
	tries=$((tries + 1))
	/bin/sleep 1
done
exit 0
