#!/bin/sh
# Jamf Pro extension attribute (data type: String): how the Drawbridge agent of this Mac stands.
# "connected; allow; 3 managed settings", "offline; deny; …", "not running", "not installed".
agent="/Library/Application Support/Drawbridge/Drawbridge.app/Contents/MacOS/drawbridge"
if [ ! -x "$agent" ]; then
	echo "<result>not installed</result>"
	exit 0
fi
/usr/bin/osascript -l JavaScript - "$("$agent" status --json 2>/dev/null)" <<'END'
function run(argv) {
  return '<result>' + wordsFor(argv[0]) + '</result>';
}

function wordsFor(text) {
  let said;
  try {
    said = JSON.parse(text);
  } catch (error) {
    return 'no answer';
  }
  const status = said.status;
  if (!said.running || !status) return 'not running';
  const managed = status.managed || { settings: [], problems: [] };
  const wrong = managed.problems.length === 0 ? '' : '; ' + managed.problems.length + ' wrong';
  const access = status.decision ? status.decision.access : 'undecided';
  return status.connection.state + '; ' + access + '; ' + managed.settings.length + ' managed settings' + wrong;
}
END
