Probe 'certificateStore' {
  $bytes = { param($text) , [Convert]::FromBase64String($text) }
  $put = {
    param($name, $certificate)
    $store = New-Object System.Security.Cryptography.X509Certificates.X509Store($name, 'LocalMachine')
    $store.Open('ReadWrite')
    $store.Add($certificate)
    $store.Close()
  }
  $options = New-Object System.Security.Cryptography.CngKeyCreationParameters
  $options.Provider = [System.Security.Cryptography.CngProvider]::MicrosoftSoftwareKeyStorageProvider
  $options.KeyCreationOptions = [System.Security.Cryptography.CngKeyCreationOptions]::MachineKey
  $options.ExportPolicy = [System.Security.Cryptography.CngExportPolicies]::None
  $options.Parameters.Add((New-Object System.Security.Cryptography.CngProperty('PKCS8_PRIVATEKEY', (& $bytes $want.key), 'None')))
  $key = [System.Security.Cryptography.CngKey]::Create([System.Security.Cryptography.CngAlgorithm]::Rsa, "drawbridge-$([Guid]::NewGuid())", $options)
  try {
    $plain = New-Object System.Security.Cryptography.X509Certificates.X509Certificate2(, (& $bytes $want.certificate))
    $rsa = New-Object System.Security.Cryptography.RSACng($key)
    $own = [System.Security.Cryptography.X509Certificates.RSACertificateExtensions]::CopyWithPrivateKey($plain, $rsa)
    $own.FriendlyName = $want.friendlyName
    & $put 'My' $own
  }
  catch {
    # A key that no certificate names would stay for good.
    $key.Delete()
    throw
  }
  $kept = @($own.Thumbprint)
  foreach ($one in @(@('CA', $want.issuing), @('Root', $want.root))) {
    $authority = New-Object System.Security.Cryptography.X509Certificates.X509Certificate2(, (& $bytes $one[1]))
    $kept += $authority.Thumbprint
    # One that somebody else has put there stays theirs: by our name we would take it away.
    if (Test-Path "Cert:\LocalMachine\$($one[0])\$($authority.Thumbprint)") { continue }
    $authority.FriendlyName = $want.friendlyName
    & $put $one[0] $authority
  }
  # What an earlier run has put there, of authorities before too.
  $ours = { $_.FriendlyName -eq $want.friendlyName -and $kept -notcontains $_.Thumbprint }
  Get-ChildItem Cert:\LocalMachine\My | Where-Object $ours | Remove-Item -DeleteKey
  Get-ChildItem Cert:\LocalMachine\CA, Cert:\LocalMachine\Root | Where-Object $ours | Remove-Item
  @{ thumbprint = $own.Thumbprint }
}
