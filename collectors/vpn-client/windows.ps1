probe 'vpnConnections' -Many {
  foreach ($connection in Get-VpnConnection -AllUserConnection -ErrorAction Stop) {
    $row = $connection | row @(
      'Name', 'ServerAddress', 'TunnelType', 'AuthenticationMethod', 'L2tpIPsecAuth', 'EncryptionLevel',
      'ConnectionStatus', 'SplitTunneling', 'AllUserConnection'
    )
    $row.IPSecCustomPolicy = $connection.IPSecCustomPolicy | Where-Object { $_ } | row @(
      'EncryptionMethod', 'IntegrityCheckMethod', 'DHGroup',
      'CipherTransformConstants', 'AuthenticationTransformConstants', 'PfsGroup'
    )
    $row
  }
}

function isLink($item) {
  while ($item) {
    if ($item.Attributes -band [IO.FileAttributes]::ReparsePoint) { return $true }
    if ($item -is [IO.FileInfo]) { $item = $item.Directory } else { $item = $item.Parent }
  }
  return $false
}

# People can write their own phone books, and could put a link to another file there: links are not followed. A book
# that cannot be read hides its own entries only.
function phonebook($user, [string] $path) {
  $file = Get-Item -LiteralPath $path -Force -ErrorAction SilentlyContinue
  if ($file -isnot [IO.FileInfo] -or $file.Length -gt 262144 -or (isLink $file)) { return }
  try {
    $stream = [IO.File]::Open($path, 'Open', 'Read', 'ReadWrite')
    try { $text = (New-Object IO.StreamReader $stream).ReadToEnd() } finally { $stream.Dispose() }
  } catch { return }
  [ordered]@{ user = $user; text = $text }
}

# As LocalSystem, Get-VpnConnection does not see anybody's own connections.
probe 'phonebooks' -Many {
  $books = 'Microsoft\Network\Connections\Pbk\rasphone.pbk', 'Microsoft\Network\Connections\Pbk\_hiddenPbk\rasphone.pbk'
  $shared = [Environment]::GetFolderPath('CommonApplicationData')
  foreach ($book in $books) { phonebook $null (Join-Path $shared $book) }
  $list = 'Registry::HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList'
  foreach ($entry in Get-ChildItem -LiteralPath $list) {
    $folder = $entry.GetValue('ProfileImagePath')
    if (-not $folder -or $entry.PSChildName -notmatch '^S-1-(5-21|12-1)-') { continue }
    foreach ($book in $books) { phonebook $entry.PSChildName (Join-Path $folder "AppData\Roaming\$book") }
  }
}

probe 'rasParameters' {
  registry 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\RasMan\Parameters' 'ProhibitIPSec'
}
