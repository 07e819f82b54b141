# ActiveStore holds the policies in force; the default store says NotConfigured on a managed machine.
probe 'firewallProfiles' -Many {
  Get-NetFirewallProfile -PolicyStore ActiveStore -ErrorAction Stop |
    row 'Name', 'Enabled', 'DefaultInboundAction', 'NotifyOnListen'
}
