//! Which operation a method and a path are.

/// Operations and their methods: most paths are an operation's name.
const OPERATIONS: &[(&str, &str)] = &[
    ("PUT", "CreateComponent"),
    ("GET", "GetComponent"),
    ("POST", "ListComponents"),
    ("POST", "ListComponentBuildVersions"),
    ("DELETE", "DeleteComponent"),
    ("PUT", "CreateImageRecipe"),
    ("GET", "GetImageRecipe"),
    ("POST", "ListImageRecipes"),
    ("DELETE", "DeleteImageRecipe"),
    ("PUT", "CreateInfrastructureConfiguration"),
    ("GET", "GetInfrastructureConfiguration"),
    ("PUT", "UpdateInfrastructureConfiguration"),
    ("POST", "ListInfrastructureConfigurations"),
    ("DELETE", "DeleteInfrastructureConfiguration"),
    ("PUT", "CreateDistributionConfiguration"),
    ("GET", "GetDistributionConfiguration"),
    ("PUT", "UpdateDistributionConfiguration"),
    ("POST", "ListDistributionConfigurations"),
    ("DELETE", "DeleteDistributionConfiguration"),
    ("PUT", "CreateImage"),
    ("GET", "GetImage"),
    ("POST", "ListImages"),
    ("POST", "ListImageBuildVersions"),
    ("PUT", "CancelImageCreation"),
    ("DELETE", "DeleteImage"),
    ("PUT", "CreateImagePipeline"),
    ("GET", "GetImagePipeline"),
    ("PUT", "UpdateImagePipeline"),
    ("POST", "ListImagePipelines"),
    ("DELETE", "DeleteImagePipeline"),
    ("PUT", "StartImagePipelineExecution"),
    ("POST", "ListImagePipelineImages"),
    ("POST", "ListWorkflowExecutions"),
    ("GET", "GetWorkflowExecution"),
    ("POST", "ListWorkflowStepExecutions"),
    ("GET", "GetWorkflowStepExecution"),
];

/// The operation's name; what nobody knows keeps its method and path.
pub fn action(method: &str, path: &str) -> String {
    let name = path.trim_start_matches('/');
    if name.starts_with("tags/") {
        match method {
            "GET" => return "ListTagsForResource".to_owned(),
            "POST" => return "TagResource".to_owned(),
            "DELETE" => return "UntagResource".to_owned(),
            _ => {}
        }
    }
    match OPERATIONS.contains(&(method, name)) {
        true => name.to_owned(),
        false => format!("{method} {path}"),
    }
}
