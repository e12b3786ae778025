"""The sealed alert as a file in a folder that another system empties."""

from __future__ import annotations

from dataclasses import dataclass
from errno import ENOENT, ENOTDIR
from pathlib import Path

from alerts.channels.parcel import Parcel, Receipt
from alerts.errors import ChannelDown, ChannelRefused
from config.durable import write_whole


@dataclass(frozen=True, slots=True)
class Folder:
    """The channel `folder`. A file appears whole or not at all, under a name that is the same on every try.

    The reader should remember names: a file that it took away and we send again, after a crash, has the same one.
    """

    root: Path
    """Addresses are folders below this one, so that a directory entry cannot point elsewhere."""

    def send(self, parcel: Parcel) -> Receipt:
        """Returns once the file would survive a power cut. Raises ChannelDown when the disk does not take it."""
        target = self._folder(parcel) / f"{parcel.outbox}.jwe"
        body = parcel.jose().jwe.encode()
        try:
            if target.exists():
                return Receipt("present")
            write_whole(target, body, mode=0o600)
        except OSError as fault:
            if fault.errno in {ENOENT, ENOTDIR}:
                raise ChannelRefused(f"the folder of {parcel.recipient} does not exist", "no_folder") from None
            raise ChannelDown(f"the folder of {parcel.recipient} cannot be written", "unwritable") from None
        return Receipt("written")

    def _folder(self, parcel: Parcel) -> Path:
        folder = (self.root / parcel.address).resolve()
        if not folder.is_relative_to(self.root.resolve()):
            raise ChannelRefused(f"the folder of {parcel.recipient} is not below the drop folder", "bad_address")
        return folder
