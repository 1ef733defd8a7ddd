"""Pointers for Numba: the few LLVM instructions that its arrays stand in the way of.

A pointer is `types.CPointer`; `at`, `put` and `shift` are one load, store and address each.
"""

import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

ON_X86 = platform.machine() in ("x86_64", "AMD64", "i686")


@intrinsic
def pointer(typingctx, address, like):
    """The integer `address` as a pointer to numbers of `like`'s type."""

    def codegen(context, builder, sig, args):
        return builder.inttoptr(args[0], context.get_value_type(sig.return_type))

    return types.CPointer(like)(types.int64, like), codegen


@intrinsic
def address(typingctx, p):
    """The pointer `p` as an integer."""

    def codegen(context, builder, sig, args):
        return builder.ptrtoint(args[0], ir.IntType(64))

    return types.int64(p), codegen


@intrinsic
def at(typingctx, p, i):
    """p[i]"""

    def codegen(context, builder, sig, args):
        value = builder.load(builder.gep(args[0], [args[1]]))
        return context.data_model_manager[sig.return_type].from_data(builder, value)

    return p.dtype(p, types.int64), codegen


@intrinsic
def put(typingctx, p, i, value):
    """p[i] = value"""

    def codegen(context, builder, sig, args):
        value = context.cast(builder, args[2], sig.args[2], sig.args[0].dtype)
        builder.store(value, builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.none(p, types.int64, value), codegen


@intrinsic
def shift(typingctx, p, n):
    """p + n elements"""

    def codegen(context, builder, sig, args):
        return builder.gep(args[0], [args[1]])

    return p(p, types.int64), codegen


@intrinsic
def view(typingctx, p, like):
    """The same pointer, to numbers of `like`'s type."""

    def codegen(context, builder, sig, args):
        return builder.bitcast(args[0], context.get_value_type(sig.return_type))

    return types.CPointer(like)(p, like), codegen


@intrinsic
def cast(typingctx, value, p):
    """A number as the type that `p` points to."""

    def codegen(context, builder, sig, args):
        return context.cast(builder, args[0], sig.args[0], sig.return_type)

    return p.dtype(value, p), codegen


@intrinsic
def lowest_bit(typingctx, n):
    """The number of the lowest bit set in n, which is not 0."""

    def codegen(context, builder, sig, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


@intrinsic
def call_next_uint32(typingctx, function, state):
    """Call a bit generator's next_uint32, given the two addresses."""

    def codegen(context, builder, sig, args):
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(8).as_pointer()])
        f = builder.inttoptr(args[0], kind.as_pointer())
        return builder.call(f, [builder.inttoptr(args[1], ir.IntType(8).as_pointer())])

    return types.uint32(types.int64, types.int64), codegen


@intrinsic
def exchange_float_control(typingctx, new):
    """Write the SSE control word where `new` is not negative; return what it was (0 elsewhere than x86).

    Bits 15 and 6 flush denormal results and operands to zero.
    """

    def codegen(context, builder, sig, args):
        if not ON_X86:
            return ir.Constant(ir.IntType(64), 0)
        word = cgutils.alloca_once(builder, ir.IntType(32))
        byte = builder.bitcast(word, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [byte.type])
        read = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse.stmxcsr")
        write = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse.ldmxcsr")
        builder.call(read, [byte])
        old = builder.zext(builder.load(word), ir.IntType(64))
        with builder.if_then(builder.icmp_signed(">=", args[0], ir.Constant(ir.IntType(64), 0))):
            builder.store(builder.trunc(args[0], ir.IntType(32)), word)
            builder.call(write, [byte])
        return old

    return types.int64(types.int64), codegen


# -- the table of words: `c` points to int64 words, some of which are addresses of arrays ----------------


def _element(builder, c, slot, i, element):
    """Where element i of the array lies whose address is word `slot` of c."""
    base = builder.inttoptr(builder.load(builder.gep(c, [slot])), element.as_pointer())
    return builder.gep(base, [i])


def _reader(kind, element):
    @intrinsic
    def function(typingctx, c, slot, i):
        def codegen(context, builder, sig, args):
            return builder.load(_element(builder, *args, element))

        return kind(c, types.int64, types.int64), codegen

    return function


def _writer(kind, element):
    @intrinsic
    def function(typingctx, c, slot, i, value):
        def codegen(context, builder, sig, args):
            builder.store(args[3], _element(builder, *args[:3], element))
            return context.get_dummy_value()

        return types.none(c, types.int64, types.int64, kind), codegen

    return function


word, number = _reader(types.int64, ir.IntType(64)), _reader(types.float64, ir.DoubleType())
set_word, set_number = _writer(types.int64, ir.IntType(64)), _writer(types.float64, ir.DoubleType())


@intrinsic
def array(typingctx, c, slot, like):
    """Word `slot` of c as a pointer to numbers of `like`'s type."""

    def codegen(context, builder, sig, args):
        address = builder.load(builder.gep(args[0], [args[1]]))
        return builder.inttoptr(address, context.get_value_type(sig.return_type))

    return types.CPointer(like)(c, types.int64, like), codegen


@intrinsic
def array_at(typingctx, c, slot, i, like):
    """Word i of the array whose address is word `slot` of c, as a pointer to numbers of `like`'s type."""

    def codegen(context, builder, sig, args):
        address = builder.load(_element(builder, *args[:3], ir.IntType(64)))
        return builder.inttoptr(address, context.get_value_type(sig.return_type))

    return types.CPointer(like)(c, types.int64, types.int64, like), codegen


@intrinsic
def convert(typingctx, address, kind, like):
    """The number at an address, as `like`'s type. kind: 0 float32, 1 float64, 2 uint8, 3 int32, 4 int64."""
    kinds = (types.float32, types.float64, types.uint8, types.int32, types.int64)

    def codegen(context, builder, sig, args):
        result = cgutils.alloca_once(builder, context.get_value_type(like))
        end = builder.append_basic_block("end")
        switch = builder.switch(args[1], end)
        for code, given in enumerate(kinds):
            block = builder.append_basic_block(str(given))
            switch.add_case(ir.Constant(ir.IntType(64), code), block)
            builder.position_at_end(block)
            value = builder.load(builder.inttoptr(args[0], context.get_value_type(given).as_pointer()))
            builder.store(context.cast(builder, value, given, like), result)
            builder.branch(end)
        builder.position_at_end(end)
        return builder.load(result)

    return like(types.int64, types.int64, like), codegen


def _caller(result):
    @intrinsic
    def function(typingctx, c, slot, *args):
        """Call the C function whose address is word `slot` of c."""
        plain = tuple(types.unliteral(a) for a in args)

        def codegen(context, builder, sig, values):
            c, slot, packed = values
            arguments = [
                context.cast(builder, value, given, wanted)
                for value, given, wanted in zip(
                    cgutils.unpack_tuple(builder, packed), sig.args[2], plain, strict=True
                )
            ]
            kind = ir.FunctionType(context.get_value_type(result), [a.type for a in arguments])
            f = builder.inttoptr(builder.load(builder.gep(c, [slot])), kind.as_pointer())
            return builder.call(f, arguments)

        return result(c, types.int64, types.StarArgTuple.from_types(args)), codegen

    return function


call, call_word = _caller(types.float64), _caller(types.int64)
