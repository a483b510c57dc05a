//! Where may data be fetched from that a program names and this machine does not have?

/// How to fetch.
#[derive(Clone, Copy)]
pub struct Fetching<'a> {
    /// Where D4RL's folders of files are; none: D4RL's own server.
    pub d4rl: Option<&'a str>,
    /// The hub that sets are fetched from; none: Hugging Face.
    pub hub: Option<&'a str>,
    /// Whose sets those of Minari are, such as `hf://farama-minari`, which is the default.
    pub remote: Option<&'a str>,
    /// Nothing may be fetched.
    pub offline: bool,
    /// Whether somebody asked to stop.
    pub stopped: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Fetching<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetching")
            .field("d4rl", &self.d4rl)
            .field("hub", &self.hub)
            .field("remote", &self.remote)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}
