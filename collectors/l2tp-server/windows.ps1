# Nobody on the port is an error with an id of its own (CmdletizationQuery_NotFound).
probe 'udpEndpoints' -Many {
  Get-NetUDPEndpoint -LocalPort 1701 -ErrorAction Stop | row 'LocalAddress', 'LocalPort', 'OwningProcess'
}

# Only servers with Remote Access, and machines that manage them, have the cmdlet.
probe 'remoteAccess' {
  Get-VpnServerConfiguration -ErrorAction Stop | row 'L2tpPorts', 'Ikev2Ports', 'SstpPorts'
}
