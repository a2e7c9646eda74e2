"""Differences between moto and the fake that are known, by operation: a path stands for all below it."""

# What AWS sends too, and the fake leaves out, because no build, no check and no client of the fake asks for it.
_INTERFACE = ("Association", "Attachment.NetworkCardIndex", "Ipv6Addresses", "MacAddress", "PrivateDnsName", "PrivateIpAddresses")
_INSTANCE = tuple(f"NetworkInterfaces[].{member}" for member in _INTERFACE) + ("SriovNetSupport",)

KNOWN_MEMBERS = {
    "ec2:AuthorizeSecurityGroupIngress": ("SecurityGroupRules",),
    "ec2:CreateSecurityGroup": ("SecurityGroupArn",),
    "ec2:DescribeSecurityGroups": ("SecurityGroups[].SecurityGroupArn",),
    "ec2:CreateVolume": ("Iops",),
    "ec2:DescribeImages": ("Images[].ProductCodes",),
    # Hardware: the fake knows what tells whether a type fits.
    "ec2:DescribeInstanceTypes": tuple(
        f"InstanceTypes[].{member}"
        for member in (
            "DedicatedHostsSupported",
            "EbsInfo",
            "NetworkInfo",
            "NitroEnclavesSupport",
            "NitroTpmInfo",
            "NitroTpmSupport",
            "PhcSupport",
            "PlacementGroupInfo",
            "ProcessorInfo.Manufacturer",
            "ProcessorInfo.SustainedClockSpeedInGhz",
            "RebootMigrationSupport",
            "VCpuInfo.ValidCores",
            "VCpuInfo.ValidThreadsPerCore",
        )
    ),
    "ec2:DescribeInstances": tuple(f"Reservations[].Instances[].{member}" for member in _INSTANCE),
    # The reason of `pending` is `pending`.
    "ec2:RunInstances": tuple(f"Instances[].{member}" for member in (*_INSTANCE, "StateReason")),
    "ec2:DescribeNetworkInterfaces": tuple(f"NetworkInterfaces[].{member}" for member in (*_INTERFACE, "RequesterId")),
    "ec2:DescribeSubnets": tuple(
        f"Subnets[].{member}" for member in ("Ipv6CidrBlockAssociationSet", "Ipv6Native", "PrivateDnsNameOptionsOnLaunch")
    ),
    # No client of ours asks for it.
    "s3:ListObjectsV2": ("Contents[].ChecksumAlgorithm",),
    "ec2:DescribeVpcs": ("Vpcs[].CidrBlockAssociationSet", "Vpcs[].Ipv6CidrBlockAssociationSet"),
}
