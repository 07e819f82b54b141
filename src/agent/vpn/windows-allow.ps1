probe 'lifted' { removeRules $want.group @() }
