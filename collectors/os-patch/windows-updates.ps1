# The update service answers in seconds or in minutes, and now and then not at all: never part of a full cycle.
probe 'hotfixes' -Many {
  cim 'root/cimv2' 'Win32_QuickFixEngineering' | row 'HotFixID', 'InstalledOn'
}

probe 'autoUpdate' {
  (New-Object -ComObject Microsoft.Update.AutoUpdate).Results |
    row 'LastSearchSuccessDate', 'LastInstallationSuccessDate'
}

# Offline: what the machine's own last search found, without the network.
probe 'updates' -Many {
  $searcher = (New-Object -ComObject Microsoft.Update.Session).CreateUpdateSearcher()
  $searcher.Online = $false
  foreach ($update in $searcher.Search("IsInstalled=0 and Type='Software' and IsHidden=0").Updates) {
    [ordered]@{
      Title = $update.Title
      KBArticleIDs = @($update.KBArticleIDs)
      MsrcSeverity = $update.MsrcSeverity
      CategoryIDs = @($update.Categories | ForEach-Object { $_.CategoryID })
      RebootRequired = $update.RebootRequired
    }
  }
}
