#!/bin/sh
# For `npm run package -- --mac-signer packaging/macos/codesign.sh`, on a Mac with a Developer ID in the keychain:
# DRAWBRIDGE_IDENTITY="Developer ID Application: Example Ltd (TEAMID1234)". Told a path, an identifier, and a file with
# entitlements or nothing.
set -eu
: "${DRAWBRIDGE_IDENTITY:?set it to the name of your Developer ID Application certificate}"
if [ -n "${3:-}" ]; then set -- "$1" "$2" --entitlements "$3"; fi
path=$1 identifier=$2
shift 2
exec codesign --force --timestamp --options runtime --sign "$DRAWBRIDGE_IDENTITY" --identifier "$identifier" "$@" "$path"
