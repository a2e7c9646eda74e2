"""Images of EC2 Image Builder: made, looked at, failed, cancelled, deleted. Their components really run."""

import time

from aws import soon, untag

FAILS = """
schemaVersion: 1.0
phases:
  - name: build
    steps:
      - name: first
        action: ExecuteBash
        inputs:
          commands: [echo so far so good]
      - name: second
        action: ExecuteBash
        inputs:
          commands:
            - echo what went wrong >&2
            - exit 3
"""
OVER = ("AVAILABLE", "FAILED", "CANCELLED")


def image_of(aws, recipe, infrastructure, **more):
    arguments = {"imageRecipeArn": recipe, "infrastructureConfigurationArn": infrastructure, **more}
    return aws.imagebuilder.create_image(**arguments)["imageBuildVersionArn"]


def image(aws, arn):
    return aws.imagebuilder.get_image(imageBuildVersionArn=arn)["image"]


def ended(aws, arn):
    """The image, once it has ended, and the states that were seen until then."""
    seen = []
    for _ in range(600):
        found = image(aws, arn)
        if not seen or seen[-1] != found["state"]["status"]:
            seen.append(found["state"]["status"])
        if seen[-1] in OVER:
            return found, seen
        time.sleep(0.2)
    raise AssertionError(f"{arn} does not end: {seen}")


def instances(aws, arn):
    named = [{"Name": "tag:Ec2ImageBuilderArn", "Values": [arn]}]
    found = aws.ec2.describe_instances(Filters=named)["Reservations"]
    return [instance for reservation in found for instance in reservation["Instances"]]


def lines(aws, arn, group):
    version, build = arn.split("/")[-2:]
    events = aws.logs.get_log_events(logGroupName=group, logStreamName=f"{version}/{build}", startFromHead=True)["events"]
    return [event["message"] for event in events]


def run(aws, component_of, component, recipe_of, recipe, infrastructure, distribution):
    made = succeeds(aws, recipe, infrastructure, distribution)
    looked_at(aws, made)
    child(aws, recipe_of, component, made, infrastructure)
    fails(aws, component_of, recipe_of, infrastructure)
    cancelled(aws, component_of, recipe_of, infrastructure)
    refused(aws, recipe, infrastructure)
    with aws.refused("ResourceDependencyException"):
        aws.imagebuilder.delete_image_recipe(imageRecipeArn=recipe)
    amis = [ami["image"] for ami in made["outputResources"]["amis"]]
    aws.imagebuilder.delete_image(imageBuildVersionArn=made["arn"])
    with aws.refused("ResourceNotFoundException"):
        image(aws, made["arn"])
    # AMIs stay.
    assert len(aws.ec2.describe_images(ImageIds=amis)["Images"]) == 1
    aws.ec2.deregister_image(ImageId=amis[0], DeleteAssociatedSnapshots=True)


def succeeds(aws, recipe, infrastructure, distribution):
    token = f"image-{aws.run}"
    more = {"distributionConfigurationArn": distribution, "clientToken": token, "tags": {"run": aws.run}}
    arn = image_of(aws, recipe, infrastructure, **more)
    assert arn == recipe.replace(":image-recipe/", ":image/") + "/1", arn
    assert image_of(aws, recipe, infrastructure, **more) == arn
    with aws.refused("IdempotentParameterMismatchException"):
        image_of(aws, recipe, infrastructure, **{**more, "enhancedImageMetadataEnabled": False})
    found, seen = ended(aws, arn)
    assert seen[-1] == "AVAILABLE", (seen, found["state"])
    order = ["PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "AVAILABLE"]
    assert seen == [state for state in order if state in seen], seen
    assert found["version"] == "1.0.0/1" and found["tags"] == {"run": aws.run} and found["imageRecipe"]["arn"] == recipe
    [ami] = found["outputResources"]["amis"]
    assert ami["region"] == aws.region and ami["name"].startswith("made 20") and "{" not in ami["name"], ami
    [there] = aws.ec2.describe_images(ImageIds=[ami["image"]])["Images"]
    tags = untag(there["Tags"])
    assert tags == {"CreatedBy": "EC2 Image Builder", "Ec2ImageBuilderArn": arn, "made-by": "recipe", "made": "yes"}, tags
    assert (there["Name"], there["Description"], there["State"]) == (ami["name"], "made", "available"), there
    permissions = aws.ec2.describe_image_attribute(ImageId=ami["image"], Attribute="launchPermission")["LaunchPermissions"]
    assert permissions == [{"UserId": "111122223333"}], permissions
    builders = instances(aws, arn)
    assert len(builders) == 2, builders
    for builder in builders:
        tags = untag(builder["Tags"])
        assert tags["CreatedBy"] == "EC2 Image Builder" and tags["purpose"] == "test", tags
        waiter = aws.ec2.get_waiter("instance_terminated")
        waiter.wait(InstanceIds=[builder["InstanceId"]], WaiterConfig=soon("terminated"))
    return found


def looked_at(aws, made):
    builder, arn = aws.imagebuilder, made["arn"]
    said = lines(aws, arn, made["loggingConfiguration"]["logGroupName"])
    for wanted in ("Stdout: hello from the build", "Stdout: validated", "Stdout: tested"):
        assert wanted in said, said
    assert said.index("Stdout: validated") > said.index("Stdout: hello from the build")
    workflows, _ = aws.pages(builder, "list_workflow_executions", imageBuildVersionArn=arn, PaginationConfig={"PageSize": 1})
    workflows = [one for page in workflows for one in page["workflowExecutions"]]
    assert [one["type"] for one in workflows] == ["BUILD", "TEST", "DISTRIBUTION"], workflows
    assert {one["status"] for one in workflows} == {"COMPLETED"}, workflows
    one = builder.get_workflow_execution(workflowExecutionId=workflows[0]["workflowExecutionId"])
    assert one["imageBuildVersionArn"] == arn and one["totalStepCount"] == 7 == one["totalStepsSucceeded"] + one["totalStepsSkipped"]
    pages, _ = aws.pages(builder, "list_workflow_step_executions", workflowExecutionId=one["workflowExecutionId"])
    steps = [step for page in pages for step in page["steps"]]
    assert [step["action"] for step in steps][:2] == ["LaunchInstance", "ExecuteComponents"], steps
    step = builder.get_workflow_step_execution(stepExecutionId=steps[0]["stepExecutionId"])
    assert step["status"] == "COMPLETED" and "instanceId" in step["outputs"], step
    unknown = "00000000-0000-0000-0000-000000000000"
    with aws.refused("ResourceNotFoundException"):
        builder.get_workflow_execution(workflowExecutionId=f"wf-{unknown}")
    with aws.refused("ResourceNotFoundException"):
        builder.get_workflow_step_execution(stepExecutionId=f"step-{unknown}")

    version = arn.rsplit("/", 1)[0]
    named = [{"name": "name", "values": [made["name"]]}]
    [listed] = builder.list_images(owner="Self", filters=named)["imageVersionList"]
    assert (listed["arn"], listed["version"]) == (version, "1.0.0"), listed
    assert "AMAZON_MANAGED" == builder.list_images(owner="Amazon")["imageVersionList"][0]["imageSource"]
    [build] = builder.list_image_build_versions(imageVersionArn=version)["imageSummaryList"]
    assert build["arn"] == arn and build["state"]["status"] == "AVAILABLE", build
    assert image(aws, version.replace("1.0.0", "x.x.x"))["arn"] == arn
    builder.tag_resource(resourceArn=arn, tags={"seen": "yes"})
    assert builder.list_tags_for_resource(resourceArn=arn)["tags"]["seen"] == "yes"


def child(aws, recipe_of, component, made, infrastructure):
    """A recipe on an image: it is not built without that, and that is not deleted before it."""
    wildcard = made["arn"].rsplit("/", 2)[0] + "/x.x.x"
    recipe = recipe_of(aws, "child", component, parentImage=wildcard)
    with aws.refused("ResourceDependencyException"):
        aws.imagebuilder.delete_image(imageBuildVersionArn=made["arn"])
    untested = {"imageTestsConfiguration": {"imageTestsEnabled": False}}
    found, _ = ended(aws, image_of(aws, recipe, infrastructure, **untested))
    assert found["state"]["status"] == "AVAILABLE", found["state"]
    [ami] = found["outputResources"]["amis"]
    assert ami["name"].startswith(found["name"] + " 20"), ami
    workflows = aws.imagebuilder.list_workflow_executions(imageBuildVersionArn=found["arn"])["workflowExecutions"]
    assert [one["type"] for one in workflows] == ["BUILD", "DISTRIBUTION"], workflows
    aws.imagebuilder.delete_image(imageBuildVersionArn=found["arn"])
    aws.imagebuilder.delete_image_recipe(imageRecipeArn=recipe)
    aws.ec2.deregister_image(ImageId=ami["image"], DeleteAssociatedSnapshots=True)


def fails(aws, component_of, recipe_of, infrastructure):
    builder = aws.imagebuilder
    component = component_of(aws, "fails", FAILS)
    recipe = recipe_of(aws, "fails", component)
    found, seen = ended(aws, image_of(aws, recipe, infrastructure))
    state = found["state"]
    assert seen[-1] == "FAILED" and f"Document {component} failed!" in state["reason"], state
    context = state["failureContext"]
    assert (context["imageStatus"], context["failedStep"]) == ("BUILDING", "ApplyBuildComponents"), context
    failure = context["componentFailure"]
    assert (failure["componentArn"], failure["phaseName"], failure["stepName"]) == (component, "build", "second"), failure
    assert found["outputResources"].get("amis", []) == []
    step = builder.get_workflow_step_execution(stepExecutionId=context["stepExecutionId"])
    assert step["status"] == "FAILED", step
    workflow = builder.get_workflow_execution(workflowExecutionId=context["workflowExecutionId"])
    assert (workflow["status"], workflow["totalStepsFailed"]) == ("FAILED", 1), workflow
    said = lines(aws, found["arn"], found["loggingConfiguration"]["logGroupName"])
    assert "Stderr: what went wrong" in said, said
    assert {one["State"]["Name"] for one in instances(aws, found["arn"])} <= {"shutting-down", "terminated"}
    with aws.refused("InvalidRequestException"):
        builder.cancel_image_creation(imageBuildVersionArn=found["arn"])
    builder.delete_image(imageBuildVersionArn=found["arn"])
    builder.delete_image_recipe(imageRecipeArn=recipe)
    builder.delete_component(componentBuildVersionArn=component)


def cancelled(aws, component_of, recipe_of, infrastructure):
    builder = aws.imagebuilder
    component = component_of(aws, "sleeps", FAILS.replace("exit 3", "sleep 300"))
    recipe = recipe_of(aws, "sleeps", component)
    arn = image_of(aws, recipe, infrastructure)
    for _ in range(300):
        if image(aws, arn)["state"]["status"] == "BUILDING":
            break
        time.sleep(0.2)
    with aws.refused("InvalidRequestException"):
        builder.delete_image(imageBuildVersionArn=arn)
    token = f"cancel-{aws.run}"
    for _ in range(2):
        builder.cancel_image_creation(imageBuildVersionArn=arn, clientToken=token)
    found, _ = ended(aws, arn)
    assert found["state"]["status"] == "CANCELLED", found["state"]
    assert {one["State"]["Name"] for one in instances(aws, arn)} <= {"shutting-down", "terminated"}
    builder.delete_image(imageBuildVersionArn=arn)
    builder.delete_image_recipe(imageRecipeArn=recipe)
    builder.delete_component(componentBuildVersionArn=component)


def refused(aws, recipe, infrastructure):
    with aws.refused("ResourceNotFoundException"):
        image_of(aws, recipe.replace("1.0.0", "9.0.0"), infrastructure)
    with aws.refused("ResourceNotFoundException"):
        image_of(aws, recipe, infrastructure + "-not")
    with aws.refused("InvalidParameterCombinationException"):
        image_of(aws, recipe, infrastructure, loggingConfiguration={"logGroupName": "elsewhere"})
    with aws.refused("InvalidParameterCombinationException"):
        workflow = f"arn:aws:imagebuilder:{aws.region}:aws:workflow/build/build-image/x.x.x"
        image_of(aws, recipe, infrastructure, workflows=[{"workflowArn": workflow}])
    with aws.refused("InvalidParameterValueException"):
        image_of(aws, recipe, infrastructure, imageTestsConfiguration={"timeoutMinutes": 2000})
    with aws.refused("ResourceNotFoundException"):
        aws.imagebuilder.get_image(imageBuildVersionArn=recipe.replace(":image-recipe/", ":image/") + "/99")
