probe 'pendingReboot' {
  $root = 'Registry::HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion'
  $session = registry 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager' 'PendingFileRenameOperations'
  [ordered]@{
    cbs = Test-Path -LiteralPath "$root\Component Based Servicing\RebootPending"
    wua = Test-Path -LiteralPath "$root\WindowsUpdate\Auto Update\RebootRequired"
    fileRename = $null -ne $session.PendingFileRenameOperations
  }
}
