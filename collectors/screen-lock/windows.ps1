# The hives of the people who are logged in. LocalSystem's own HKEY_CURRENT_USER says nothing about them.
probe 'screenLock' {
  $values = 'ScreenSaveActive', 'ScreenSaverIsSecure', 'ScreenSaveTimeOut'
  $places = [ordered]@{
    policy = 'Software\Policies\Microsoft\Windows\Control Panel\Desktop'
    user = 'Control Panel\Desktop'
  }
  $users = @(foreach ($user in [Microsoft.Win32.Registry]::Users.GetSubKeyNames()) {
    if ($user -like '*_Classes') { continue }
    foreach ($hive in $places.Keys) {
      $saver = registry "HKEY_USERS\$user\$($places[$hive])" $values
      [ordered]@{
        user = $user
        hive = $hive
        ScreenSaveActive = $saver.ScreenSaveActive
        ScreenSaverIsSecure = $saver.ScreenSaverIsSecure
        ScreenSaveTimeOut = $saver.ScreenSaveTimeOut
      }
    }
  })
  $system = registry 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System' 'InactivityTimeoutSecs'
  [ordered]@{ InactivityTimeoutSecs = $system.InactivityTimeoutSecs; users = $users }
}
