#!/usr/bin/env python3
"""Translates nvcc's PTX to C++ that native/emulation executes in place of the kernels' C++ source.

Usage: ptx-to-cpp.py KERNELS.ptx OUT.cpp

What this shows that the emulated source cannot: nvcc's own lowering, its float64 and 16-bit sequences and its address
arithmetic. An instruction that is not known is an error, never skipped.
"""
import re
import sys

TYPES = {
    'pred': 'bool', 'b8': 'uint8_t', 'u8': 'uint8_t', 's8': 'int8_t', 'b16': 'uint16_t', 'u16': 'uint16_t',
    's16': 'int16_t', 'b32': 'uint32_t', 'u32': 'uint32_t', 's32': 'int32_t', 'b64': 'uint64_t', 'u64': 'uint64_t',
    's64': 'int64_t', 'f32': 'float', 'f64': 'double',
}
SIZES = {'8': 1, '16': 2, '32': 4, '64': 8}
SPECIAL_REGISTERS = {
    '%tid.x': 'place->thread.x', '%ntid.x': 'place->block_size.x', '%ctaid.x': 'place->block.x',
    '%nctaid.x': 'place->grid_size.x', '%cluster_nctarank': 'place->cluster_size',
    '%cluster_ctarank': 'place->cluster_rank', '%laneid': 'place->lane',
}
COMPARISONS = {
    'eq': '==', 'ne': '!=', 'lt': '<', 'le': '<=', 'gt': '>', 'ge': '>=', 'lo': '<', 'ls': '<=', 'hi': '>', 'hs': '>=',
}
# Comparisons that hold for NaN as well: the negation of the opposite.
UNORDERED = {'equ': '!=', 'neu': '==', 'ltu': '>=', 'leu': '>', 'gtu': '<=', 'geu': '<'}
INFIX = {'add': '+', 'sub': '-', 'mul': '*', 'div': '/', 'rem': '%', 'and': '&', 'or': '|', 'xor': '^'}


class Unknown(Exception):
    pass


def size_of(type_name):
    return SIZES[type_name.lstrip('busf')]


def is_float(type_name):
    return type_name in ('f32', 'f64')


def c_name(name):
    return name.replace('%', 'r_').replace('$', '_S_')


def split_operands(text):
    operands, depth, current = [], 0, ''
    for character in text:
        depth += character in '[{('
        depth -= character in ']})'
        if character == ',' and depth == 0:
            operands.append(current.strip())
            current = ''
        else:
            current += character
    return operands + ([current.strip()] if current.strip() else [])


def parameter_layout(parameters):
    """Name -> (offset, bytes), as the host packs them."""
    layout, end = {}, 0
    for parameter in split_operands(parameters):
        match = re.match(r'\.param (?:\.align (\d+) )?\.(\w+) (\w+)(?:\[(\d+)\])?', parameter)
        align, type_name, name, count = match.groups()
        size = size_of(type_name)
        align = int(align or size)
        end = (end + align - 1) // align * align
        layout[name] = (end, size * int(count or 1))
        end += layout[name][1]
    return layout


class Function:
    """One .entry or .func: its parameters' offsets, its registers, and its statements as C++."""

    def __init__(self, kind, name, result, parameters, body, shared, signatures):
        self.is_kernel = kind == 'entry'
        self.name = name
        self.offsets = parameter_layout(parameters)
        self.result = [n for n in parameter_layout(result)]
        self.signatures = signatures
        self.buffers = {}  # .param and .local variables of the body: bytes
        self.module_shared = shared
        self.shared = dict(shared)
        self.used_shared = []
        self.registers = []
        self.code = []
        self.barriers = 0
        for statement in self.statements(body):
            self.translate(statement)

    @staticmethod
    def statements(body):
        body = re.sub(r'(?m)^\s*([$\w]+):', r'label \1;', body)
        for text in body.replace('{\n', '').split(';'):
            text = ' '.join(text.split())
            text = re.sub(r'^[{} ]+(?=[a-z.@])', '', text)
            if text.strip('{} '):
                yield text

    # -------------------------------------------------------------------------------------------- operands

    def shared_symbol(self, name):
        if name not in self.used_shared:
            self.used_shared.append(name)
        return f'sh_{c_name(name)}'

    def bits(self, operand):
        if operand in SPECIAL_REGISTERS:
            return f'uint64_t({SPECIAL_REGISTERS[operand]})'
        if operand == 'WARP_SZ':
            return 'uint64_t{32}'
        if operand.startswith('%'):
            if '.' in operand:
                raise Unknown(f'special register {operand}')
            return c_name(operand)
        if operand in self.registers:
            return c_name(operand)
        if re.match(r'0[fFdD][0-9a-fA-F]+$', operand):
            return f'0x{operand[2:]}ull'
        if operand in self.offsets:
            return f'(uint64_t(parameters) + {self.offsets[operand][0]}u)'
        if operand in self.result:
            return 'uint64_t(result)'
        if operand in self.buffers:
            return f'uint64_t(buffer_{operand})'
        if operand in self.shared:
            return self.shared_symbol(operand)
        if re.match(r'-?(0x[0-9a-fA-F]+|\d+)U?$', operand):
            return f'uint64_t({operand.rstrip("U")}ll)' if not operand.startswith('0x') else f'{operand.rstrip("U")}ull'
        raise Unknown(f'operand {operand}')

    def read(self, operand, type_name):
        bits = self.bits(operand)
        if is_float(type_name):
            return f'from_bits<{TYPES[type_name]}>({bits})'
        if type_name == 'pred':
            return f'(({bits} & 1) != 0)'
        return f'{TYPES[type_name]}({bits})'

    def write(self, register, type_name, value):
        if register == '_':
            return ''
        if is_float(type_name):
            return f'{c_name(register)} = to_bits<{TYPES[type_name]}>({value});'
        unsigned = TYPES['b' + type_name[1:]] if type_name[0] in 'us' else TYPES[type_name]
        return f'{c_name(register)} = {unsigned}({value});'

    def address(self, operand, space):
        match = re.match(r'\[\s*([%$\w]+)\s*(?:\+\s*(-?\w+))?\s*\]$', operand)
        base, offset = match.groups()
        sum_ = f'{self.bits(base)} + uint64_t({offset or 0}ll)'
        return f'(shared_base + uint32_t({sum_}))' if space == 'shared' else f'({sum_})'

    # ------------------------------------------------------------------------------------------ statements

    def translate(self, statement):
        if statement.startswith('label '):
            self.code.append(f'{c_name(statement[6:])}:;')
            return
        if statement.startswith('.reg'):
            self.declare(statement)
            return
        if statement.startswith('.shared'):
            name, size, align = shared_variable(statement)
            self.shared[name] = (size, align)
            return
        if re.match(r'\.(param|local) ', statement):
            match = re.match(r'\.\w+ (?:\.align \d+ )?\.(\w+) ([$\w]+)(?:\[(\d+)\])?$', statement)
            size = size_of(match.group(1)) * int(match.group(3) or 1)
            self.buffers[match.group(2)] = max(size, self.buffers.get(match.group(2), 0))
            return
        if statement.startswith('.pragma'):
            return
        guard = ''
        match = re.match(r'@(!?)([%\w]+) (.*)', statement)
        if match:
            guard = f'if ({match.group(1)}({self.bits(match.group(2))} & 1)) '
            statement = match.group(3)
        opcode, _, rest = statement.partition(' ')
        handler = getattr(self, 'op_' + opcode.split('.')[0], None)
        if handler is None:
            raise Unknown(f'instruction {opcode}')
        self.code.append(f'{guard}{{ {handler(opcode.split("."), split_operands(rest))} }}')

    def declare(self, statement):
        match = re.match(r'\.reg \.(\w+) (.*)', statement)
        for name in split_operands(match.group(2)):
            many = re.match(r'(%?\w+)<(\d+)>', name)
            names = [f'{many.group(1)}{i}' for i in range(int(many.group(2)))] if many else [name]
            self.registers += [n for n in names if many or n not in self.registers]

    def infix(self, parts, operands):
        type_name, operation = parts[-1], parts[0]
        left, right = self.read(operands[1], type_name), self.read(operands[2], type_name)
        if type_name == 'pred':
            operation = {'and': '&&', 'or': '||', 'xor': '!='}[operation]
            return self.write(operands[0], type_name, f'{left} {operation} {right}')
        if is_float(type_name) and any(p in ('rm', 'rp', 'rz', 'sat', 'approx') for p in parts):
            raise Unknown('.'.join(parts))
        if operation == 'mul' and 'wide' in parts:
            wide = type_name[0] + str(16 * size_of(type_name))
            return self.write(operands[0], wide, f'{TYPES[wide]}({left}) * {TYPES[wide]}({right})')
        if operation == 'mul' and 'hi' in parts:
            wide = {'s': '__int128', 'u': 'unsigned __int128'}[type_name[0]]
            return self.write(operands[0], type_name, f'({wide}({left}) * {wide}({right})) >> {8 * size_of(type_name)}')
        return self.write(operands[0], type_name, f'{self.wrapping(left, type_name)} {INFIX[operation]} '
                          f'{self.wrapping(right, type_name)}' if operation in ('add', 'sub', 'mul') else
                          f'{left} {INFIX[operation]} {right}')

    @staticmethod
    def wrapping(value, type_name):
        """Signed arithmetic wraps in PTX and is undefined in C++."""
        return value if is_float(type_name) else f'uint64_t({value})'

    op_add = op_sub = op_mul = op_div = op_rem = op_and = op_or = op_xor = infix

    def op_mad(self, parts, operands):
        type_name = parts[-1]
        if 'wide' in parts:
            wide = type_name[0] + str(16 * size_of(type_name))
            product = f'{TYPES[wide]}({self.read(operands[1], type_name)}) * {TYPES[wide]}({self.read(operands[2], type_name)})'
            return self.write(operands[0], wide, f'{product} + {self.read(operands[3], wide)}')
        if 'lo' not in parts:
            raise Unknown('.'.join(parts))
        a, b, c = (f'uint64_t({self.read(o, type_name)})' for o in operands[1:4])
        return self.write(operands[0], type_name, f'{a} * {b} + {c}')

    def op_fma(self, parts, operands):
        type_name = parts[-1]
        function = {'rn': 'std::fma', 'rm': 'fma_down'}.get(parts[1])
        if function is None or (function == 'fma_down' and type_name != 'f32'):
            raise Unknown('.'.join(parts))
        return self.write(operands[0], type_name, f'{function}({", ".join(self.read(o, type_name) for o in operands[1:])})')

    def op_rcp(self, parts, operands):
        x = self.read(operands[1], parts[-1])
        if parts == ['rcp', 'approx', 'ftz', 'f64']:
            return self.write(operands[0], 'f64', f'rough_reciprocal({x})')
        if parts[1] == 'rn' or parts == ['rcp', 'approx', 'f32']:
            return self.write(operands[0], parts[-1], f'1 / {x}')
        raise Unknown('.'.join(parts))

    def op_ex2(self, parts, operands):
        x = self.read(operands[1], 'f32')
        if parts == ['ex2', 'approx', 'f32']:
            return self.write(operands[0], 'f32', f'std::exp2({x})')
        if parts != ['ex2', 'approx', 'ftz', 'f32']:
            raise Unknown('.'.join(parts))
        return self.write(operands[0], 'f32', f'approximate_exp2(flush({x}))')

    def op_sqrt(self, parts, operands):
        if parts[1] != 'rn':
            raise Unknown('.'.join(parts))
        return self.write(operands[0], parts[-1], f'std::sqrt({self.read(operands[1], parts[-1])})')

    def extreme(self, parts, operands):
        type_name, operation = parts[-1], parts[0]
        left, right = self.read(operands[1], type_name), self.read(operands[2], type_name)
        if parts == ['max', 'NaN', 'f32']:
            return self.write(operands[0], type_name, f'{left} > {right} || {left} != {left} ? {left} : {right}')
        if len(parts) > 2:
            raise Unknown('.'.join(parts))
        if is_float(type_name):
            return self.write(operands[0], type_name, f'std::f{operation}({left}, {right})')
        sign = '<' if operation == 'min' else '>'
        return self.write(operands[0], type_name, f'{left} {sign} {right} ? {left} : {right}')

    op_min = op_max = extreme

    def op_abs(self, parts, operands):
        x = self.read(operands[1], parts[-1])
        return self.write(operands[0], parts[-1], f'std::fabs({x})' if is_float(parts[-1]) else f'{x} < 0 ? -{x} : {x}')

    def op_neg(self, parts, operands):
        x = self.read(operands[1], parts[-1])
        return self.write(operands[0], parts[-1], f'-{x}' if is_float(parts[-1]) else f'0 - uint64_t({x})')

    def op_not(self, parts, operands):
        return self.write(operands[0], parts[-1], f'{"!" if parts[-1] == "pred" else "~"}{self.read(operands[1], parts[-1])}')

    def op_copysign(self, parts, operands):
        sign, magnitude = self.read(operands[1], parts[-1]), self.read(operands[2], parts[-1])
        return self.write(operands[0], parts[-1], f'std::copysign({magnitude}, {sign})')

    def shift(self, parts, operands):
        type_name = parts[-1]
        width, value = 8 * size_of(type_name), self.read(operands[1], type_name)
        amount = self.read(operands[2], 'u32')
        if parts[0] == 'shl':
            return self.write(operands[0], type_name, f'{amount} >= {width} ? 0 : uint64_t({value}) << {amount}')
        beyond = f'({value} < 0 ? -1 : 0)' if type_name[0] == 's' else '0'
        return self.write(operands[0], type_name, f'{amount} >= {width} ? {beyond} : {value} >> {amount}')

    op_shl = op_shr = shift

    def op_shf(self, parts, operands):
        if parts not in (['shf', 'r', 'wrap', 'b32'], ['shf', 'l', 'wrap', 'b32']):
            raise Unknown('.'.join(parts))
        low, high, amount = (self.read(o, 'u32') for o in operands[1:4])
        pair = f'(uint64_t({high}) << 32 | {low})'
        value = f'{pair} >> ({amount} & 31)' if parts[1] == 'r' else f'({pair} << ({amount} & 31)) >> 32'
        return self.write(operands[0], 'b32', value)

    def op_bfi(self, parts, operands):
        a, b = self.read(operands[1], parts[-1]), self.read(operands[2], parts[-1])
        return self.write(operands[0], parts[-1], f'inserted({a}, {b}, {self.read(operands[3], "u32")}, {self.read(operands[4], "u32")})')

    def op_bfe(self, parts, operands):
        if parts[-1][0] != 'u':
            raise Unknown('.'.join(parts))
        x, at, length = self.read(operands[1], 'u64'), self.read(operands[2], 'u32'), self.read(operands[3], 'u32')
        return self.write(operands[0], parts[-1], f'({x} >> {at}) & ((uint64_t{{1}} << {length}) - 1)')

    def op_prmt(self, parts, operands):
        if parts != ['prmt', 'b32']:
            raise Unknown('.'.join(parts))
        return self.write(operands[0], 'b32', f'permuted({", ".join(self.read(o, "b32") for o in operands[1:])})')

    def op_selp(self, parts, operands):
        a, b = self.read(operands[1], parts[-1]), self.read(operands[2], parts[-1])
        return self.write(operands[0], parts[-1], f'{self.read(operands[3], "pred")} ? {a} : {b}')

    def op_setp(self, parts, operands):
        comparison, type_name = parts[1], parts[-1]
        left, right = self.read(operands[1], type_name), self.read(operands[2], type_name)
        if len(parts) > 3 and 'ftz' not in parts:
            raise Unknown('.'.join(parts))
        if comparison == 'nan':
            value = f'std::isnan({left}) || std::isnan({right})'
        elif comparison == 'num':
            value = f'!(std::isnan({left}) || std::isnan({right}))'
        elif comparison in UNORDERED:
            value = f'!({left} {UNORDERED[comparison]} {right})'
        elif comparison == 'ne' and is_float(type_name):
            value = f'{left} < {right} || {left} > {right}'
        else:
            value = f'{left} {COMPARISONS[comparison]} {right}'
        return self.write(operands[0], 'pred', value)

    def op_mov(self, parts, operands):
        type_name, (target, source) = parts[-1], operands
        if target.startswith('{'):
            pieces = split_operands(target.strip('{}'))
            width = 8 * size_of(type_name) // len(pieces)
            bits = self.read(source, type_name)
            return ' '.join(self.write(p, f'b{width}', f'{bits} >> {width * i}') for i, p in enumerate(pieces))
        if source.startswith('{'):
            pieces = split_operands(source.strip('{}'))
            width = 8 * size_of(type_name) // len(pieces)
            joined = ' | '.join(f'uint64_t({self.read(p, f"b{width}")}) << {width * i}' for i, p in enumerate(pieces))
            return self.write(target, type_name, joined)
        return self.write(target, type_name, self.read(source, type_name))

    def op_cvt(self, parts, operands):
        modifiers, target, source = parts[1:-2], parts[-2], parts[-1]
        if target == 'bf16' and source == 'f32' and modifiers == ['rn']:
            return self.write(operands[0], 'b16', f'core::float_to_bfloat16({self.read(operands[1], "f32")})')
        if target == 'f16' and source == 'f32' and modifiers == ['rn']:
            return self.write(operands[0], 'b16', f'core::float_to_float16({self.read(operands[1], "f32")})')
        if target == 'f32' and source == 'bf16' and not modifiers:
            return self.write(operands[0], 'f32', f'core::bfloat16_to_float({self.read(operands[1], "b16")})')
        if target == 'f32' and source == 'f16' and not modifiers:
            return self.write(operands[0], 'f32', f'core::float16_to_float({self.read(operands[1], "b16")})')
        x = self.read(operands[1], source)
        if modifiers == ['sat'] and target == source == 'f32':
            return self.write(operands[0], 'f32', f'saturated({x})')
        rounding = {'rni': 'std::nearbyint', 'rmi': 'std::floor', 'rpi': 'std::ceil', 'rzi': 'std::trunc'}
        if modifiers and modifiers[0] in rounding and len(modifiers) == 1:
            x = f'{rounding[modifiers[0]]}({x})'
        elif modifiers not in ([], ['rn']):
            raise Unknown('.'.join(parts))
        if is_float(source) and not is_float(target):
            x = f'to_integer<{TYPES[target]}>({x})'
        return self.write(operands[0], target, f'{TYPES[target]}({x})')

    def op_cvta(self, parts, operands):
        if 'to' in parts and 'shared' in parts:
            return self.write(operands[0], 'u64', f'{self.read(operands[1], "u64")} - shared_base')
        if 'shared' in parts:
            return self.write(operands[0], 'u64', f'shared_base + {self.read(operands[1], "u64")}')
        return self.write(operands[0], 'u64', self.read(operands[1], 'u64'))

    def op_ld(self, parts, operands):
        type_name = parts[-1]
        targets = split_operands(operands[0].strip('{}'))
        address = self.address(operands[1], 'shared' if 'shared' in parts else 'generic')
        size = size_of(type_name)
        loads = ' '.join(self.write(t, type_name, f'load<{TYPES[type_name]}>(at + {size * i})') for i, t in enumerate(targets))
        return f'const uint64_t at = {address}; check_alignment(at, {size * len(targets)}); {loads}'

    def op_st(self, parts, operands):
        type_name = parts[-1]
        sources = split_operands(operands[1].strip('{}'))
        address = self.address(operands[0], 'shared' if 'shared' in parts else 'generic')
        size = size_of(type_name)
        stores = ' '.join(f'store<{TYPES[type_name]}>(at + {size * i}, {self.read(s, type_name)});' for i, s in enumerate(sources))
        return f'const uint64_t at = {address}; check_alignment(at, {size * len(sources)}); {stores}'

    def op_atom(self, parts, operands):
        function = {'add': 'atomic_add', 'min': 'atomic_min'}.get(parts[-2])
        if function is None or is_float(parts[-1]):
            raise Unknown('.'.join(parts))
        address = self.address(operands[1], 'shared' if 'shared' in parts else 'generic')
        return self.write(operands[0], parts[-1], f'{function}<{TYPES[parts[-1]]}>({address}, {self.read(operands[2], parts[-1])})')

    def op_red(self, parts, operands):
        return self.op_atom(['atom'] + parts[1:], ['_discarded'] + operands).replace('_discarded = ', '')

    def op_shfl(self, parts, operands):
        function = {'bfly': 'butterfly_shuffle', 'down': 'down_shuffle'}.get(parts[2])
        if function is None or parts[1] != 'sync' or parts[3:] != ['b32']:
            raise Unknown('.'.join(parts))
        target, _, predicate = operands[0].partition('|')
        arguments = ', '.join(self.read(o, 'b32') for o in operands[1:])
        text = self.write(target, 'b32', f'{function}({arguments})')
        return text + (f' {self.write(predicate, "pred", "true")}' if predicate else '')

    def op_bar(self, parts, operands):
        if parts[1] != 'sync' or operands not in (['0'],):
            raise Unknown('.'.join(parts))
        return 'block_barrier(nullptr, 0);'  # the compiler may have copied one barrier to several places

    def op_barrier(self, parts, operands):
        if parts[1] != 'cluster':
            raise Unknown('.'.join(parts))
        return 'cluster_arrive();' if parts[2] == 'arrive' else 'cluster_wait();'

    def op_mapa(self, parts, operands):
        if parts != ['mapa', 'u64']:
            raise Unknown('.'.join(parts))
        own = f'reinterpret_cast<const void*>({self.read(operands[1], "u64")})'
        return self.write(operands[0], 'u64', f'uint64_t(remote_shared({own}, {self.read(operands[2], "u32")}))')

    def op_call(self, parts, operands):
        results = split_operands(operands.pop(0).strip('()')) if operands[0].startswith('(') else []
        callee, arguments = operands[0], split_operands(operands[1].strip('()')) if len(operands) > 1 else []
        if callee not in self.signatures:
            raise Unknown(f'call of {callee}')
        layout = list(self.signatures[callee].values())
        size = max([offset + count for offset, count in layout] + [1])
        copies = ' '.join(f'memcpy(arguments + {offset}, buffer_{a}, {count});' for a, (offset, count) in zip(arguments, layout, strict=True))
        result = f'buffer_{results[0]}' if results else 'nullptr'
        return f'alignas(16) char arguments[{size}]; {copies} ptx_{callee}(arguments, {result});'

    def op_bra(self, parts, operands):
        return f'goto {c_name(operands[0])};'

    def op_ret(self, parts, operands):
        return 'return;'

    op_exit = op_ret

    # ------------------------------------------------------------------------------------------------ output

    def text(self):
        lines = [f'{self.declaration()} {{',
                 '  [[maybe_unused]] const uint64_t shared_base = uint64_t(dynamic_shared());']
        for name in self.used_shared:
            size, align = self.shared[name]
            symbol = f'sh_{c_name(name)}'
            if size is None:  # the kernel's dynamic shared memory
                lines.append(f'  const uint64_t {symbol} = 0;')
            else:
                if name not in self.module_shared:
                    lines.append(f'  static const char key_{symbol} = 0;')
                lines.append(f'  const uint64_t {symbol} = uint64_t(static_shared(&key_{symbol}, {size}, {align})) - shared_base;')
        lines += [f'  alignas(16) char buffer_{n}[{size}];' for n, size in self.buffers.items()]
        used = set(re.findall(r'\br_\w+|\b[a-z]\w*\b', '\n'.join(self.code)))
        names = [c_name(r) for r in self.registers if c_name(r) in used]
        lines += [f'  uint64_t {n} = 0;' for n in names]
        return '\n'.join(lines + ['  ' + c for c in self.code] + ['}'])

    def function(self):
        return f'ptx_{self.name}'

    def declaration(self):
        result = '' if self.is_kernel else ', [[maybe_unused]] char* result'
        return f'void {self.function()}([[maybe_unused]] const char* parameters{result})'


def shared_variable(statement):
    match = re.match(r'(?:\.extern )?\.shared (?:\.align (\d+) )?\.(\w+) ([$\w]+)(?:\[(\d*)\])?$', statement)
    align, type_name, name, count = match.groups()
    size = None if count == '' else size_of(type_name) * int(count or 1)
    return name, size, int(align or size_of(type_name))


def functions_of(text):
    text = re.sub(r'//[^\n]*', '', re.sub(r'/\*.*?\*/', ' ', text, flags=re.S))
    found, outside, end = [], '', 0
    for match in re.finditer(r'(?:\.visible |\.weak )?\.(entry|func)\s*(\([^)]*\))?\s*(\w+)\s*\(([^)]*)\)[^{;]*([{;])', text):
        if match.start() < end:
            continue
        kind, result, name, parameters, opening = match.groups()
        depth, at = (1 if opening == '{' else 0), match.end()
        while depth > 0:
            depth += {'{': 1, '}': -1}.get(text[at], 0)
            at += 1
        body = text[match.end():at - 1] if opening == '{' else None
        found.append((kind, name, (result or '').strip('()').strip(), ' '.join(parameters.split()), body))
        outside += text[end:match.start()]
        end = at
    shared = {}
    for statement in (outside + text[end:]).split(';'):
        statement = ' '.join(statement.split())
        if '.shared' in statement:
            name, size, align = shared_variable(statement[statement.index('.extern' if '.extern' in statement else '.shared'):])
            shared[name] = (size, align)
        elif re.match(r'(\.visible |\.weak )?\.(global|const|func)', statement):
            raise Unknown(f'module-level {statement[:80]}')
    signatures = {name: parameter_layout(parameters) for kind, name, _, parameters, _ in found if kind == 'func'}
    functions = [Function(kind, name, result, parameters, body, shared, signatures)
                 for kind, name, result, parameters, body in found if body is not None]
    return functions, shared


def main():
    source, target = sys.argv[1:3]
    with open(source) as file:
        try:
            functions, shared = functions_of(file.read())
        except Unknown as what:
            sys.exit(f'{source}: no translation for {what}')
    kernels = [function for function in functions if function.is_kernel]
    with open(target, 'w') as file:
        file.write('// Written by scripts/cuda/ptx-to-cpp.py.\n#include "core/half.h"\n#include "emulation/translated.h"\n\n')
        for kernel in kernels:
            file.write(f'extern "C" void {kernel.name}() __attribute__((weak));\n')
        file.write('\nnamespace lpreg::emulation::translated {\nnamespace {\n\n')
        # A function that nvcc moved out of a kernel may name the kernel's shared variables.
        file.writelines(f'[[maybe_unused]] const char key_sh_{c_name(name)} = 0;\n' for name in shared)
        file.writelines(f'{function.declaration()};\n' for function in functions)
        file.write('\n' + '\n\n'.join(function.text() for function in functions))
        file.write('\n\nconst bool registered = [] {\n  use_translations({\n')
        for kernel in kernels:
            file.write(f'      {{reinterpret_cast<const void*>(&{kernel.name}), {kernel.function()}}},\n')
        file.write('  });\n  return true;\n}();\n\n}  // namespace\n}  // namespace lpreg::emulation::translated\n')
    print(f'{target}: {len(kernels)} kernels')


if __name__ == '__main__':
    main()
