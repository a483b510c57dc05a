//! Where `run` and `watch` may fetch data from that a program names and this machine does not have.

use align_plan::{NodeId, Plan};
use align_runtime::{Interrupt, RunError, RunOptions};
use align_runtime_api::{Fetching, Library, RunEvent};
use clap::Args;

use crate::ui::fetching::Fetched;

#[derive(Args, Debug)]
pub(super) struct DownloadArgs {
    /// Where D4RL's folders of files are (default: D4RL's own server).
    #[arg(
        long,
        value_name = "URL",
        env = "ALIGN_D4RL_URL",
        hide_env_values = true
    )]
    d4rl_url: Option<String>,
    /// The hub that sets are fetched from (default: Hugging Face).
    #[arg(long, value_name = "URL", env = "HF_ENDPOINT", hide_env_values = true)]
    hub: Option<String>,
    /// Whose sets on the hub those of Minari are, such as `hf://farama-minari`.
    #[arg(long, value_name = "OWNER", env = "MINARI_REMOTE", hide = true)]
    minari_remote: Option<String>,
    /// Fetch nothing: data that is not here is an error.
    #[arg(long)]
    offline: bool,
}

impl DownloadArgs {
    /// Fetches what a run needs; the nodes whose data could not be had, and why.
    pub(super) fn fetch(
        &self,
        plan: &Plan,
        library: &dyn Library,
        options: &RunOptions,
        interrupt: &Interrupt,
        json: bool,
        on_event: &mut dyn FnMut(RunEvent),
    ) -> Result<Vec<(NodeId, String)>, RunError> {
        let stopped = || interrupt.asked();
        // An empty variable is none.
        let given = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        let (d4rl, hub) = (given(&self.d4rl_url), given(&self.hub));
        let remote = given(&self.minari_remote);
        let how = Fetching {
            d4rl: d4rl.as_deref(),
            hub: hub.as_deref(),
            remote: remote.as_deref(),
            offline: self.offline,
            stopped: &stopped,
        };
        let mut shown = Fetched::new(json);
        let mut last = None;
        let failed = align_runtime::fetch(plan, library, options, &how, &mut |share, text| {
            if json && last.is_none() {
                on_event(RunEvent::Note {
                    text: format!("fetching {text}"),
                });
            }
            last = Some(text.to_owned());
            shown.on(share, text);
        });
        shown.close();
        if let (Some(text), Ok([])) = (last, failed.as_deref()) {
            on_event(RunEvent::Note {
                text: format!("fetched {text}"),
            });
        }
        failed
    }
}
