"""Every input error is raised here: what was given, what was expected, and what to do about it.

Files by what is checked; a name is found in the package, whatever file it is in.
"""

from .batched import *
from .callbacks import *
from .checkpoints import *
from .data import *
from .drawn import *
from .estimators import *
from .exports import *
from .files import *
from .folds import *
from .formulas import *
from .labels import *
from .many import *
from .metrics import *
from .networks import *
from .noise import *
from .targets import *
from .values import *
from .warned import *
from .words import *
