//! Floor 1: one file per family of depth networks. Tensors in, tensors out.
