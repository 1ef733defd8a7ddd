"""What computes: the kernels, one build of them for each instruction set and dtype, and what drives them."""
