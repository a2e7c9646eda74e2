"""EC2 Image Builder: components, recipes, configurations, tags; images and pipelines are in files of their own."""

import builds
import pipelines
from aws import Aws
from instances import PROFILE, newest_base

DOCUMENT = """
name: hello
schemaVersion: 1.0
parameters:
  - Greeting:
      type: string
      default: hello
      description: what is said
phases:
  - name: build
    steps:
      - name: say
        action: ExecuteBash
        inputs:
          commands:
            - echo '{{ Greeting }} from the build'
  - name: validate
    steps:
      - name: look
        action: ExecuteBash
        timeoutSeconds: 60
        inputs:
          commands: [echo validated]
  - name: test
    steps:
      - name: try
        action: ExecuteBash
        inputs:
          commands: [echo tested]
"""


def run(aws):
    component = components(aws)
    invalid_documents(aws)
    recipe = recipes(aws, component)
    infrastructure = infrastructures(aws)
    distribution = distributions(aws)
    tags(aws, component, recipe, infrastructure, distribution)
    builds.run(aws, component_of, component, recipe_of, recipe, infrastructure, distribution)
    pipelines.run(aws, recipe, infrastructure, distribution)
    strangers(aws)
    deleted(aws, component, recipe, infrastructure, distribution)


def component_of(aws, name, document=DOCUMENT, version="1.0.0", **more):
    arguments = {"name": f"{name} {aws.run}", "semanticVersion": version, "platform": "Linux", "data": document, **more}
    return aws.imagebuilder.create_component(**arguments)["componentBuildVersionArn"]


def components(aws):
    builder = aws.imagebuilder
    token = f"component-{aws.run}"
    more = {"description": "says hello", "tags": {"run": aws.run}, "clientToken": token}
    arn = component_of(aws, "Of_a Test", **more)
    # Names that differ in case, spaces and underscores alone are one.
    assert arn.endswith(f":component/of-a-test-{aws.run}/1.0.0/1"), arn
    assert component_of(aws, "Of_a Test", **more) == arn
    with aws.refused("IdempotentParameterMismatchException"):
        component_of(aws, "Of_a Test", **{**more, "description": "other"})
    with aws.refused("ResourceAlreadyExistsException"):
        component_of(aws, "of-a-test", description="says hello")
    second = component_of(aws, "of a test", description="says it again", changeDescription="other words")
    assert second.endswith("/1.0.0/2"), second
    third = component_of(aws, "of a test", version="1.1.0")
    with aws.refused("DryRunOperationException"):
        component_of(aws, "of a test", version="1.2.0", dryRun=True)
    with aws.refused("InvalidVersionNumberException"):
        component_of(aws, "of a test", version="1.2.1073741824")
    with aws.refused("InvalidParameterValueException"):
        component_of(aws, "of a test", data="x" * 16001)
    with aws.refused("InvalidParameterCombinationException"):
        component_of(aws, "of a test", uri="s3://bucket/key")

    answer = builder.get_component(componentBuildVersionArn=arn)
    found, references = answer["component"], answer["latestVersionReferences"]
    assert (found["version"], found["type"], found["platform"], found["data"]) == ("1.0.0", "BUILD", "Linux", DOCUMENT), found
    assert found["parameters"][0]["name"] == "Greeting" and found["parameters"][0]["defaultValue"] == ["hello"]
    assert references["latestVersionArn"].endswith("/x.x.x") and references["latestPatchVersionArn"] == arn.rsplit("/", 1)[0]
    base = arn.rsplit("/", 2)[0]
    for wanted, got in (("1.0.0", second), ("1.0.x", second), ("1.x.x", third), ("x.x.x", third)):
        found = builder.get_component(componentBuildVersionArn=f"{base}/{wanted}")["component"]
        assert found["arn"] == got, (wanted, found["arn"])
    with aws.refused("InvalidVersionNumberException"):
        builder.get_component(componentBuildVersionArn=f"{base}/x.0.0")
    with aws.refused("ResourceNotFoundException"):
        builder.get_component(componentBuildVersionArn=f"{base}/9.0.0/1")
    with aws.refused("InvalidParameterValueException"):
        builder.get_component(componentBuildVersionArn=base)

    named = [{"name": "name", "values": [f"of a test {aws.run}"]}]
    pages, count = aws.pages(builder, "list_components", owner="Self", PaginationConfig={"PageSize": 1})
    listed = [one for page in pages for one in page["componentVersionList"]]
    assert count > 1 and base + "/1.0.0" in [one["arn"] for one in listed], listed
    # The newest build stands for its version.
    assert [one["version"] for one in builder.list_components(filters=named)["componentVersionList"]] == ["1.0.0", "1.1.0"]
    narrow = named + [{"name": "version", "values": ["1.0.x"]}]
    assert [one["version"] for one in builder.list_components(filters=narrow)["componentVersionList"]] == ["1.0.0"]
    assert len(builder.list_components(filters=named, byName=True)["componentVersionList"]) == 1
    assert builder.list_components(owner="ThirdParty")["componentVersionList"] == []
    with aws.refused("InvalidParameterValueException"):
        builder.list_components(filters=[{"name": "colour", "values": ["red"]}])
    with aws.refused("InvalidPaginationTokenException"):
        builder.list_components(nextToken="nonsense")
    builds = builder.list_component_build_versions(componentVersionArn=f"{base}/1.0.0")["componentSummaryList"]
    assert [one["arn"] for one in builds] == [arn, second], builds
    assert builder.list_component_build_versions(componentVersionArn=f"{base}/9.0.0")["componentSummaryList"] == []
    for other in (second, third):
        builder.delete_component(componentBuildVersionArn=other)
    with aws.refused("ResourceNotFoundException"):
        builder.get_component(componentBuildVersionArn=second)
    # A number is not given twice.
    again = component_of(aws, "of a test")
    assert again.endswith("/1.0.0/3"), again
    builder.delete_component(componentBuildVersionArn=again)
    return arn


def invalid_documents(aws):
    step = "{name: s, action: ExecuteBash, inputs: {commands: [ls]}}"
    for document in (
        "no: document",
        "schemaVersion: 2.0\nphases: [{name: build, steps: [%s]}]" % step,
        "schemaVersion: 1.0\nphases: []",
        "schemaVersion: 1.0\nphases: [{name: bake, steps: [%s]}]" % step,
        "schemaVersion: 1.0\nphases: [{name: build, steps: []}]",
        "schemaVersion: 1.0\nphases: [{name: build, steps: [%s, %s]}]" % (step, step),
        "schemaVersion: 1.0\nphases: [{name: build, steps: [%s]}]" % step.replace("name: s", "name: with space"),
        "schemaVersion: 1.0\nphases: [{name: build, steps: [%s]}]" % step.replace("ExecuteBash", "ExecuteBasic"),
        "schemaVersion: 1.0\nphases: [{name: build, steps: [%s]}]" % step.replace("ExecuteBash", "UpdateOS"),
        "schemaVersion: 1.0\nphases: [{name: build, steps: [{name: s, action: ExecuteBash}]}]",
        "schemaVersion: 1.0\nphases: [",
    ):
        with aws.refused("InvalidParameterValueException") as caught:
            component_of(aws, "invalid", document)
        message = str(caught[0])
        assert "The value supplied for parameter 'data' is not valid." in message, message


def recipe_of(aws, name, *arns, version="1.0.0", **more):
    arguments = {
        "name": f"{name} {aws.run}",
        "semanticVersion": version,
        "components": [{"componentArn": arn} for arn in arns],
        "parentImage": newest_base(aws)["ImageId"],
        **more,
    }
    return aws.imagebuilder.create_image_recipe(**arguments)["imageRecipeArn"]


def recipes(aws, component):
    builder = aws.imagebuilder
    mapping = [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 12, "volumeType": "gp3", "encrypted": False}}]
    more = {
        "description": "of a test",
        "blockDeviceMappings": mapping,
        "workingDirectory": "/tmp",
        "amiTags": {"made-by": "recipe"},
        "additionalInstanceConfiguration": {"systemsManagerAgent": {"uninstallAfterBuild": False}},
        "tags": {"run": aws.run},
    }
    arn = recipe_of(aws, "A_Recipe", component, **more)
    assert arn.endswith(f":image-recipe/a-recipe-{aws.run}/1.0.0"), arn
    found = builder.get_image_recipe(imageRecipeArn=arn)["imageRecipe"]
    assert (found["platform"], found["version"]) == ("Linux", "1.0.0") and found["blockDeviceMappings"] == mapping, found
    with aws.refused("ResourceAlreadyExistsException"):
        recipe_of(aws, "a recipe", component)
    parameter = "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    newest = f"arn:aws:imagebuilder:{aws.region}:aws:image/amazon-linux-2023-x86/x.x.x"
    others = [
        recipe_of(aws, "a recipe", component.rsplit("/", 1)[0].replace("1.0.0", "x.x.x"), version="1.1.0", parentImage=parameter),
        recipe_of(aws, "a recipe", version="2.0.0", parentImage=newest, components=[{"componentArn": component}]),
    ]
    assert builder.get_image_recipe(imageRecipeArn=arn.replace("1.0.0", "1.x.x"))["imageRecipe"]["arn"] == others[0]
    for wrong in (
        {"parentImage": "ami-0123456789abcdef0"},
        {"parentImage": "ssm:/nowhere"},
        {"parentImage": newest.replace("x.x.x", "1.0.0")},
        {"components": [{"componentArn": component}, {"componentArn": component}]},
        {"components": [{"componentArn": component, "parameters": [{"name": "Unknown", "value": ["x"]}]}]},
        {"components": [{"componentArn": component.replace("1.0.0/1", "9.0.0/1")}]},
        {"blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 16001}}]},
        {"additionalInstanceConfiguration": {"userDataOverride": "not base64"}},
    ):
        with aws.refused("InvalidParameterValueException"):
            recipe_of(aws, "wrong", component, **wrong)
    with aws.refused("ServiceQuotaExceededException"):
        recipe_of(aws, "wrong", *[component] * 21)
    pages, count = aws.pages(builder, "list_image_recipes", PaginationConfig={"PageSize": 1})
    listed = [one["arn"] for page in pages for one in page["imageRecipeSummaryList"]]
    assert count >= 3 and {arn, *others} <= set(listed), listed
    by_parent = [{"name": "parentImage", "values": [parameter]}]
    found = builder.list_image_recipes(filters=by_parent)["imageRecipeSummaryList"]
    assert [one["arn"] for one in found] == [others[0]], found
    for other in others:
        builder.delete_image_recipe(imageRecipeArn=other)
    with aws.refused("ResourceDependencyException"):
        builder.delete_component(componentBuildVersionArn=component)
    return arn


def infrastructure_of(aws, name, **more):
    arguments = {"name": f"{name} {aws.run}", "instanceProfileName": PROFILE, "instanceTypes": ["t3.large"], **more}
    return aws.imagebuilder.create_infrastructure_configuration(**arguments)["infrastructureConfigurationArn"]


def infrastructures(aws):
    builder = aws.imagebuilder
    topic = aws.sns.create_topic(Name=f"images-{aws.run}")["TopicArn"]
    more = {
        "snsTopicArn": topic,
        "resourceTags": {"purpose": "test"},
        "instanceMetadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2},
        "logging": {"s3Logs": {"s3BucketName": "bucket", "s3KeyPrefix": "logs"}},
        "tags": {"run": aws.run},
    }
    arn = infrastructure_of(aws, "Where", **more)
    found = builder.get_infrastructure_configuration(infrastructureConfigurationArn=arn)["infrastructureConfiguration"]
    assert found["terminateInstanceOnFailure"] is True and found["resourceTags"] == {"purpose": "test"}, found
    with aws.refused("ResourceAlreadyExistsException"):
        infrastructure_of(aws, "where")
    for wrong in (
        {"instanceProfileName": "nobody"},
        {"resourceTags": {"Name": "x"}},
        {"snsTopicArn": topic + "-not"},
        {"instanceMetadataOptions": {"httpTokens": "maybe"}},
    ):
        with aws.refused("InvalidParameterValueException"):
            infrastructure_of(aws, "wrong", **wrong)
    with aws.refused("InvalidParameterCombinationException"):
        infrastructure_of(aws, "wrong", subnetId="subnet-0123456789abcdef0")
    # What is not given again is gone.
    builder.update_infrastructure_configuration(infrastructureConfigurationArn=arn, instanceProfileName=PROFILE)
    found = builder.get_infrastructure_configuration(infrastructureConfigurationArn=arn)["infrastructureConfiguration"]
    assert "resourceTags" not in found and found["dateUpdated"] and found["tags"] == {"run": aws.run}, found
    builder.update_infrastructure_configuration(
        infrastructureConfigurationArn=arn,
        instanceProfileName=PROFILE,
        instanceTypes=["t3.large"],
        resourceTags={"purpose": "test"},
    )
    named = [{"name": "name", "values": [f"Where {aws.run}"]}]
    pages, _ = aws.pages(builder, "list_infrastructure_configurations", filters=named)
    assert [one["arn"] for page in pages for one in page["infrastructureConfigurationSummaryList"]] == [arn]
    aws.sns.delete_topic(TopicArn=topic)
    return arn


def distributions(aws):
    builder = aws.imagebuilder
    name = "made {{ imagebuilder:buildDate }}"
    ami = {"name": name, "description": "made", "amiTags": {"made": "yes"}, "launchPermission": {"userIds": ["111122223333"]}}
    made = {"name": f"Whither {aws.run}", "description": "here", "tags": {"run": aws.run}}
    here = [{"region": aws.region, "amiDistributionConfiguration": ami}]
    arn = builder.create_distribution_configuration(**made, distributions=here)["distributionConfigurationArn"]
    found = builder.get_distribution_configuration(distributionConfigurationArn=arn)["distributionConfiguration"]
    assert found["distributions"] == here and found["timeoutMinutes"] > 0, found
    with aws.refused("ResourceAlreadyExistsException"):
        builder.create_distribution_configuration(**made, distributions=here)
    for wrong in (
        [{"region": aws.region}],
        [{"region": "mars-north-1", "amiDistributionConfiguration": ami}],
        [*here, *here],
        [{"region": aws.region, "amiDistributionConfiguration": {**ami, "name": "always the same"}}],
        [{"region": aws.region, "amiDistributionConfiguration": {**ami, "targetAccountIds": ["111122223333"]}}],
        [{**here[0], "ssmParameterConfigurations": [{"parameterName": "/x"}]}],
    ):
        with aws.refused("InvalidParameterValueException"):
            builder.create_distribution_configuration(name=f"Wrong {aws.run}", distributions=wrong)
    builder.update_distribution_configuration(distributionConfigurationArn=arn, distributions=here)
    found = builder.get_distribution_configuration(distributionConfigurationArn=arn)["distributionConfiguration"]
    assert "description" not in found, found
    pages, _ = aws.pages(builder, "list_distribution_configurations", filters=[{"name": "name", "values": [made["name"]]}])
    [one] = [one for page in pages for one in page["distributionConfigurationSummaryList"]]
    assert (one["arn"], one["regions"]) == (arn, [aws.region]), one
    return arn


def tags(aws, *arns):
    builder = aws.imagebuilder
    for arn in arns:
        builder.tag_resource(resourceArn=arn, tags={"colour": "green tea", "size": "+/=@"})
        assert builder.list_tags_for_resource(resourceArn=arn)["tags"]["colour"] == "green tea"
        builder.untag_resource(resourceArn=arn, tagKeys=["colour", "size"])
        assert builder.list_tags_for_resource(resourceArn=arn)["tags"] == {"run": aws.run}
    with aws.refused("ResourceNotFoundException"):
        builder.tag_resource(resourceArn=arns[0] + "7", tags={"a": "b"})
    with aws.refused("InvalidParameterException"):
        builder.list_tags_for_resource(resourceArn="arn:aws:ec2:us-east-1:123456789012:image/ami-1")
    with aws.refused("InvalidParameterException"):
        builder.tag_resource(resourceArn=arns[0], tags={f"k{n}": "" for n in range(50)})


def strangers(aws):
    unknown = {"aws_access_key_id": "AKIANOBODYNOBODY0000", "aws_secret_access_key": "x"}
    with aws.refused("UnrecognizedClientException"):
        Aws(aws.endpoint, aws.kind, aws.region, unknown).imagebuilder.list_components()


def deleted(aws, component, recipe, infrastructure, distribution):
    builder = aws.imagebuilder
    builder.delete_image_recipe(imageRecipeArn=recipe)
    builder.delete_component(componentBuildVersionArn=component)
    builder.delete_infrastructure_configuration(infrastructureConfigurationArn=infrastructure)
    builder.delete_distribution_configuration(distributionConfigurationArn=distribution)
    with aws.refused("ResourceNotFoundException"):
        builder.get_image_recipe(imageRecipeArn=recipe)
    with aws.refused("ResourceNotFoundException"):
        builder.delete_distribution_configuration(distributionConfigurationArn=distribution)
