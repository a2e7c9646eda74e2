//! TESTING: an instance of the new AMI, on which components run their tests.

use super::toe::Stage;
use super::{End, Life};
use serde_json::json;

impl Life {
    pub async fn test(&self, ami: &str) -> Result<(), End> {
        let instance = self
            .step(("LaunchTestInstance", "LaunchInstance"), json!({ "waitFor": "ssmAgent" }), self.launch(ami, "Test"))
            .await?;
        let inputs = json!({ "instanceId": instance });
        let stage = Stage { instance: &instance, phases: &["test"] };
        self.step(("ApplyTestComponents", "ExecuteComponents"), inputs.clone(), self.components(stage)).await?;
        self.skip("CollectImageScanFindings", "CollectImageScanFindings", "Images are not scanned.");
        match self.setting("terminateInstanceOnCompletion") {
            Some(false) => self.skip("TerminateTestInstance", "TerminateInstance", "The instance is to be kept."),
            _ => {
                let work = self.terminate(&instance);
                self.step(("TerminateTestInstance", "TerminateInstance"), inputs, work).await?;
            }
        }
        Ok(())
    }
}
