"""Reading what ``torch.save`` wrote without running it.

Payloads make a file, and each test of one first shows that the usual way to load it does.
"""

import os
import pickle
import random
import subprocess
import zipfile

import pytest
import torch
from legacy_originals import CharacterOriginal, NewsOriginal, character_checkpoint, repacked, save_whole
from safetensors.torch import save_file

from bilstm_classifier.legacy.convert import convert_checkpoint
from bilstm_classifier.legacy.pickles import Global, Inert, read_checkpoint


class Payload:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "it-ran"


def payloads(marker):
    write = f"open({str(marker)!r}, 'w').close()"
    return {
        "os.system": Payload(os.system, f"touch {marker}"),
        "builtins.eval": Payload(eval, write),
        "builtins.exec": Payload(exec, write),
        "subprocess.Popen": Payload(subprocess.Popen, ["touch", str(marker)]),
    }


def assert_runs_when_loaded(path, marker):
    """The control: loaded as usual, the file does what it must not do here."""
    found = torch.load(path, weights_only=False)
    for process in [found, found.get("extra", [None])[0]] if isinstance(found, dict) else [found]:
        if isinstance(process, subprocess.Popen):
            process.wait()
    assert marker.exists()
    marker.unlink()


def assert_refused(path, marker, name, **options):
    output = path.parent / "output"
    with pytest.raises(ValueError, match=f"^{path} wants to call {name}[, ].* nothing of it was run"):
        convert_checkpoint(path, output, **options)
    assert not marker.exists()
    assert not output.exists()


# --- what is refused ---


@pytest.mark.parametrize("name", payloads("."))
def test_payload_in_place_of_a_model(name, marker, tmp_path):
    path = tmp_path / "model.pth"
    torch.save(payloads(marker)[name], path)
    assert_runs_when_loaded(path, marker)
    assert_refused(path, marker, name)


@pytest.mark.parametrize("name", payloads("."))
def test_payload_in_a_checkpoint_that_converts_without_it(name, marker, tmp_path):
    path = tmp_path / "model.pth"
    checkpoint = character_checkpoint(CharacterOriginal())
    torch.save({**checkpoint, "extra": [payloads(marker)[name]]}, path)
    assert_runs_when_loaded(path, marker)
    assert_refused(path, marker, name)
    torch.save({**checkpoint, "extra": ["harmless"]}, path)
    convert_checkpoint(path, tmp_path / "output")


def test_payload_deep_within_a_module(marker, tmp_path, word_tokenizer):
    tokenizer = tmp_path / "tokenizer"
    word_tokenizer.save_pretrained(tokenizer)
    model = NewsOriginal()
    model.bert.encoder.layer[1].attention.self.note = {"a": [payloads(marker)["os.system"]]}
    path = save_whole(model, tmp_path / "model.pth")
    assert_refused(path, marker, "os.system", tokenizer=str(tokenizer))
    del model.bert.encoder.layer[1].attention.self.note
    save_whole(model, path)
    convert_checkpoint(path, tmp_path / "output", tokenizer=str(tokenizer))


def text(value: str) -> bytes:
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def named(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"  # STACK_GLOBAL


def called(function: bytes, *arguments: bytes) -> bytes:
    return function + b"(" + b"".join(arguments) + b"tR"


HUB = named("transformers.utils", "hub")


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("transformers.utils.hub.os.system", named("transformers.utils.hub", "os.system")),
        ("transformers.utils.hub.os.system", b"ctransformers.utils.hub\nos.system\n"),
        ("torch.nn.modules.module.torch.os.system", named("torch.nn.modules.module", "torch.os.system")),
        ("os.system", b"cos\nsystem\n"),
        (
            "builtins.getattr",
            called(
                named("builtins", "getattr"),
                called(named("builtins", "getattr"), HUB, text("os")),
                text("system"),
            ),
        ),
    ],
)
def test_payload_behind_a_name_that_reaches_elsewhere(name, function, marker, tmp_path):
    program = b"\x80\x04" + called(function, text(f"touch {marker}")) + b"."
    pickle.loads(program)
    assert marker.exists(), "the control: as a pickle, it runs"
    marker.unlink()
    path = tmp_path / "model.pth"
    torch.save({}, path)
    assert_refused(repacked(path, data_pkl=program), marker, name)


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        (
            called(named("transformers.utils.hub", "cached_file"), text("a")),
            "transformers.utils.hub.cached_file",
        ),
        (called(named("torch", "load"), text("a")), "torch.load"),
        (called(named("torch.hub", "load"), text("a")), "torch.hub.load"),
        (called(named("torch.nnx", "Linear")), "torch.nnx.Linear"),
        (called(named("torch", "FloatStorage"), b"K\x01"), "torch.FloatStorage"),
        (called(b"}"), "wants to call a dict"),
        (b"(" + text("a") + b"ios\nsystem\n", "os.system"),
        (named("os\n", "system"), r"'os\\nsystem'|'os\\n.system'"),
        (named("torch.nn", "Linear") + b"}b", "sets the state of a Global"),
        (named("builtins", "set") + b"}b", "sets the state of a Global"),
        (named("builtins", "set") + text("a") + b"a", "puts items into a Global"),
        (text("a") + text("b") + b"a", "puts items into a str"),
        (b"})K\x01s", "has a tuple as a key"),
        (b"I12\n", "has the step INT"),
        (b"\x82\x01", "has the step EXT1"),
        (b"K\x01Q", "damaged"),
        (b"h\x07", "damaged"),
        (b"", "damaged"),
        (b"\xff", "damaged"),
    ],
)
def test_programs_that_no_model_has(program, complaint, tmp_path):
    path = tmp_path / "model.pth"
    torch.save({}, path)
    repacked(path, data_pkl=b"\x80\x04" + program + b".")
    with pytest.raises(ValueError, match=complaint):
        read_checkpoint(path)


def test_a_program_of_many_steps_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("bilstm_classifier.legacy.archive.MAX_PICKLE_BYTES", 100)
    path = tmp_path / "model.pth"
    torch.save({"a": "b" * 100}, path)
    with pytest.raises(ValueError, match="pickle of more than 100 bytes"):
        read_checkpoint(path)


# --- what is read ---


def test_values_and_tensors_as_they_were_saved(tmp_path):
    table = torch.arange(12.0).reshape(3, 4)
    saved = {
        "a": [1, -70_000, 2.5, None, True, (), (1, "б"), {2}],
        "weights": {"whole": table, "part": table[1:, ::2].t(), "half": table.half(), "ids": torch.arange(3)},
        "empty": torch.empty(0, 3),
        "parameter": torch.nn.Parameter(table),
        "size": table.shape,
    }
    for protocol in (2, 3, 4, 5):
        torch.save(saved, tmp_path / "model.pth", pickle_protocol=protocol)
        found = read_checkpoint(tmp_path / "model.pth")
        assert found["a"] == saved["a"]
        assert found["size"] == (3, 4)
        tensors = {**saved["weights"], "empty": saved["empty"], "parameter": saved["parameter"]}
        for name, tensor in tensors.items():
            torch.testing.assert_close({**found, **found["weights"]}[name], tensor.detach(), rtol=0, atol=0)


def test_objects_become_data(tmp_path):
    model = NewsOriginal()
    model.forward = model.eval  # a bound method, as transformers 4 leaves one behind in half precision
    found = read_checkpoint(save_whole(model, tmp_path / "model.pth"))
    assert isinstance(found, Inert)
    assert found.name == "__main__.NewsOriginal"
    assert found.state["forward"] == "__main__.NewsOriginal.eval"
    bert = found.state["_modules"]["bert"]
    assert bert.name == "transformers.models.bert.modeling_bert.BertModel"
    assert bert.state["config"].state["num_attention_heads"] == 2
    layer = bert.state["_modules"]["encoder"].state["_modules"]["layer"].state["_modules"]["0"]
    activation = layer.state["_modules"]["intermediate"].state["_modules"]["intermediate_act_fn"]
    assert activation.state["act"] == Global("torch._C._nn", "gelu")


# --- damage ---


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"weight": torch.arange(6.0).reshape(2, 3)}, path)
    return path


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        ("Письмо, а не модель".encode(), "begins with .*: expected a file that torch.save wrote"),
        (bytes(range(255, 0, -1)), "begins with"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (pickle.dumps({"a": 1}), "a pickle that torch.save did not write"),
        (b"PK\x03\x04" + bytes(100), "is cut off"),
        (b"model.pth".ljust(257, b"\0") + b"ustar", "torch before 1.6"),
    ],
)
def test_files_that_are_something_else(content, complaint, tmp_path):
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=complaint):
        read_checkpoint(path)


def test_other_formats_of_torch_and_safetensors(tmp_path):
    path = tmp_path / "model.pth"
    torch.save({"a": 1}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match="the format of torch before"):
        read_checkpoint(path)
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match=r"is a safetensors file: .* needs no conversion"):
        read_checkpoint(path)
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    with pytest.raises(ValueError, match="TorchScript"):
        read_checkpoint(path)


def test_a_place_without_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_checkpoint(tmp_path / "model.pth")
    with pytest.raises(IsADirectoryError, match="is not a file"):
        read_checkpoint(tmp_path)


def test_a_file_that_is_cut_off(checkpoint):
    whole = checkpoint.read_bytes()
    for length in range(1, len(whole), 97):
        checkpoint.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"model\.pth"):
            read_checkpoint(checkpoint)


def test_records_that_do_not_go_with_the_program(checkpoint):
    whole = checkpoint.read_bytes()
    for records, complaint in [
        ({"data/0": None}, "has no record 'data/0'"),
        ({"data/0": bytes(20)}, "has 20 bytes in its record 'data/0', .* 6 numbers of 4 bytes"),
        ({"data/0": bytes(2000)}, "has 2,000 bytes"),
        ({"data_pkl": None}, "0 records data.pkl"),
        ({"byteorder": b"big"}, "'big' byte order"),
    ]:
        checkpoint.write_bytes(whole)
        with pytest.raises(ValueError, match=complaint):
            read_checkpoint(repacked(checkpoint, **records))
    checkpoint.write_bytes(whole)
    with pytest.raises(ValueError, match="compressed"):
        read_checkpoint(repacked(checkpoint, zipfile.ZIP_DEFLATED))


def rebuilt(count: int, offset: int, size: str, stride: str) -> bytes:
    """A tensor over the storage ``data/0``; all numbers as text, since they may be large."""

    def number(value: int) -> bytes:
        digits = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(digits)]) + digits

    def numbers(values: str) -> bytes:
        return b"(" + b"".join(number(int(value)) for value in values.split()) + b"t"

    identity = text("storage") + named("torch", "FloatStorage") + text("0") + text("cpu") + number(count)
    storage = b"(" + identity + b"tQ"
    function = named("torch._utils", "_rebuild_tensor_v2")
    return b"\x80\x04" + called(function, storage, number(offset), numbers(size), numbers(stride)) + b"."


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((6, 1, "2 3", "3 1"), "only 6 in the storage"),
        ((6, 0, "2 3", "4 1"), "only 6 in the storage"),
        ((6, 0, "1000000000000", "0"), "a tensor of 1,000,000,000,000 numbers, but only 6"),
        ((6, 0, "100000000000000000000", "1"), "only 6 in the storage"),
        ((6, -1, "2", "1"), "sizes that no tensor has"),
        ((6, 0, "-2", "1"), "sizes that no tensor has"),
        ((6, 0, "2 3", "1"), "sizes that no tensor has"),
        ((6, 0, "1 " * 9, "1 " * 9), "sizes that no tensor has"),
        ((10**12, 0, "2", "1"), "1,000,000,000,000 numbers of 4 bytes"),
        ((-6, 0, "2", "1"), "-6 numbers"),
    ],
)
def test_tensors_that_their_storage_cannot_hold(arguments, complaint, checkpoint):
    assert read_checkpoint(repacked(checkpoint, data_pkl=rebuilt(6, 2, "2 2", "2 1"))).tolist() == [
        [2, 3],
        [4, 5],
    ]
    with pytest.raises(ValueError, match=complaint):
        read_checkpoint(repacked(checkpoint, data_pkl=rebuilt(*arguments)))


def test_records_that_overlap_are_not_counted_twice(checkpoint):
    # the list of records at the end names the same bytes as another record: a small file would unfold
    with zipfile.ZipFile(checkpoint, "a") as file:
        twin = zipfile.ZipInfo("model/data/1")
        first = file.getinfo("model/data/0")
        for attribute in ("header_offset", "CRC", "compress_size", "file_size"):
            setattr(twin, attribute, getattr(first, attribute))
        twin.file_size = twin.compress_size = checkpoint.stat().st_size
        file.filelist.append(twin)
        file.NameToInfo[twin.filename] = twin
        file._didModify = True
    with pytest.raises(ValueError, match="claims to hold more bytes"):
        read_checkpoint(checkpoint)


def test_any_damage_is_an_error_in_a_sentence(tmp_path):
    path = save_whole(NewsOriginal(num_hidden_layers=1), tmp_path / "model.pth")
    with zipfile.ZipFile(path) as file:
        program = file.read("model/data.pkl")
    generator = random.Random(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(program)
        for _ in range(generator.randint(1, 4)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        repacked(path, data_pkl=bytes(damaged))
        message = complaint_about(path)
        assert message is None or message.startswith(str(path))
        refused += message is not None
    assert refused > 50


def complaint_about(path):
    try:
        read_checkpoint(path)
    except ValueError as error:  # and of no other type
        return str(error)


@pytest.mark.parametrize("called", ["torch\nSize", "__builtin__\nset"])
def test_copies_of_much_by_little_are_refused(called, tmp_path):
    """A few bytes ask for one more copy of a long list."""
    numbers = b"".join(b"K" + bytes([number % 256]) for number in range(100_000))
    program = b"\x80\x02](" + numbers + b"eq\x00c" + called.encode() + b"\nq\x01"
    program += (b"h\x01h\x00\x85R") * 50 + b"."
    path = tmp_path / "model.pth"
    torch.save({"a": 1}, path)
    repacked(path, data_pkl=program)
    with pytest.raises(ValueError, match=r"copies more than .* items about: no model needs as many"):
        convert_checkpoint(path, tmp_path / "output")
