//! Sessions with an editor out of memory: what it sends, what it gets.

mod session;
mod shapes;
mod stubborn;
mod traffic;
