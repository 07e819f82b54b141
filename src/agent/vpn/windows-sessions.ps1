# Live connections, whoever dialled them: .NET names an interface of type Ppp after its phone book entry.
function sessions {
  foreach ($one in [Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces()) {
    if ($one.NetworkInterfaceType -ne 'Ppp') { continue }
    [ordered]@{
      name = $one.Name
      up = ($one.OperationalStatus -eq 'Up')
      addresses = @($one.GetIPProperties().UnicastAddresses | ForEach-Object { [string]$_.Address })
    }
  }
}

# rasdial's exit code is the RAS error; its text is in the machine's language. It returns before the session is gone.
function hangUp([string] $name) {
  $null = & $want.rasdial $name '/DISCONNECT'
  $code = $LASTEXITCODE
  $watch = [Diagnostics.Stopwatch]::StartNew()
  while ($watch.ElapsedMilliseconds -lt $want.patienceMs -and @(sessions | Where-Object { $_.name -eq $name }).Count -gt 0) {
    Start-Sleep -Milliseconds 50
  }
  [ordered]@{ name = $name; code = $code }
}
