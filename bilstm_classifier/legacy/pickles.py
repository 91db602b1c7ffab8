"""What ``torch.save`` wrote, read as data: no class of the file is loaded, and no function of it is called.

A pickle is a small program. ``pickle.Unpickler`` lets a subclass choose which names it may load, but not what it then
does with them: it sets attributes on whatever it has loaded, and allocates whatever sizes it is told. So the program
is carried out here, by the steps that ``torch.save`` is known to write: names stay names, objects become
:class:`Inert`, tensors are checked against the bytes that are there, and anything else is refused by its name.
"""

import math
import pickletools
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .archive import Archive, RefusedError, check_format

# A few bytes can ask for a copy of many items.
MAX_COPIES = 2**20
MAX_DIMENSIONS = 8
# What these hold is named and kept as data. torch has much else that a pickle could misuse, were it called.
INERT_PACKAGES = ("torch.nn", "torch._C._nn", "transformers", "accelerate", "__main__")
STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_DTYPES = [str(dtype).removeprefix("torch.") for dtype in STORAGES.values()]
_TORCH_NAMES = {("torch", name) for name in ["Tensor", "Size", "device", *STORAGES, *_DTYPES]}
_FUNCTIONS = {
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch._utils", "_rebuild_parameter_with_state"),
    ("torch._tensor", "_rebuild_from_type_v2"),
    ("collections", "OrderedDict"),
    ("builtins", "set"),
    ("builtins", "getattr"),
}
_KEYS = (str, bytes, int, float, type(None))


@dataclass(frozen=True)
class Global:
    """The name of a class or function in a pickle; nothing stands behind it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Inert:
    """An object of a class that was not loaded: what it was made from and its attributes, as data."""

    name: str
    arguments: tuple[Any, ...] = ()
    state: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:  # its state may hold itself
        return f"<{self.name}>"


def read_checkpoint(path: str | Path) -> Any:
    """What a file of ``torch.save`` holds, without running anything of it.

    Returns:
        Numbers, strings, lists, dicts and tensors (on the CPU) as they were saved; :class:`Inert` for any object of
        a class, :class:`Global` for a class or function that is only mentioned.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is damaged, of another format, or wants to call what a model has no need of.
    """
    path = Path(path)
    check_format(path)
    try:
        with zipfile.ZipFile(path) as file:
            return _Program(Archive(file, path.stat().st_size)).run()
    except RefusedError as refusal:
        raise ValueError(f"{path} {refusal}") from None
    except OSError as error:
        raise OSError(f"{path} could not be read ({error})") from error
    except Exception as error:  # of any type: libraries do not expect a damaged file
        raise ValueError(
            f"{path} is damaged ({type(error).__name__} while it was read): copy or download it again"
        ) from error


class _Program:
    """A pickle, carried out step by step (the steps are described in the standard library's ``pickletools``)."""

    def __init__(self, archive: Archive):
        self._archive = archive
        self._storages: dict[str, torch.Tensor] = {}
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []  # the stacks below each open mark
        self._memo: dict[int, Any] = {}
        self._copies = 0

    def run(self) -> Any:
        """The object that the pickle puts together."""
        for opcode, argument, _ in pickletools.genops(self._archive.pickle()):
            if opcode.name == "STOP":
                return self._stack.pop()
            self._step(opcode.name, argument)
        raise RefusedError("is damaged: its pickle has no end")

    def _step(self, opcode: str, argument: Any) -> None:
        stack = self._stack
        match opcode:
            case "PROTO" | "FRAME":
                pass
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode])
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE" | "SHORT_BINUNICODE":
                stack.append(argument)
            case "BINBYTES" | "SHORT_BINBYTES":
                stack.append(argument)
            case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT" | "EMPTY_SET":
                stack.append({"TUPLE": tuple, "LIST": list, "DICT": dict, "SET": set}[opcode[6:]]())
            case "MARK":
                self._outer.append(stack)
                self._stack = []
            case "TUPLE":
                items = self._pop_mark()
                self._stack.append(tuple(items))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                length = int(opcode[-1])
                stack[-length:] = [tuple(stack[-length:])]
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = stack[-1]
            case "MEMOIZE":
                self._memo[len(self._memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "POP":
                stack.pop()
            case "POP_MARK":
                self._pop_mark()
            case "APPEND" | "SETITEM":
                self._add([stack.pop() for _ in range(1 if opcode == "APPEND" else 2)][::-1])
            case "APPENDS" | "SETITEMS" | "ADDITEMS":
                self._add(self._pop_mark())
            case "BINPERSID":
                stack.append(self._storage(stack.pop()))
            case _:
                self._step_with_names(opcode, argument)

    def _step_with_names(self, opcode: str, argument: Any) -> None:
        stack = self._stack
        match opcode:
            case "GLOBAL":
                stack.append(_checked(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                name, module = stack.pop(), stack.pop()
                stack.append(_checked(module, name))
            case "NEWOBJ":
                arguments, made = stack.pop(), stack.pop()
                if not _is_inert(made):
                    raise _refused(made)
                stack.append(Inert(str(made), arguments))
            case "REDUCE":
                arguments, called = stack.pop(), stack.pop()
                stack.append(self._call(called, arguments))
            case "BUILD":
                state, built = stack.pop(), stack[-1]
                self._set_state(built, state)
            case "INST":  # torch.save does not write it; the name in it is worth telling
                raise _refused(argument.replace(" ", "."))
            case _:
                raise RefusedError(
                    f"has the step {opcode} in its pickle, which torch.save never writes: nothing of it was run"
                )

    def _pop_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._outer.pop()
        return items

    def _add(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, dict):
            target.update(zip(map(_as_key, items[::2]), items[1::2], strict=True))
        elif isinstance(target, set):
            target.update(map(_as_key, items))
        elif not isinstance(target, Inert):  # what a subclass of a container holds is not needed
            raise RefusedError(f"puts items into a {type(target).__name__}: nothing of it was run")

    def _call(self, called: Any, arguments: tuple[Any, ...]) -> Any:
        match (called.module, called.name) if isinstance(called, Global) else None:
            case ("torch._utils", "_rebuild_tensor_v2"):
                return self._tensor(*arguments)
            case ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state"):
                return arguments[0]
            case ("torch._tensor", "_rebuild_from_type_v2"):  # a tensor with attributes, which are not needed
                return self._call(arguments[0], arguments[2])
            case ("torch", "Size"):
                return tuple(self._to_copy(arguments[0]))
            case ("torch", "device"):
                return Inert("torch.device", arguments)
            case ("collections", "OrderedDict") if not arguments:
                return {}
            case ("builtins", "set"):
                return set(map(_as_key, self._to_copy(arguments[0])))
            case ("builtins", "getattr"):
                return _attribute(*arguments)
            case _ if _is_class(called):
                return Inert(str(called), arguments)
        raise _refused(called)

    def _to_copy(self, items: Any) -> Any:
        """``items``, counted: a few bytes can ask for one more copy of many, so that all together have a limit."""
        self._copies += len(items)
        if self._copies > MAX_COPIES:
            raise RefusedError(f"copies more than {MAX_COPIES:,} items about: no model needs as many")
        return items

    def _set_state(self, built: Any, state: Any) -> None:
        if isinstance(built, Inert):
            for part in state if isinstance(state, tuple) else (state,):  # with __slots__, a pair
                if isinstance(part, dict):
                    built.state.update(self._to_copy(part))
        elif not isinstance(
            built, dict
        ):  # a state dict has the versions of its modules as an attribute: not needed
            raise RefusedError(f"sets the state of a {type(built).__name__}: nothing of it was run")

    def _storage(self, identity: Any) -> torch.Tensor:
        kind, storage, key, _, count = identity  # the device it was on does not matter
        known = isinstance(storage, Global) and storage.module == "torch" and storage.name in STORAGES
        if kind != "storage" or not known or type(key) is not str or type(count) is not int:
            raise RefusedError("refers to something else than a tensor's storage: nothing of it was run")
        dtype = STORAGES[storage.name]
        if key not in self._storages:
            self._storages[key] = self._archive.storage(key, dtype, count)
        if self._storages[key].dtype != dtype:
            raise RefusedError(f"reads one storage both as {self._storages[key].dtype} and as {dtype}")
        return self._storages[key]

    @staticmethod
    def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> torch.Tensor:
        numbers = [offset, *size, *stride]
        whole = all(type(number) is int and number >= 0 for number in numbers)
        if (
            not isinstance(storage, torch.Tensor)
            or not whole
            or not len(size) == len(stride) <= MAX_DIMENSIONS
        ):
            raise RefusedError("has a tensor without a storage, or with sizes that no tensor has")
        count = math.prod(size)
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
        if count and (count > storage.numel() or last >= storage.numel()):
            raise RefusedError(
                f"has a tensor of {count:,} numbers, but only {storage.numel():,} in the storage that it reads"
            )
        return storage.as_strided(size, stride, offset)


def _checked(module: Any, name: Any) -> Global:
    """The name, if it is on the list; a name with a dot in it reaches through other modules, and never is."""
    if not isinstance(module, str) or not isinstance(name, str):
        raise RefusedError("names a class by something else than text: nothing of it was run")
    # protocol 2, which torch.save writes, has the names of Python 2
    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    found = Global(module, name)
    if (module, name) not in _TORCH_NAMES | _FUNCTIONS and not _is_inert(found):
        raise _refused(found)
    return found


def _is_inert(found: Any) -> bool:
    if not isinstance(found, Global) or not found.name.isidentifier():
        return False
    return any(f"{found.module}.".startswith(f"{package}.") for package in INERT_PACKAGES)


def _is_class(found: Any) -> bool:
    """Whether a model's file may call it to make an object; a function, it only mentions."""
    return _is_inert(found) and found.name.lstrip("_")[:1].isupper()


def _attribute(owner: Any, name: Any) -> str:
    """A bound method or a member of an enumeration, as its name: both are pickled by way of ``getattr``.

    The ``forward`` of a model that transformers 4 trained in half precision is one. Nothing is looked up, and what
    comes back can neither be called nor asked for a further attribute.
    """
    if not (isinstance(owner, Inert) or _is_class(owner)) or not isinstance(name, str) or name[:1] == "_":
        raise _refused("builtins.getattr")
    return f"{owner.name}.{name}"


def _as_key(item: Any) -> Any:
    # hashing a tuple goes as deep as the file has nested it
    if not isinstance(item, (*_KEYS, Global, Inert)):
        raise RefusedError(f"has a {type(item).__name__} as a key, where a model has names and numbers")
    return item


def _refused(found: Any) -> RefusedError:
    name = str(found) if isinstance(found, (Global, str)) else f"a {type(found).__name__}"
    name = name if name.isprintable() else repr(name)
    if isinstance(found, Global) and found.module in (
        "posix",
        "nt",
    ):  # what stands behind the functions of os
        name = f"os.{found.name} ({name})"
    return RefusedError(
        f"wants to call {name[:200]}, which a model's file has no reason to: nothing of it was run and nothing "
        "was written. Ask whoever made it for its weights, torch.save({'model_state_dict': model.state_dict()}, ...)"
    )
