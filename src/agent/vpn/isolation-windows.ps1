# Rules have no effect where the firewall is off. What was off is written down as the name of a rule that does nothing,
# before it is turned on; a note that is there already is the older truth.
$note = "$($want.group) off "
$labels = @{ 1 = 'Domain'; 2 = 'Private'; 4 = 'Public' }

function offNote { ownRules $want.group | Where-Object { $_.Name.StartsWith($note) } | Select-Object -First 1 }

function turnOn {
  $off = @(foreach ($one in 1, 2, 4) { if (-not $firewall.FirewallEnabled($one)) { $labels[$one] } })
  if ($off.Count -eq 0) { return }
  if (-not (offNote)) {
    $rule = New-Object -ComObject HNetCfg.FWRule
    $rule.Name = $note + ($off -join ',')
    $rule.Grouping = $want.group
    $rule.Direction = 2
    $rule.Action = 0
    $rule.Enabled = $false
    [void]$firewall.Rules.Add($rule)
  }
  Set-NetFirewallProfile -Name $off -Enabled True -ErrorAction Stop
}

probe 'blocked' {
  if ($want.rules) {
    foreach ($rule in $want.rules) { addRule $want.group $rule }
    $keep = @($want.rules | ForEach-Object { $_.name })
    $noted = offNote
    if ($noted) { $keep += $noted.Name }
    removeRules $want.group $keep
    turnOn
  }
}

# The note goes last: whoever is interrupted finds it again.
probe 'lifted' {
  if ($want.lift) {
    $noted = offNote
    $keep = @()
    if ($noted) { $keep += $noted.Name }
    removeRules $want.group $keep
    if ($noted) {
      Set-NetFirewallProfile -Name ($noted.Name.Substring($note.Length).Split(',')) -Enabled False -ErrorAction Stop
      removeRules $want.group @()
    }
  }
}

probe 'firewall' { seeFirewall $want.group }
