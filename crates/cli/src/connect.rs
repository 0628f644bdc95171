//! From the global arguments to an open session.

use regionctl_aws::provider::Aws;
use regionctl_aws::session::{Access, PauseListener, Session, Settings};
use regionctl_core::spec::Spec;

use crate::args::Global;
use crate::exit::Failed;

/// Opens sessions for one run; a sandbox is opened once.
pub struct Connector<'a> {
    global: &'a Global,
    #[cfg(feature = "sandbox")]
    sandbox: Option<regionctl_sandbox::Sandbox>,
}

impl<'a> Connector<'a> {
    pub async fn new(global: &'a Global) -> Result<Self, Failed> {
        #[cfg(feature = "sandbox")]
        let sandbox = match &global.sandbox {
            Some(path) => Some(crate::cmd::sandbox::open(path).await?),
            None => None,
        };
        #[cfg(not(feature = "sandbox"))]
        std::future::ready(()).await;
        Ok(Self {
            global,
            #[cfg(feature = "sandbox")]
            sandbox,
        })
    }

    /// Opens a session in the spec's region.
    pub async fn open(&self, spec: &Spec, access: Access, on_pause: Option<PauseListener>) -> Aws {
        let settings = Settings {
            region: spec.region.clone(),
            profile: self.global.profile.clone().or_else(|| spec.access.profile.clone()),
            role: spec.access.role.clone(),
            endpoint_url: self.global.endpoint_url.clone(),
            access,
            http: self.http(),
            on_pause,
        };
        Aws::new(Session::open(settings).await)
    }

    #[cfg(feature = "sandbox")]
    fn http(&self) -> Option<regionctl_aws::session::OwnHttp> {
        self.sandbox.as_ref().map(|sandbox| (sandbox.http_client(), sandbox.credentials()))
    }

    #[cfg(not(feature = "sandbox"))]
    fn http(&self) -> Option<regionctl_aws::session::OwnHttp> {
        None
    }
}
