probe 'currentVersion' {
  $version = registry 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion' @(
    'CurrentBuild', 'UBR', 'DisplayVersion', 'ReleaseId', 'ProductName', 'EditionID', 'InstallationType'
  )
  $options = registry 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\ProductOptions' 'ProductType'
  $version.ProductType = $options.ProductType
  $version
}
