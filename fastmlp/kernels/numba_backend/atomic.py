"""What threads that share memory need: single steps on a word that all see, and ways to wait."""

import os

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .memory import ON_X86


@intrinsic
def fetch(typingctx, address):
    """Have the line of memory at an address brought into the cache."""

    def codegen(context, builder, sig, args):
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [builder.inttoptr(args[0], byte), number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.none(types.int64), codegen


@intrinsic
def atomic_load(typingctx, p):
    """p[0], and after it all that was written before the store that is read."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(args[0], "acquire", 8)

    return types.int64(p), codegen


@intrinsic
def atomic_store(typingctx, p, x):
    """p[0] = x, once all before it is written."""

    def codegen(context, builder, sig, args):
        builder.store_atomic(args[1], args[0], "release", 8)
        return context.get_dummy_value()

    return types.none(p, types.int64), codegen


@intrinsic
def atomic_add(typingctx, p, x):
    """p[0] += x, as one step; returns what it was."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("add", args[0], args[1], "seq_cst")

    return types.int64(p, types.int64), codegen


@intrinsic
def compare_exchange(typingctx, p, old, new):
    """Write p[0] = new where it is `old`, as one step; returns whether it was."""

    def codegen(context, builder, sig, args):
        found = builder.cmpxchg(args[0], args[1], args[2], "seq_cst", "acquire")
        return builder.extract_value(found, 1)

    return types.boolean(p, types.int64, types.int64), codegen


@intrinsic
def give_way(typingctx):
    """Let another thread have this core, where the system has a call for that."""

    def codegen(context, builder, sig, args):
        if os.name == "posix":
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.none(), codegen


@intrinsic
def pause(typingctx):
    """Tell the processor that a loop waits."""

    def codegen(context, builder, sig, args):
        if ON_X86:
            kind = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [])
        return context.get_dummy_value()

    return types.none(), codegen
