//! Very many instances, in every account and region the same: for benchmarks. Each is as long as EC2 writes one.

use super::super::params::Params;
use super::super::reply::{Body, Done, Failure, Incoming, Reply};

/// What is answered.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// How many instances there are in each place.
    pub instances: usize,
    /// The images that they have, one after the other.
    pub images: Vec<String>,
}

impl Recorded {
    pub fn page(&self, call: &Incoming<'_>) -> Reply {
        let size = size(call.params)?;
        let from: usize = call.params.get("NextToken").and_then(|token| token.parse().ok()).unwrap_or(0);
        let to = (from + size).min(self.instances);
        let mut text = String::with_capacity(size * 4096);
        text.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        text.push_str("<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">");
        text.push_str("<requestId>00000000-0000-4000-a000-000000000000</requestId><reservationSet>");
        for n in from..to {
            let image = &self.images[n % self.images.len()];
            text.push_str(&INSTANCE.replace("NUMBER", &format!("{n:016x}")).replace("IMAGE", image));
        }
        text.push_str("</reservationSet>");
        if to < self.instances {
            text.push_str(&format!("<nextToken>{to}</nextToken>"));
        }
        text.push_str("</DescribeInstancesResponse>");
        Ok(Done { body: Body::Bytes(text.into_bytes()), ..Done::xml(Vec::new()) })
    }
}

fn size(params: &Params) -> Result<usize, Failure> {
    Ok(params.number("MaxResults")?.and_then(|size| usize::try_from(size).ok()).unwrap_or(1000))
}

/// One instance in its reservation, after the example of the EC2 API reference with what newer generations add.
const INSTANCE: &str = concat!(
    "<item><reservationId>r-0NUMBER</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet><item>",
    "<instanceId>i-0NUMBER</instanceId><imageId>IMAGE</imageId>",
    "<instanceState><code>16</code><name>running</name></instanceState>",
    "<privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName><dnsName/><reason/><keyName/><amiLaunchIndex>0</amiLaunchIndex>",
    "<productCodes/><instanceType>m7i.large</instanceType><launchTime>2026-10-01T08:00:00.000Z</launchTime>",
    "<placement><availabilityZone>us-east-1a</availabilityZone><groupName/><tenancy>default</tenancy></placement>",
    "<monitoring><state>disabled</state></monitoring><subnetId>subnet-0123456789abcdef0</subnetId>",
    "<vpcId>vpc-0123456789abcdef0</vpcId><privateIpAddress>10.0.0.1</privateIpAddress>",
    "<sourceDestCheck>true</sourceDestCheck><groupSet><item><groupId>sg-0123456789abcdef0</groupId>",
    "<groupName>web</groupName></item></groupSet><architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType>",
    "<rootDeviceName>/dev/xvda</rootDeviceName><blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs>",
    "<volumeId>vol-0NUMBER</volumeId><status>attached</status><attachTime>2026-10-01T08:00:01.000Z</attachTime>",
    "<deleteOnTermination>true</deleteOnTermination></ebs></item></blockDeviceMapping>",
    "<virtualizationType>hvm</virtualizationType><clientToken>fleet-0NUMBER</clientToken><tagSet>",
    "<item><key>Name</key><value>web-NUMBER</value></item><item><key>team</key><value>platform</value></item>",
    "<item><key>environment</key><value>production</value></item><item><key>cost-centre</key><value>4711</value></item>",
    "<item><key>aws:autoscaling:groupName</key><value>web-production</value></item>",
    "<item><key>aws:ec2launchtemplate:id</key><value>lt-0123456789abcdef0</value></item>",
    "<item><key>aws:ec2launchtemplate:version</key><value>7</value></item></tagSet><hypervisor>xen</hypervisor>",
    "<networkInterfaceSet><item><networkInterfaceId>eni-0NUMBER</networkInterfaceId>",
    "<subnetId>subnet-0123456789abcdef0</subnetId><vpcId>vpc-0123456789abcdef0</vpcId><description/>",
    "<ownerId>123456789012</ownerId><status>in-use</status><macAddress>0a:00:00:00:00:01</macAddress>",
    "<privateIpAddress>10.0.0.1</privateIpAddress><privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName>",
    "<sourceDestCheck>true</sourceDestCheck><groupSet><item><groupId>sg-0123456789abcdef0</groupId>",
    "<groupName>web</groupName></item></groupSet><attachment><attachmentId>eni-attach-0NUMBER</attachmentId>",
    "<deviceIndex>0</deviceIndex><status>attached</status><attachTime>2026-10-01T08:00:00.000Z</attachTime>",
    "<deleteOnTermination>true</deleteOnTermination><networkCardIndex>0</networkCardIndex></attachment>",
    "<privateIpAddressesSet><item><privateIpAddress>10.0.0.1</privateIpAddress>",
    "<privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName><primary>true</primary></item></privateIpAddressesSet>",
    "<interfaceType>interface</interfaceType></item></networkInterfaceSet>",
    "<iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/web</arn><id>AIPA0000000000000000</id>",
    "</iamInstanceProfile><ebsOptimized>true</ebsOptimized><enaSupport>true</enaSupport>",
    "<cpuOptions><coreCount>1</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions>",
    "<capacityReservationSpecification><capacityReservationPreference>open</capacityReservationPreference>",
    "</capacityReservationSpecification><hibernationOptions><configured>false</configured></hibernationOptions>",
    "<metadataOptions><state>applied</state><httpTokens>required</httpTokens>",
    "<httpPutResponseHopLimit>2</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint>",
    "<httpProtocolIpv6>disabled</httpProtocolIpv6><instanceMetadataTags>disabled</instanceMetadataTags></metadataOptions>",
    "<enclaveOptions><enabled>false</enabled></enclaveOptions><platformDetails>Linux/UNIX</platformDetails>",
    "<usageOperation>RunInstances</usageOperation><usageOperationUpdateTime>2026-10-01T08:00:00.000Z",
    "</usageOperationUpdateTime><privateDnsNameOptions><hostnameType>ip-name</hostnameType></privateDnsNameOptions>",
    "<maintenanceOptions><autoRecovery>default</autoRecovery></maintenanceOptions><currentInstanceBootMode>uefi",
    "</currentInstanceBootMode></item></instancesSet></item>",
);
