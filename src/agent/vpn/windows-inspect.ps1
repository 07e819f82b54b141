probe 'sessions' -Many { sessions }
probe 'firewall' { seeFirewall $want.group }
