Probe 'certificateStore' {
  $bytes = { param($text) , [Convert]::FromBase64String($text) }
  $options = New-Object System.Security.Cryptography.CngKeyCreationParameters
  $options.Provider = [System.Security.Cryptography.CngProvider]::MicrosoftSoftwareKeyStorageProvider
  $options.KeyCreationOptions = [System.Security.Cryptography.CngKeyCreationOptions]::MachineKey
  $options.Parameters.Add((New-Object System.Security.Cryptography.CngProperty('PKCS8_PRIVATEKEY', (& $bytes $want.key), 'None')))
  $key = [System.Security.Cryptography.CngKey]::Create([System.Security.Cryptography.CngAlgorithm]::Rsa, "drawbridge-$([Guid]::NewGuid())", $options)
  $plain = New-Object System.Security.Cryptography.X509Certificates.X509Certificate2(, (& $bytes $want.certificate))
  $rsa = New-Object System.Security.Cryptography.RSACng($key)
  $own = [System.Security.Cryptography.X509Certificates.RSACertificateExtensions]::CopyWithPrivateKey($plain, $rsa)
  $own.FriendlyName = $want.friendlyName
  $put = {
    param($name, $certificate)
    $store = New-Object System.Security.Cryptography.X509Certificates.X509Store($name, 'LocalMachine')
    $store.Open('ReadWrite')
    $store.Add($certificate)
    $store.Close()
  }
  & $put 'My' $own
  foreach ($one in @(@('CA', $want.issuing), @('Root', $want.root))) {
    $authority = New-Object System.Security.Cryptography.X509Certificates.X509Certificate2(, (& $bytes $one[1]))
    $authority.FriendlyName = $want.friendlyName
    & $put $one[0] $authority
  }
  Get-ChildItem Cert:\LocalMachine\My |
    Where-Object { $_.FriendlyName -eq $want.friendlyName -and $_.Thumbprint -ne $own.Thumbprint } |
    Remove-Item -DeleteKey
  @{ thumbprint = $own.Thumbprint }
}
