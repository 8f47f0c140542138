//! What is refused before anything is read, since it would lose, overwrite or show what nobody
//! meant.

mod beginning;
mod discarded;
mod program;
mod repeated;
mod reports;
mod roles;
mod secrets;
mod useless;
mod words;
