# Servers have no Security Center.
probe 'antivirusProducts' -Many {
  cim 'root/SecurityCenter2' 'AntiVirusProduct' |
    row 'displayName', 'instanceGuid', 'productState', 'pathToSignedReportingExe', 'timestamp'
}

probe 'defender' {
  cim 'root/Microsoft/Windows/Defender' 'MSFT_MpComputerStatus' | row @(
    'AMRunningMode', 'AMServiceEnabled', 'AntivirusEnabled', 'RealTimeProtectionEnabled',
    'AntivirusSignatureAge', 'AntivirusSignatureLastUpdated', 'AntivirusSignatureVersion', 'AMProductVersion',
    'IsTamperProtected', 'ProductStatus', 'QuickScanEndTime', 'FullScanEndTime'
  )
}
