# Resources, the names of the files, stay where they are.
probe 'threats' -Many {
  cim 'root/Microsoft/Windows/Defender' 'MSFT_MpThreat' |
    row 'ThreatID', 'ThreatName', 'SeverityID', 'CategoryID', 'IsActive', 'DidThreatExecute'
}

probe 'threatDetections' -Many {
  cim 'root/Microsoft/Windows/Defender' 'MSFT_MpThreatDetection' | row @(
    'DetectionID', 'ThreatID', 'ThreatStatusID', 'CleaningActionID', 'CurrentThreatExecutionStatusID',
    'ActionSuccess', 'InitialDetectionTime', 'LastThreatStatusChangeTime', 'RemediationTime'
  )
}
