"""Pipelines of EC2 Image Builder: kept, changed, started by hand."""

import builds


def run(aws, recipe, infrastructure, distribution):
    builder = aws.imagebuilder
    schedule = {"scheduleExpression": "cron(0 0 * * ? *)", "timezone": "Etc/UTC", "autoDisablePolicy": {"failureCount": 3}}
    made = {
        "name": f"Pipe_line {aws.run}",
        "imageRecipeArn": recipe,
        "infrastructureConfigurationArn": infrastructure,
        "distributionConfigurationArn": distribution,
        "imageTestsConfiguration": {"imageTestsEnabled": False, "timeoutMinutes": 60},
        "schedule": schedule,
        "status": "DISABLED",
        "tags": {"run": aws.run},
    }
    token = f"pipeline-{aws.run}"
    arn = builder.create_image_pipeline(**made, clientToken=token)["imagePipelineArn"]
    assert arn.endswith(f":image-pipeline/pipe-line-{aws.run}"), arn
    assert builder.create_image_pipeline(**made, clientToken=token)["imagePipelineArn"] == arn
    with aws.refused("ResourceAlreadyExistsException"):
        builder.create_image_pipeline(**made)
    found = builder.get_image_pipeline(imagePipelineArn=arn)["imagePipeline"]
    assert (found["status"], found["platform"], found["consecutiveFailures"]) == ("DISABLED", "Linux", 0), found
    condition = found["schedule"]["pipelineExecutionStartCondition"]
    assert condition == "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE", condition
    for expression in ("every day", "cron(0 0 * * * *)", "rate(1 days)", "rate(0 days)"):
        with aws.refused("InvalidParameterValueException"):
            wrong = {**made, "name": f"wrong {aws.run}", "schedule": {"scheduleExpression": expression}}
            builder.create_image_pipeline(**wrong)
    for zone in ("Mars/Phobos", "europe/berlin", "Local"):
        with aws.refused("InvalidParameterValueException"):
            wrong = {**made, "name": f"wrong {aws.run}", "schedule": {**schedule, "timezone": zone}}
            builder.create_image_pipeline(**wrong)
    with aws.refused("ResourceNotFoundException"):
        builder.create_image_pipeline(**{**made, "name": f"wrong {aws.run}", "imageRecipeArn": recipe.replace("1.0.0", "9.0.0")})

    # What is off does not run next.
    assert "dateNextRun" not in found, found
    kept = ("imageRecipeArn", "infrastructureConfigurationArn", "distributionConfigurationArn")
    builder.update_image_pipeline(imagePipelineArn=arn, schedule=schedule, status="ENABLED", **{name: made[name] for name in kept})
    found = builder.get_image_pipeline(imagePipelineArn=arn)["imagePipeline"]
    assert found["dateNextRun"].endswith("T00:00:00.000Z"), found

    # What is not given again is gone.
    kept = ("imageRecipeArn", "infrastructureConfigurationArn", "distributionConfigurationArn", "imageTestsConfiguration")
    builder.update_image_pipeline(imagePipelineArn=arn, **{name: made[name] for name in kept})
    found = builder.get_image_pipeline(imagePipelineArn=arn)["imagePipeline"]
    assert found["status"] == "ENABLED" and "schedule" not in found and found["dateUpdated"], found
    named = [{"name": "name", "values": [made["name"]]}, {"name": "status", "values": ["ENABLED"]}]
    pages, _ = aws.pages(builder, "list_image_pipelines", filters=named)
    assert [one["arn"] for page in pages for one in page["imagePipelineList"]] == [arn]

    with aws.refused("ResourceDependencyException"):
        builder.delete_image_recipe(imageRecipeArn=recipe)
    with aws.refused("ResourceDependencyException"):
        builder.delete_infrastructure_configuration(infrastructureConfigurationArn=infrastructure)
    with aws.refused("ResourceDependencyException"):
        builder.delete_distribution_configuration(distributionConfigurationArn=distribution)

    with aws.refused("ResourceNotFoundException"):
        builder.start_image_pipeline_execution(imagePipelineArn=arn + "-not")
    assert builder.list_image_pipeline_images(imagePipelineArn=arn)["imageSummaryList"] == []
    started = {"imagePipelineArn": arn, "clientToken": f"start-{aws.run}", "tags": {"run": aws.run}}
    image = builder.start_image_pipeline_execution(**started)["imageBuildVersionArn"]
    assert builder.start_image_pipeline_execution(**started)["imageBuildVersionArn"] == image
    made, seen = builds.ended(aws, image)
    assert seen[-1] == "AVAILABLE" and made["sourcePipelineArn"] == arn, (seen, made["state"])
    pages, _ = aws.pages(builder, "list_image_pipeline_images", imagePipelineArn=arn)
    assert [one["arn"] for page in pages for one in page["imageSummaryList"]] == [image]
    found = builder.get_image_pipeline(imagePipelineArn=arn)["imagePipeline"]
    assert found["lastRunStatus"] == "AVAILABLE" and found["dateLastRun"], found
    builder.tag_resource(resourceArn=arn, tags={"colour": "green"})
    assert builder.list_tags_for_resource(resourceArn=arn)["tags"] == {"colour": "green", "run": aws.run}
    builder.delete_image_pipeline(imagePipelineArn=arn)
    with aws.refused("ResourceNotFoundException"):
        builder.get_image_pipeline(imagePipelineArn=arn)
    builder.delete_image(imageBuildVersionArn=image)
    for ami in made["outputResources"]["amis"]:
        aws.ec2.deregister_image(ImageId=ami["image"], DeleteAssociatedSnapshots=True)
