# Named services only; the list of all services is nobody's business.
probe 'services' -Many {
  $names = 'RemoteAccess', 'RasMan', 'SEVPNSERVER', 'SEVPNBRIDGE', 'SEVPNCLIENT', 'MpsSvc',
    'CSFalconService', 'SentinelAgent', 'cyserver', 'EPSecurityService', 'CbDefense', 'CylanceSvc', 'mfemms'
  $filter = ($names | ForEach-Object { "Name='$_'" }) -join ' OR '
  cim 'root/cimv2' 'Win32_Service' $filter | row 'Name', 'State', 'StartMode', 'ProcessId'
}
