probe 'removed' {
  if (@(Get-VpnConnection -AllUserConnection -ErrorAction Stop | Where-Object { $_.Name -eq $want.name }).Count -gt 0) {
    Remove-VpnConnection -Name $want.name -AllUserConnection -Force -ErrorAction Stop
  }
}
