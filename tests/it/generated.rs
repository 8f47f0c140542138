//! Completions and manual are what the command line says.
