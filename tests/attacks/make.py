"""Makes the hostile files of this folder: ``python3 tests/attacks/make.py`` (standard library only).

Every file must end in a sentence, in bounded memory, with nothing executed;
``tests/rust/attacks.rs`` holds them to that. The commands that some of them
carry would leave a file ``rilievo-attack-ran`` behind.
"""

import io
import json
import os
import pickle
import struct
import subprocess
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
COMMAND = "echo ran > rilievo-attack-ran"
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def save(name, data):
    (HERE / name).write_bytes(data)


# Pickles ----------------------------------------------------------------------


class Runs:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def long(value):
    return (
        b"\x8a\x09" + value.to_bytes(9, "little", signed=True)
        if abs(value) >= 1 << 63
        else (b"\x8a\x08" + value.to_bytes(8, "little", signed=True))
    )


def numbers(values):
    return b"(" + b"".join(map(long, values)) + b"t"


def persistent(key, kind="FloatStorage", count=4):
    return (
        b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + long(count) + b"tQ"
    )


def tensor(key="0", offset=0, shape=(2, 2), strides=(2, 1), storage=None):
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + (storage or persistent(key))
        + long(offset)
        + numbers(shape)
        + numbers(strides)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def state_dict(**tensors):
    return b"\x80\x02}(" + b"".join(text(name) + value for name, value in tensors.items()) + b"u."


# Zip files --------------------------------------------------------------------


def archive(entries, method=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in entries:
            file.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def torch_file(data, storage=bytes(16), **kwargs):
    return archive([("x/data.pkl", data), ("x/byteorder", b"little"), ("x/data/0", storage)], **kwargs)


def directory_field(data, name, offset, value):
    """The zip file with another value in an entry's central directory record."""
    data = bytearray(data)
    at = 0
    while True:
        at = data.index(b"PK\x01\x02", at)
        length = struct.unpack_from("<H", data, at + 28)[0]
        if data[at + 46 : at + 46 + length] == name.encode():
            struct.pack_into("<I", data, at + offset, value)
            return bytes(data)
        at += 46


def zips():
    for name, attack in {
        "runs_system": Runs(os.system, COMMAND),
        "runs_eval": Runs(eval, f"__import__('os').system({COMMAND!r})"),
        "runs_exec": Runs(exec, f"import os; os.system({COMMAND!r})"),
        "runs_subprocess": Runs(subprocess.check_call, COMMAND),
        "runs_getattr": Runs(getattr, Runs(__import__, "os"), "system"),
    }.items():
        for protocol in (2, 4):
            # Beside a sound tensor, as such files are found in the wild.
            data = pickle.dumps({"w": attack}, protocol)
            save(f"{name}_protocol{protocol}.pt", torch_file(data))
    save("runs_by_inst.pt", torch_file(b"\x80\x02(" + text(COMMAND) + b"ios\nsystem\n."))
    save("runs_by_obj.pt", torch_file(b"\x80\x02(cos\nsystem\n" + text(COMMAND) + b"o."))
    save("runs_by_extension.pt", torch_file(b"\x80\x02\x82\x01" + text(COMMAND) + b"\x85R."))
    save("runs_by_newobj_ex.pt", torch_file(b"\x80\x04cos\nsystem\n" + text(COMMAND) + b"\x85}\x92."))
    save("runs_by_frame.pt", torch_file(b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff}."))
    save("runs_text_protocol.pt", torch_file(b"cos\nsystem\n(S'" + COMMAND.encode() + b"'\ntR."))
    save("sets_attributes.pt", torch_file(b"\x80\x02ctorch\nFloatStorage\n}(" + text("a") + b"Nub."))
    save("is_a_module.pt", torch_file(b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81}b."))
    save(
        "after_the_dict.pt",
        torch_file(state_dict(w=tensor())[:-1] + pickle.dumps(Runs(os.system, COMMAND), 2)[2:]),
    )
    save("persistent_id_is_code.pt", torch_file(b"\x80\x02cos\nsystem\nQ."))
    save("persistent_id_is_text.pt", torch_file(b"\x80\x02" + text("storage") + b"Q."))
    save("persistent_id_by_line.pt", torch_file(b"\x80\x02Pstorage\n."))

    save(
        "bomb_deflated_storage.pt",
        torch_file(state_dict(w=tensor()), bytes(64 << 20), method=zipfile.ZIP_DEFLATED),
    )
    save(
        "bomb_deflated_index.pt",
        torch_file(b"\x80\x02" + b"N" * (32 << 20) + b".", method=zipfile.ZIP_DEFLATED),
    )
    laughs = b"\x80\x02)" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(200)) + b"."
    save("bomb_laughs.pt", torch_file(laughs))
    save("contains_itself.pt", torch_file(b"\x80\x02]q\x00h\x00a}q\x01(" + text("a") + b"h\x01u."))
    save("far_memo.pt", torch_file(b"\x80\x02}r\xff\xff\xff\x7f."))
    save("huge_text.pt", torch_file(b"\x80\x02X\xff\xff\xff\xff."))
    save("huge_bytes.pt", torch_file(b"\x80\x04\x8e" + b"\xff" * 8 + b"."))
    save("huge_long.pt", torch_file(b"\x80\x02\x8b\xff\xff\xff\x7f."))

    sound = torch_file(state_dict(w=tensor()))
    size, offset = 24, 42
    save("lying_entry_size.pt", directory_field(sound, "x/data/0", size, 1 << 30))
    save("lying_entry_start.pt", directory_field(sound, "x/data/0", offset, 1 << 30))
    save("lying_index_size.pt", directory_field(sound, "x/data.pkl", size, 1 << 31))
    save("overlapping_entries.pt", directory_field(sound, "x/data/0", offset, 0))
    end = sound.rindex(b"PK\x05\x06")
    save("lying_entry_count.pt", sound[: end + 8] + b"\xff\xfe\xff\xfe" + sound[end + 12 :])
    save("lying_directory_start.pt", sound[: end + 16] + b"\xf0\xff\xff\x7f" + sound[end + 20 :])
    save("cut_in_the_directory.pt", sound[: end - 20])
    save("cut_in_the_storage.pt", sound[:200])
    save("no_index.pt", archive([("x/byteorder", b"little"), ("x/data/0", bytes(16))]))
    save("two_indexes.pt", archive([("x/data.pkl", state_dict(w=tensor())), ("y/data.pkl", b"\x80\x02}.")]))
    save(
        "big_endian.pt",
        archive([("x/data.pkl", state_dict(w=tensor())), ("x/byteorder", b"big"), ("x/data/0", bytes(16))]),
    )

    for name, attack in {
        "past_the_storage": tensor(shape=(3, 2)),
        "offset_past_the_storage": tensor(offset=1),
        "huge_offset": tensor(offset=(1 << 63) - 1),
        "negative_offset": tensor(offset=-1),
        "huge_shape": tensor(shape=(1 << 40, 1 << 40)),
        "huge_shape_stride_zero": tensor(shape=(1 << 40,), strides=(0,)),
        "shape_of_nine_bytes": tensor(shape=(1 << 66,), strides=(1,)),
        "negative_shape": tensor(shape=(-2, -2)),
        "negative_stride": tensor(strides=(-2, 1)),
        "huge_stride": tensor(strides=((1 << 63) - 1, 1)),
        "missing_strides": tensor(strides=()),
        "a_hundred_axes": tensor(shape=(1,) * 100, strides=(1,) * 100),
        "missing_storage": tensor(key="7"),
        "storage_outside": tensor(key="../../../etc/passwd"),
        "storage_is_a_tensor": tensor(storage=tensor()),
    }.items():
        save(f"tensor_{name}.pt", torch_file(state_dict(w=attack)))


# Before torch 1.6 -------------------------------------------------------------


STORAGE = struct.pack("<q", 4) + bytes(16)


def legacy(data, keys=b"\x80\x02](X\x01\x00\x00\x000e.", storages=STORAGE, little=b"\x88"):
    system = b"\x80\x02}(" + text("protocol_version") + b"M\xe9\x03" + text("little_endian") + little + b"u."
    return MAGIC + b"\x80\x02M\xe9\x03." + system + data + keys + storages


def legacies():
    sound = state_dict(w=tensor())
    save("legacy_runs_system.pt", legacy(pickle.dumps({"w": Runs(os.system, COMMAND)}, 2)))
    save("legacy_runs_in_the_keys.pt", legacy(sound, keys=pickle.dumps([Runs(os.system, COMMAND)], 2)))
    save("legacy_runs_in_the_version.pt", MAGIC + pickle.dumps(Runs(os.system, COMMAND), 2))
    save("legacy_lying_count.pt", legacy(sound, storages=struct.pack("<q", 1 << 40) + bytes(16)))
    save("legacy_huge_count.pt", legacy(sound, storages=struct.pack("<q", (1 << 63) - 1) + bytes(16)))
    save("legacy_negative_count.pt", legacy(sound, storages=struct.pack("<q", -1) + bytes(16)))
    save("legacy_small_storage.pt", legacy(sound, storages=struct.pack("<q", 3) + bytes(12)))
    save("legacy_unknown_key.pt", legacy(sound, keys=b"\x80\x02](" + text("9") + b"e."))
    save(
        "legacy_key_twice.pt",
        legacy(sound, keys=b"\x80\x02](" + text("0") * 2 + b"e.", storages=STORAGE * 2),
    )
    save("legacy_key_is_a_number.pt", legacy(sound, keys=b"\x80\x02](K\x00e."))
    save(
        "legacy_two_kinds.pt",
        legacy(state_dict(w=tensor(), v=tensor(storage=persistent("0", "DoubleStorage")))),
    )
    save("legacy_big_endian.pt", legacy(sound, little=b"\x89"))
    save("legacy_no_system.pt", MAGIC + b"\x80\x02M\xe9\x03.\x80\x02N.")
    save("legacy_other_version.pt", MAGIC + b"\x80\x02M\xe8\x03.")
    save("legacy_cut.pt", legacy(sound)[:-8])
    save("legacy_magic_only.pt", MAGIC)

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for name, data in {"sys_info": b"", "pickle": pickle.dumps(Runs(os.system, COMMAND), 2)}.items():
            information = tarfile.TarInfo(name)
            information.size = len(data)
            file.addfile(information, io.BytesIO(data))
    save("ancient_tar.pt", buffer.getvalue())
    for protocol in (0, 2, 4):
        save(f"bare_pickle_protocol{protocol}.pt", pickle.dumps(Runs(os.system, COMMAND), protocol))


# safetensors ------------------------------------------------------------------


def safetensors(header, body=bytes(16), length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def entry(start=0, end=16, shape=(4,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def safes():
    for name, data in {
        "past_the_end": safetensors({"w": entry(0, 16)}, bytes(8)),
        "backwards": safetensors({"w": entry(16, 0)}),
        "overlapping": safetensors({"a": entry(0, 16), "b": entry(8, 24)}, bytes(24)),
        "with_a_gap": safetensors({"a": entry(0, 16), "b": entry(20, 36)}, bytes(36)),
        "shape_too_large": safetensors({"w": entry(shape=(5,))}),
        "huge_shape": safetensors({"w": entry(shape=(1 << 40, 1 << 40))}),
        "shape_of_65_bits": safetensors({"w": entry(shape=(1 << 64,))}),
        "negative_shape": safetensors({"w": entry(shape=(-4,))}),
        "negative_offsets": safetensors({"w": entry(-16, 0)}),
        "huge_offsets": safetensors({"w": entry((1 << 64) - 16, (1 << 64) - 1)}),
        "unknown_type": safetensors({"w": entry(dtype="F33")}),
        "header_past_the_end": safetensors({"w": entry()}, length=1 << 20),
        "huge_header": safetensors({"w": entry()}, length=1 << 40),
        "largest_header": safetensors({"w": entry()}, length=(1 << 64) - 1),
        "header_of_nothing": safetensors(b"{" + b" " * 100, length=0),
        "deep_header": safetensors(b'{"w":' + b"[" * 100_000),
        "header_no_text": safetensors(b'{"\xff\xfe":0}'),
        "header_cut": safetensors({"w": entry()})[:30],
        "key_twice": safetensors(
            b'{"w":' + json.dumps(entry()).encode() + b',"w":' + json.dumps(entry(0, 0, (0,))).encode() + b"}"
        ),
    }.items():
        save(f"{name}.safetensors", data)


# ONNX -------------------------------------------------------------------------


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, data, length=None):
    return varint(field << 3 | 2) + varint(len(data) if length is None else length) + data


def initializer(name=b"w", dims=(4,), kind=1, data=bytes(16), rest=b""):
    raw = message(9, data) if data is not None else b""
    return b"".join(number(1, side) for side in dims) + number(2, kind) + message(8, name) + raw + rest


def model(*parts):
    graph = b"".join(message(5, part) for part in parts)
    return number(1, 8) + message(2, b"attack") + message(7, graph)


def onnxes():
    location = message(1, b"location") + message(2, b"../../../../etc/passwd")
    for name, data in {
        "weights_elsewhere": model(initializer(data=None, rest=message(13, location) + number(14, 1))),
        "shape_too_large": model(initializer(dims=(5,))),
        "huge_shape": model(initializer(dims=(1 << 40, 1 << 40))),
        "largest_shape": model(initializer(dims=((1 << 64) - 1,))),
        "a_hundred_axes": model(initializer(dims=(1,) * 100)),
        "tensor_twice": model(initializer(), initializer()),
        "name_no_text": model(initializer(name=b"\xff\xfe")),
        "one_by_one": model(initializer(data=None, rest=(varint(4 << 3 | 5) + bytes(4)) * 4)),
        "no_weights": model(),
        "many_weights": model(*[initializer(name=b"%d" % i, dims=(0,), data=b"") for i in range(20_001)]),
        "lying_length": number(1, 8) + message(2, b"attack") + message(7, b"", length=1 << 60),
        "endless_number": number(1, 8) + message(2, b"attack") + b"\xff" * 30,
        "group": number(1, 8) + message(2, b"attack") + varint(7 << 3 | 3),
        "cut": model(initializer())[:-7],
    }.items():
        save(f"{name}.onnx", data)


for old in HERE.iterdir():
    if old.suffix in {".pt", ".safetensors", ".onnx"}:
        old.unlink()
zips()
legacies()
safes()
onnxes()
