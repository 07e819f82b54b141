# Down first, changed, and up again where that is wanted: a live connection keeps its old settings half and half.
$all = @{ AllUserConnection = $true; Force = $true; ErrorAction = 'Stop' }

function existing { Get-VpnConnection -AllUserConnection -ErrorAction Stop | Where-Object { $_.Name -eq $want.name } }

function setRoutes($connection) {
  foreach ($route in @($connection.Routes)) {
    if ($route -and @($want.routes) -notcontains $route.DestinationPrefix) {
      Remove-VpnConnectionRoute -ConnectionName $want.name -AllUserConnection -DestinationPrefix $route.DestinationPrefix -ErrorAction Stop
    }
  }
  $there = @($connection.Routes | ForEach-Object { $_.DestinationPrefix })
  foreach ($prefix in @($want.routes)) {
    if ($prefix -and $there -notcontains $prefix) {
      Add-VpnConnectionRoute -ConnectionName $want.name -AllUserConnection -DestinationPrefix $prefix -ErrorAction Stop
    }
  }
}

function setSuites($before) {
  if ($want.suites) {
    $suites = @{}
    foreach ($property in $want.suites.PSObject.Properties) { $suites[$property.Name] = $property.Value }
    Set-VpnConnectionIPsecConfiguration -ConnectionName $want.name @all @suites
  } elseif ($before.Count -gt 0 -and $before[0].IPSecCustomPolicy) {
    Set-VpnConnectionIPsecConfiguration -ConnectionName $want.name -RevertToDefault @all
  }
}

# A certificate with its key has to be there already; Windows takes the machine's own, whichever the gateway accepts.
probe 'certificate' {
  if ($want.thumbprint) {
    $found = Get-Item -LiteralPath "Cert:\LocalMachine\My\$($want.thumbprint)" -ErrorAction Stop
    if (-not $found.HasPrivateKey) { throw 'no-private-key' }
  }
}

probe 'set' {
  if (-not $probes['certificate'].ok) { throw 'no-certificate' }
  if ($probes['managed'].ok) {
    if (@($probes['managed'].data | Where-Object { $want.managedIds -contains $_.InstanceID }).Count -gt 0) { throw 'managed-profile' }
  } elseif ($probes['managed'].fqid -notmatch '0x800410(?:0e|10)\b|^MI RESULT [35]\b') {
    throw 'ownership-unknown'
  }
  if (@(sessions | Where-Object { $_.name -eq $want.name }).Count -gt 0) { $null = hangUp $want.name }
  $before = @(existing)
  # A key that is there cannot be taken out, only left out of a new connection.
  if ($want.byCertificate -and $before.Count -gt 0 -and $before[0].L2tpIPsecAuth -ne 'Certificate') {
    Remove-VpnConnection -Name $want.name @all
    $before = @()
  }
  $settings = @{ Name = $want.name; ServerAddress = $want.server; TunnelType = 'L2tp'; EncryptionLevel = 'Required'; AuthenticationMethod = 'MSChapv2' }
  if ($want.psk) { $settings.L2tpPsk = $want.psk }
  if ($before.Count -gt 0) {
    Set-VpnConnection @settings @all -SplitTunneling $want.splitTunneling
  } else {
    Add-VpnConnection @settings @all -SplitTunneling:$want.splitTunneling
  }
  setSuites $before
  setRoutes @(existing)[0]
}

probe 'dialled' {
  if ($want.up -and $probes['set'].ok) {
    $null = & $want.rasdial $want.name
    [ordered]@{ code = $LASTEXITCODE }
  }
}
