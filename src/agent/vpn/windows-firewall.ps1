# Windows Firewall through its COM objects, which are there in milliseconds; the cmdlets take seconds to load.
# Without them each step fails for itself, and the others go on.
$firewall = $null
try { $firewall = New-Object -ComObject HNetCfg.FwPolicy2 } catch { }

function ownRules([string] $group) {
  foreach ($rule in $firewall.Rules) { if ($rule.Grouping -eq $group) { $rule } }
}

# A rule that blocks, in every profile. The protocol comes before the ports, which only some protocols have.
function addRule([string] $group, $wanted) {
  $rule = New-Object -ComObject HNetCfg.FWRule
  $rule.Name = $wanted.name
  $rule.Grouping = $group
  if ($wanted.description) { $rule.Description = $wanted.description }
  $rule.Direction = $wanted.direction
  $rule.Protocol = $wanted.protocol
  if ($wanted.icmp) { $rule.IcmpTypesAndCodes = $wanted.icmp }
  if ($wanted.localPorts) { $rule.LocalPorts = $wanted.localPorts }
  if ($wanted.remotePorts) { $rule.RemotePorts = $wanted.remotePorts }
  if ($wanted.localAddresses) { $rule.LocalAddresses = $wanted.localAddresses }
  if ($wanted.remoteAddresses) { $rule.RemoteAddresses = $wanted.remoteAddresses }
  $rule.Profiles = 2147483647
  $rule.Action = 0
  $rule.Enabled = $true
  [void]$firewall.Rules.Add($rule)
}

# Rules are removed by name; ours have names that nothing else has.
function removeRules([string] $group, $keep) {
  foreach ($rule in @(ownRules $group)) {
    if (@($keep) -notcontains $rule.Name) { [void]$firewall.Rules.Remove($rule.Name) }
  }
}

function seeFirewall([string] $group) {
  $profiles = foreach ($one in 1, 2, 4) {
    [ordered]@{
      profile = $one
      current = [bool]($firewall.CurrentProfileTypes -band $one)
      enabled = [bool]$firewall.FirewallEnabled($one)
    }
  }
  [ordered]@{
    rules = @(ownRules $group | row @('Name', 'Description', 'Direction', 'Protocol', 'Action', 'Enabled'))
    modifyState = [int]$firewall.LocalPolicyModifyState
    profiles = @($profiles)
  }
}
