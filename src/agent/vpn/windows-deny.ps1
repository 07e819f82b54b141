# In this order, and each for itself: whatever fails further down, what stands above it holds.
$names = New-Object Collections.ArrayList

function block($rule) {
  [void]$names.Add($rule.name)
  addRule $want.group $rule
}

# What is known without asking anybody.
probe 'block' { foreach ($rule in $want.rules) { block $rule } }

# What passes through a live session, by its own address.
probe 'cut' -Many {
  $number = 0
  foreach ($session in @(sessions | Where-Object { $want.names -contains $_.name })) {
    foreach ($address in $session.addresses) {
      foreach ($direction in 1, 2) {
        $number += 1
        block @{
          name = $want.cutName -f $number; direction = $direction; protocol = 256; localAddresses = $address
        }
      }
    }
    $session
  }
}

# Gateways that are known by name: to each of their addresses, the same rules as for one that is an address.
probe 'gateways' -Many {
  foreach ($gateway in $want.gateways) {
    $asked = [Net.Dns]::GetHostAddressesAsync($gateway.name)
    $addresses = @()
    try { if ($asked.Wait($want.patienceMs)) { $addresses = @($asked.Result | ForEach-Object { [string]$_ }) } } catch { }
    if ($addresses.Count -gt 0) {
      foreach ($rule in $gateway.rules) {
        $rule | Add-Member remoteAddresses ($addresses -join ',') -Force
        block $rule
      }
    }
    [ordered]@{ name = $gateway.name; addresses = $addresses }
  }
}

# The rules of an earlier order go when these stand, never before.
probe 'replaced' { if ($names.Count -gt 0) { removeRules $want.group ($names + @($want.keep)) } }

probe 'hungUp' -Many { foreach ($name in $want.names) { hangUp $name } }
