"""As _avx512_f32.pyi, which states the contract."""

from ._avx512_f32 import *
