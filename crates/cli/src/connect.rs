// SPDX-License-Identifier: Apache-2.0
//! Opens AWS sessions with the global options.

use regionctl_aws::provider::Aws;
use regionctl_aws::session::{Access, PauseListener, Session, SessionSettings};
use regionctl_core::spec::Spec;
use regionctl_core::spec::read::CredentialSource;

use crate::args::Global;
use crate::exit::CommandError;

/// Opens the sessions of one run. The sandbox is opened once, because its file is locked.
pub struct Connector<'a> {
    global: &'a Global,
    #[cfg(feature = "sandbox")]
    sandbox: Option<regionctl_sandbox::Sandbox>,
}

impl<'a> Connector<'a> {
    /// Opens the sandbox if there is one; connects to nothing else.
    pub async fn new(global: &'a Global) -> Result<Self, CommandError> {
        #[cfg(feature = "sandbox")]
        let sandbox = match &global.sandbox {
            Some(path) => Some(crate::cmd::sandbox::open(path).await?),
            None => None,
        };
        // Without the sandbox nothing else is awaited, which Clippy reports (`unused_async`).
        #[cfg(not(feature = "sandbox"))]
        std::future::ready(()).await;
        Ok(Self {
            global,
            #[cfg(feature = "sandbox")]
            sandbox,
        })
    }

    /// Opens a session in the spec's region, with the spec's profile and role.
    pub async fn open(&self, spec: &Spec, access: Access, on_pause: Option<PauseListener>) -> Aws {
        self.connect(&spec.region, spec.access.clone(), access, on_pause).await
    }

    /// Opens a session in a region, with the caller's credentials.
    pub async fn open_region(&self, region: &str, access: Access) -> Aws {
        self.connect(region, CredentialSource::default(), access, None).await
    }

    async fn connect(
        &self,
        region: &str,
        credentials: CredentialSource,
        access: Access,
        on_pause: Option<PauseListener>,
    ) -> Aws {
        let settings = SessionSettings {
            region: region.to_owned(),
            profile: self.global.profile.clone().or(credentials.profile),
            role: credentials.role,
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
