"""The zip file that ``torch.save`` writes: the pickle in it and the bytes of the tensors, bounded by its size."""

import sys
import zipfile
from pathlib import Path

import torch

# That of a BERT with 12 layers is 0.2 MB; each of its bytes can ask for an object of a hundred.
MAX_PICKLE_BYTES = 16 * 2**20


class RefusedError(Exception):
    """The rest of a sentence that begins with the file's name."""


def check_format(path: Path) -> None:
    """Raise unless ``path`` begins as a file of ``torch.save`` does.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is of another format.
    """
    expected = "expected a file that torch.save wrote, such as model.pth"
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: {expected}")
    if not path.is_file():
        raise IsADirectoryError(f"{path} is not a file: {expected}")
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"PK\x03\x04"):
        if not zipfile.is_zipfile(path):
            raise ValueError(f"{path} is cut off: copy or download it again")
        return
    if not head:
        raise ValueError(f"{path} is empty: {expected}")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        raise ValueError(f"{path} is a safetensors file: it holds no code and needs no conversion")
    if head.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path} is a pointer of Git LFS and not the file itself: run `git lfs pull`")
    if head.startswith(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.") or head[257:262] == b"ustar":
        raise ValueError(
            f"{path} has the format of torch before 1.6, which is not read here: "
            "where it is trusted, load it and save it again with a newer torch"
        )
    if head[0] == 0x80 and head[1:2] <= b"\x05":
        raise ValueError(
            f"{path} is a pickle that torch.save did not write: nothing of it was run; {expected}"
        )
    raise ValueError(f"{path} begins with {head[:8]!r}: {expected}")


class Archive:
    """The records of the zip file that ``torch.save`` writes: the pickle and the bytes of the tensors."""

    def __init__(self, file: zipfile.ZipFile, size: int):
        self._file = file
        self._records = {record.filename: record for record in file.infolist()}
        if any(name.endswith("/constants.pkl") for name in self._records):
            raise RefusedError(
                "is a TorchScript program: expected what torch.save wrote, a model or its weights"
            )
        # Stored bytes that do not overlap are no more than the file: nothing in it can unfold.
        if any(record.compress_type != zipfile.ZIP_STORED for record in file.infolist()):
            raise RefusedError("is compressed, which torch.save never does: expected its own zip file")
        if sum(record.file_size for record in file.infolist()) > size:
            raise RefusedError("claims to hold more bytes than it has: copy or download it again")
        pickles = [name for name in self._records if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise RefusedError(
                f"is a zip file with {len(pickles)} records data.pkl: expected the one that torch.save writes"
            )
        self._prefix = pickles[0].removesuffix("data.pkl")
        if f"{self._prefix}constants.pkl" in self._records:
            raise RefusedError(
                "is a TorchScript program: expected what torch.save wrote, a model or its weights"
            )

    def pickle(self) -> bytes:
        """The program that puts the checkpoint together."""
        if self._records[f"{self._prefix}data.pkl"].file_size > MAX_PICKLE_BYTES:
            raise RefusedError(
                f"has a pickle of more than {MAX_PICKLE_BYTES:,} bytes: no model needs as many"
            )
        if f"{self._prefix}byteorder" in self._records:
            order = self._read("byteorder").decode("ascii", "replace")
            if order != sys.byteorder:
                raise RefusedError(f"was saved with {order[:20]!r} byte order: expected {sys.byteorder!r}")
        return self._read("data.pkl")

    def storage(self, key: str, dtype: torch.dtype, count: int) -> torch.Tensor:
        """Record ``data/key`` as a flat tensor (count,)."""
        name = f"data/{key}"
        if (record := self._records.get(f"{self._prefix}{name}")) is None:
            raise RefusedError(
                f"has no record {name[:40]!r}, which its pickle names: copy or download it again"
            )
        if record.file_size != count * dtype.itemsize:
            raise RefusedError(
                f"has {record.file_size:,} bytes in its record {name[:40]!r}, but its pickle says that they are "
                f"{count:,} numbers of {dtype.itemsize} bytes: copy or download it again"
            )
        if not count:
            return torch.empty(0, dtype=dtype)
        return torch.frombuffer(bytearray(self._read(name)), dtype=dtype)

    def _read(self, name: str) -> bytes:
        return self._file.read(f"{self._prefix}{name}")
