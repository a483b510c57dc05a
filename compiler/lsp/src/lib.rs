//! The language server: the only crate that knows the protocol.
//!
//! All thinking is in `align_compiler::ide`.  Here are the texts that are open in the editor, the columns that it counts in, and one file for
//! each request.  What a run did or would do is asked of a [`Host`], which knows the store.

mod documents;
mod handlers;
mod host;
mod message;
mod paths;
mod position;
mod server;
mod tell;

#[cfg(test)]
mod tests;

pub use host::{Host, Known, NodeKnown};
pub use lsp_server::Connection;

/// Serves one editor until it says `exit`, or is gone.  True if it said `shutdown` before.
pub fn serve(connection: &Connection, host: &dyn Host) -> bool {
    server::Server::run(connection, host)
}

/// The same over standard input and output.
pub fn serve_stdio(host: &dyn Host) -> std::io::Result<bool> {
    let (connection, threads) = Connection::stdio();
    let proper = serve(&connection, host);
    drop(connection);
    threads.join()?;
    Ok(proper)
}
