"""As _avx512_f32.pyi, which states the contract."""

from ._avx512_f32 import (
    activate as activate,
)
from ._avx512_f32 import (
    activation_gradient as activation_gradient,
)
from ._avx512_f32 import (
    add_noise as add_noise,
)
from ._avx512_f32 import (
    all_finite as all_finite,
)
from ._avx512_f32 import (
    declared as declared,
)
from ._avx512_f32 import (
    dismiss as dismiss,
)
from ._avx512_f32 import (
    lanes as lanes,
)
from ._avx512_f32 import (
    lanes_bytes as lanes_bytes,
)
from ._avx512_f32 import (
    learn as learn,
)
from ._avx512_f32 import (
    matmul_stack as matmul_stack,
)
from ._avx512_f32 import (
    multiply as multiply,
)
from ._avx512_f32 import (
    multiply_tn as multiply_tn,
)
from ._avx512_f32 import (
    normals as normals,
)
from ._avx512_f32 import (
    predict as predict,
)
from ._avx512_f32 import (
    prepare as prepare,
)
from ._avx512_f32 import (
    prepare_lanes as prepare_lanes,
)
from ._avx512_f32 import (
    shuffle as shuffle,
)
from ._avx512_f32 import (
    train as train,
)
from ._avx512_f32 import (
    train_lanes as train_lanes,
)
from ._avx512_f32 import (
    update as update,
)
from ._avx512_f32 import (
    work as work,
)
from ._avx512_f32 import (
    workspace_bytes as workspace_bytes,
)
