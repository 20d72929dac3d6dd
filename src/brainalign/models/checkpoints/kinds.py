"""What a file is, by its first bytes: its name may say anything."""

from __future__ import annotations

from pathlib import Path

JSON = "JSON text"
"""What a file in JSON is called, such as a configuration."""

_HEAD = 512
_ZIP = b"PK\x03\x04"
_DEPTH = 8  # bytes of a safetensors file before its header
_AGAIN = "Download the file itself again."
_SAVE = "Save the weights as model.safetensors with the library that made it, and give that."

_SIGNS = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file that it points to", "Run: git lfs pull"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras, TensorFlow)", _SAVE),
    (b"\x93NUMPY", "an array of NumPy", _SAVE),
    (b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (b"BZh", "a bzip2 archive", "Unpack it first."),
    (b"\xfd7zXZ", "an xz archive", "Unpack it first."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it first."),
    (b"Rar!", "a RAR archive", "Unpack it first."),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "Unpack it first."),
    (b"%PDF", "a PDF", _AGAIN),
    (b"\x89PNG", "a picture", _AGAIN),
)


def is_safetensors(path: Path) -> bool:
    """Whether a file is one of safetensors: by its first bytes, or by its name where they are not those of a zip."""
    head = _head(path)
    begins = head[_DEPTH : _DEPTH + 1] == b"{" and int.from_bytes(head[:_DEPTH], "little") < path.stat().st_size
    return begins or (path.suffix == ".safetensors" and not head.startswith(_ZIP))


def is_gguf(path: Path) -> bool:
    """Whether a file is one of llama.cpp, by its first bytes."""
    return _head(path).startswith(b"GGUF")


def is_onnx(path: Path) -> bool:
    """Whether a file is one of ONNX: by its name, since it has no first bytes of its own."""
    return path.suffix == ".onnx" and other_kind(path) is None


def refuse_other_kinds(path: Path) -> None:
    """Refuse a file that holds no weights in a form that is read, by what its first bytes say.

    Raises
    ------
    ValueError
        The text says what the file is, what is read, and what to do.
    """
    kind = other_kind(path)
    if kind:
        what, advice = kind
        msg = (
            f"{path} is {what}, no weights of safetensors or torch.save (.safetensors, .bin, .pt, .pth, .ckpt), nor an "
            f"index of such files (.index.json), nor GGUF or ONNX. {advice}"
        )
        raise ValueError(msg)


def other_kind(path: Path) -> tuple[str, str] | None:
    """What a file is that holds no weights, and what to do; None where its first bytes may begin weights."""
    head = _head(path)
    for sign, what, advice in _SIGNS:
        if head.startswith(sign):
            return what, advice
    if head[257:262] == b"ustar":
        return "a tar archive", "Unpack it first."
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"<":
        return "a web page (HTML or XML)", f"The server gave a page instead of the file. {_AGAIN}"
    if text[:1] in (b"{", b"["):
        return JSON, "Give the file with the weights, or the folder that holds it beside this one."
    if text and all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in head):
        return f"text ('{text[:40].decode().splitlines()[0]}')", _AGAIN
    return None


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_HEAD)
