"""GGUF files taken apart and put together again, every number at the caller's mercy."""
import copy
import dataclasses
import struct

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
FORMATS = {U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i", F32: "<f", BOOL: "<B",
    U64: "<Q", I64: "<q", F64: "<d"}
BLOCKS = {0: (1, 4), 1: (1, 2), 8: (32, 34), 30: (1, 2)}  # F32, F16, Q8_0, BF16: values, bytes


def string(text, length=None):
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw) if length is None else length) + raw


def scalar(kind, value):
    return string(value) if kind == STRING else struct.pack(FORMATS[kind], value)


def array(kind, values, length=None):
    values = list(values)
    head = struct.pack("<IQ", kind, len(values) if length is None else length)
    return head + b"".join(
        v if isinstance(v, bytes) and kind == ARRAY else scalar(kind, v) for v in values)


@dataclasses.dataclass
class Key:
    name: object
    kind: int
    raw: bytes  # the value as it stands in the file
    name_length: int = None

    def pack(self):
        return string(self.name, self.name_length) + struct.pack("<I", self.kind) + self.raw


@dataclasses.dataclass
class Tensor:
    name: object
    dims: list
    kind: int
    data: bytes
    offset: int = None  # None: where the data lands
    n_dims: int = None
    name_length: int = None

    def pack(self, offset):
        n = len(self.dims) if self.n_dims is None else self.n_dims
        return (
            string(self.name, self.name_length)
            + struct.pack("<I", n)
            + struct.pack(f"<{len(self.dims)}Q", *self.dims)
            + struct.pack("<IQ", self.kind, offset if self.offset is None else self.offset)
        )


class Reader:
    def __init__(self, raw):
        self.raw, self.at = raw, 0
        self.marks = []  # offsets at which a field begins

    def take(self, n):
        self.marks.append(self.at)
        self.at += n
        return self.raw[self.at - n : self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def string(self):
        return self.take(self.number("<Q"))

    def skip_value(self, kind):
        if kind == STRING:
            self.string()
        elif kind == ARRAY:
            element, count = self.number("<I"), self.number("<Q")
            for _ in range(count):
                self.skip_value(element)
        else:
            self.take(struct.calcsize(FORMATS[kind]))


class Gguf:
    """`keys` and `tensors` are lists to change; pack() writes what they say, true or not."""

    def __init__(self, path):
        read = Reader(path.read_bytes())
        read.take(4)
        self.version, n_tensors, n_keys = read.number("<I"), read.number("<Q"), read.number("<Q")
        self.keys, self.tensors, entries = [], [], []
        for _ in range(n_keys):
            name, kind = read.string().decode(), read.number("<I")
            start = read.at
            read.skip_value(kind)
            self.keys.append(Key(name, kind, read.raw[start : read.at]))
        for _ in range(n_tensors):
            name = read.string().decode()
            dims = [read.number("<Q") for _ in range(read.number("<I"))]
            entries.append((name, dims, read.number("<I"), read.number("<Q")))
        self.marks = read.marks
        self.data_start = base = -(-read.at // 32) * 32
        for name, dims, kind, offset in entries:
            values = 1
            for dim in dims:
                values *= dim
            size = values // BLOCKS[kind][0] * BLOCKS[kind][1]
            self.tensors.append(
                Tensor(name, dims, kind, read.raw[base + offset : base + offset + size]))

    def copy(self):
        return copy.deepcopy(self)

    # ---- finding and changing ----

    def key(self, name):
        return next(k for k in self.keys if k.name == name)

    def tensor(self, name):
        return next(t for t in self.tensors if t.name == name)

    def set(self, name, kind, value):
        """Replaces or adds a key; value is packed unless it is bytes of an array or string."""
        raw = value if isinstance(value, bytes) else scalar(kind, value)
        self.drop(name)
        self.keys.append(Key(name, kind, raw))
        return self

    def drop(self, name):
        self.keys = [k for k in self.keys if k.name != name]
        self.tensors = [t for t in self.tensors if t.name != name]
        return self

    # ---- writing ----

    def pack(self, magic=b"GGUF", version=None, n_tensors=None, n_keys=None, alignment=32, gap=0):
        entries, data = [], b""
        for tensor in self.tensors:
            data += b"\0" * (-len(data) % alignment + gap)
            entries.append(tensor.pack(len(data)))
            data += tensor.data
        head = magic + struct.pack("<IQQ", self.version if version is None else version,
            len(self.tensors) if n_tensors is None else n_tensors,
            len(self.keys) if n_keys is None else n_keys)
        head += b"".join(k.pack() for k in self.keys) + b"".join(entries)
        return head + b"\0" * (-len(head) % alignment) + data
