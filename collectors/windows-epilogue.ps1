$document = [ordered]@{ schema = 1; startedAt = $startedAt.ToString('o'); probes = $probes }
# Bytes, because [Console]::OutputEncoding cannot be set in a process without a console.
$bytes = [Text.Encoding]::UTF8.GetBytes((ConvertTo-Json $document -Depth 6 -Compress))
$output = [Console]::OpenStandardOutput()
$output.Write($bytes, 0, $bytes.Length)
$output.Flush()
