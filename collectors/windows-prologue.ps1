# Windows PowerShell 5.1, ASCII only: what arrives on standard input is decoded by the machine's own code page.
Set-StrictMode -Off
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
$startedAt = [DateTime]::UtcNow
$clock = [Diagnostics.Stopwatch]::StartNew()
$probes = [ordered]@{}

# Runs one question. Whatever goes wrong stays inside it; a question that comes too late is not asked at all.
# -Many: the data is a list, even of one or none.
function probe([string] $name, [scriptblock] $body, [switch] $Many) {
  $watch = [Diagnostics.Stopwatch]::StartNew()
  if ($clock.Elapsed.TotalSeconds -gt $budgetSeconds) {
    # WBEM_E_TIMED_OUT, 0x80041069
    $probes[$name] = [ordered]@{ ok = $false; ms = 0; fqid = 'OutOfTime'; hresult = -2147217303; message = '' }
    return
  }
  try {
    $data = & $body
    if ($Many) { $data = @($data | Where-Object { $null -ne $_ }) }
    $probes[$name] = [ordered]@{ ok = $true; ms = $watch.ElapsedMilliseconds; data = $data }
  } catch {
    $probes[$name] = refused $_ $watch.ElapsedMilliseconds
  }
}

# The id and the number are the same in every language; the message is for people.
function refused($record, $ms) {
  $message = [string]$record.Exception.Message
  [ordered]@{
    ok = $false
    ms = $ms
    fqid = [string]$record.FullyQualifiedErrorId
    hresult = [int]$record.Exception.HResult
    message = $message.Substring(0, [Math]::Min(200, $message.Length))
  }
}

# Instances of a WMI class, asked for no longer than $cimSeconds. Cmdlets that come as modules do not see our
# $ErrorActionPreference, so every one of them is told to stop at an error itself.
function cim([string] $namespace, [string] $class, [string] $filter) {
  $options = @{ Namespace = $namespace; ClassName = $class; OperationTimeoutSec = $cimSeconds; ErrorAction = 'Stop' }
  if ($filter) { $options.Filter = $filter }
  Get-CimInstance @options
}

# The named properties of each object that comes in; one that is not there is null.
function row([string[]] $names) {
  process {
    $source = $_
    $row = [ordered]@{}
    foreach ($name in $names) { $row[$name] = plain $source.$name }
    $row
  }
}

# Dates as ISO text in UTC. One without a zone is UTC already: so says the update service.
function plain($value) {
  if ($value -isnot [DateTime]) { return , $value }
  if ($value.Kind -eq 'Unspecified') { $value = [DateTime]::SpecifyKind($value, 'Utc') }
  $value.ToUniversalTime().ToString('o')
}

# The named values of a registry key, null where there is none; of a key that does not exist, all null.
function registry([string] $path, [string[]] $names) {
  $key = $null
  if (Test-Path -LiteralPath "Registry::$path") { $key = Get-Item -LiteralPath "Registry::$path" }
  $row = [ordered]@{}
  foreach ($name in $names) {
    $row[$name] = $null
    if ($key) { $row[$name] = $key.GetValue($name, $null) }
  }
  $row
}
