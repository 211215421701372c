//! Floor 1: the catalog of networks, and reading checkpoints safely.
