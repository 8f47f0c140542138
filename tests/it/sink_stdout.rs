//! Standard output: pipes, files, and readers that are slow or gone.
