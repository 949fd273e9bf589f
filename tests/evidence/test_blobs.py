from pathlib import Path

import pytest

from runbook.canonical import hex_digest
from runbook.errors import EvidenceDamaged
from runbook.evidence.blobs import Blobs


def test_bytes_come_back_by_their_digest(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    name = blobs.put(b"chart")
    assert name == hex_digest(b"chart")
    assert blobs.get(name) == b"chart"


def test_the_same_bytes_are_kept_once(tmp_path: Path) -> None:
    blobs, again = Blobs(tmp_path / "blobs"), Blobs(tmp_path / "blobs")
    assert blobs.put(b"chart") == blobs.put(b"chart") == again.put(b"chart")
    assert len(list((tmp_path / "blobs").iterdir())) == 1


def test_a_changed_blob_is_named(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    name = blobs.put(b"chart")
    (tmp_path / "blobs" / name).write_bytes(b"another chart")
    with pytest.raises(EvidenceDamaged, match=f"blobs/{name}: a blob's bytes are not what its name says"):
        blobs.get(name)
    with pytest.raises(EvidenceDamaged, match="not what its name says"):
        Blobs(tmp_path / "blobs").put(b"chart")


def test_a_missing_blob_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvidenceDamaged, match="a blob that the journal names is missing"):
        Blobs(tmp_path / "blobs").get("0" * 64)


@pytest.mark.parametrize("name", ["../start.txt", "", "A" * 64, "0" * 63])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "start.txt").write_text("x")
    with pytest.raises(EvidenceDamaged, match="not the name of a blob"):
        Blobs(tmp_path / "blobs").get(name)
