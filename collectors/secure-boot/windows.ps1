# The registry needs no rights and no firmware call; a legacy BIOS has no such key, and then the cmdlet says so.
probe 'secureBoot' {
  $state = registry 'HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\SecureBoot\State' 'UEFISecureBootEnabled'
  if ($null -eq $state.UEFISecureBootEnabled) { $state.UEFISecureBootEnabled = [int](Confirm-SecureBootUEFI -ErrorAction Stop) }
  $state
}

# Not Get-Tpm, which hands out the owner's authorization.
probe 'tpm' {
  $tpm = @(cim 'root/cimv2/Security/MicrosoftTpm' 'Win32_Tpm')[0]
  [ordered]@{
    TpmPresent = $null -ne $tpm
    TpmReady = [bool]($tpm.IsEnabled_InitialValue -and $tpm.IsActivated_InitialValue -and $tpm.IsOwned_InitialValue)
    SpecVersion = $tpm.SpecVersion
    ManufacturerVersionFull20 = $tpm.ManufacturerVersionFull20
  }
}
