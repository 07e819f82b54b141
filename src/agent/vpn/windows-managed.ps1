# Connections that device management owns. Without management there is no such class.
probe 'managed' -Many {
  Get-CimInstance -Namespace 'root\cimv2\mdm\dmmap' -ClassName 'MDM_VPNv2_01' -ErrorAction Stop | row @('InstanceID')
}
