af_write_file /etc/firewalld/zones/trusted.xml 0644 root:root <<'ZONE'
<?xml version="1.0" encoding="utf-8"?>
<!-- Written by amifactory. -->
<zone target="ACCEPT">
  <short>Trusted</short>
  <description>The loopback interface. Its addresses come from nowhere else.</description>
  <interface name="lo"/>
  <rule family="ipv4">
    <source address="127.0.0.1"/>
    <destination address="127.0.0.1" invert="True"/>
    <drop/>
  </rule>
  <rule family="ipv6">
    <source address="::1"/>
    <destination address="::1" invert="True"/>
    <drop/>
  </rule>
</zone>
ZONE
