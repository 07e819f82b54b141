# An instance's properties are frozen when it is read; its methods ask the driver. A locked volume refuses most of them.
function ask($volume, [string] $method, [hashtable] $arguments = @{}) {
  $call = @{ InputObject = $volume; MethodName = $method; Arguments = $arguments }
  try { $answer = Invoke-CimMethod @call -OperationTimeoutSec $cimSeconds -ErrorAction Stop } catch { return $null }
  if ($answer.ReturnValue -eq 0) { return $answer }
}

# Kinds only: an id names a protector, and what it protects with is never asked for.
function protectorTypes($volume) {
  $protectors = ask $volume 'GetKeyProtectors' @{ KeyProtectorType = [uint32]0 }
  if ($null -eq $protectors) { return $null }
  $types = @(foreach ($id in $protectors.VolumeKeyProtectorID) {
    (ask $volume 'GetKeyProtectorType' @{ VolumeKeyProtectorID = $id }).KeyProtectorType
  })
  return , $types
}

probe 'encryptableVolumes' -Many {
  foreach ($volume in cim 'root/CIMV2/Security/MicrosoftVolumeEncryption' 'Win32_EncryptableVolume') {
    $conversion = ask $volume 'GetConversionStatus' @{ PrecisionFactor = [uint32]0 }
    [ordered]@{
      DeviceID = $volume.DeviceID
      DriveLetter = $volume.DriveLetter
      VolumeType = $volume.VolumeType
      ProtectionStatus = (ask $volume 'GetProtectionStatus').ProtectionStatus
      ConversionStatus = $conversion.ConversionStatus
      EncryptionMethod = (ask $volume 'GetEncryptionMethod').EncryptionMethod
      LockStatus = (ask $volume 'GetLockStatus').LockStatus
      EncryptionPercentage = $conversion.EncryptionPercentage
      SuspendCount = (ask $volume 'GetSuspendCount').SuspendCount
      KeyProtectorTypes = protectorTypes $volume
    }
  }
}

# Name tells a folder mount from a volume that is mounted nowhere.
probe 'volumes' -Many {
  cim 'root/cimv2' 'Win32_Volume' |
    row 'DeviceID', 'DriveLetter', 'BootVolume', 'SystemVolume', 'DriveType', 'FileSystem', 'Name'
}
