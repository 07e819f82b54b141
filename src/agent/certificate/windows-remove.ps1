Probe 'certificateStore' {
  Get-ChildItem Cert:\LocalMachine\My | Where-Object { $_.FriendlyName -eq $want.friendlyName } | Remove-Item -DeleteKey
  Get-ChildItem Cert:\LocalMachine\CA, Cert:\LocalMachine\Root |
    Where-Object { $_.FriendlyName -eq $want.friendlyName } | Remove-Item
  @{ thumbprint = $null }
}
