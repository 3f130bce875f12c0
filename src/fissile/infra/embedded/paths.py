"""Where everything of one home's embedded server lies, which user runs it, and who may enter."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from fissile.infra.embedded.errors import NotAllowed, NotReadyInTime, SocketDirectoryRefused

SOCKET_BYTES_MAX: Final = 107
"""A Unix socket's address holds so many bytes on Linux (and 103 on macOS)."""

PORT: Final = 5432
DATABASE: Final = "fissile"
LOCK_SECONDS_MAX: Final = 900.0
SYSTEM_USER: Final = "fissile-pg"
STORES: Final = Path("/var/lib/fissile")
STORE_LINK: Final = "server-files"


@dataclass(frozen=True, kw_only=True)
class Account:
    """The user that owns the data and runs the server."""

    uid: int
    gid: int
    is_other: bool
    """Whether we are root and drop to this user."""

    def take(self, path: Path) -> None:
        """Give ``path`` to the account where it is not ours anyway."""
        if self.is_other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """
    The files of one home.

    ``store`` holds what the server's user must reach; it is the home itself
    unless root keeps the home where nobody else can enter (``/root``).
    """

    home: Path
    store: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.store / "pgdata"

    @property
    def status(self) -> Path:
        return self.home / "server.json"

    @property
    def server_lock(self) -> Path:
        return self.home / "server.lock"

    @property
    def log(self) -> Path:
        return self.home / "log" / "server.log"

    @property
    def socket_dir(self) -> Path:
        folder = self.store / "run"
        is_short = len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= SOCKET_BYTES_MAX
        if is_short and not {",", '"'} & set(str(folder)):  # in a list of hosts these would part or quote it
            return folder
        # Not XDG_RUNTIME_DIR: processes of one home may differ in it (cron, a login) and miss each other.
        return Path("/tmp") / f"fissile-{hashlib.sha256(os.fsencode(self.store)).hexdigest()[:16]}"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/{DATABASE}?host={quote(str(self.socket_dir))}"

    def binaries(self, *, major: int) -> Path:
        return self.store / f"pg-{major}"


def make_home(*, home: Path) -> Path:
    """Return the home without symlinks, made if it is missing."""
    home = home.expanduser().resolve()
    home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    return home


def locate(*, home: Path) -> Layout:
    """
    Return the layout of an existing home; root finds or makes the place that the server's user can reach.

    :raises NotAllowed: if data lie where their owner cannot enter
    """
    if os.geteuid() != 0:
        return Layout(home=home, store=home, account=Account(uid=os.geteuid(), gid=os.getegid(), is_other=False))
    link = home / STORE_LINK
    store = link.resolve() if link.is_symlink() else home
    account = _server_account(data=store / "pgdata")
    if store == home and not _can_enter(account=account, folder=home):
        store = _open_or_move(home=home, account=account)
    return Layout(home=home, store=store, account=account)


def _server_account(*, data: Path) -> Account:
    """The owner of existing data, else ``postgres``, else a system user made once; never ``nobody``."""
    if data.exists() and data.stat().st_uid != 0:
        return Account(uid=data.stat().st_uid, gid=data.stat().st_gid, is_other=True)
    for name in ("postgres", SYSTEM_USER):
        if (entry := _user(name)) is not None:
            return Account(uid=entry.pw_uid, gid=entry.pw_gid, is_other=True)
    entry = _make_system_user()
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, is_other=True)


def _user(name: str) -> pwd.struct_passwd | None:
    return next((entry for entry in pwd.getpwall() if entry.pw_name == name), None)


def _make_system_user() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    said = "useradd is not installed"
    if useradd is not None:
        made = subprocess.run(
            [useradd, "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false",
             SYSTEM_USER],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        said = made.stderr.strip()
    entry = _user(SYSTEM_USER)  # another home may have made it at the same moment
    if entry is None:
        raise NotAllowed(
            reason=f"PostgreSQL refuses to run as root, and no user could be made for it: {said}.",
            remedy=f"add a system user named {SYSTEM_USER}, or run Fissile as an ordinary user.",
        )
    return entry


def _can_enter(*, account: Account, folder: Path) -> bool:
    for step in (folder, *folder.parents):
        status = step.stat()
        if status.st_uid == account.uid:
            needed = stat.S_IXUSR
        elif status.st_gid == account.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            return False
    return True


def _open_or_move(*, home: Path, account: Account) -> Path:
    """Let the server's group into root's home; where a parent bars the way, take a store elsewhere."""
    parents_open = _can_enter(account=account, folder=home.parent)
    if parents_open and home.stat().st_uid == 0 and not home.stat().st_mode & 0o077:
        os.chown(home, -1, account.gid)
        home.chmod(0o710)
        return home
    if parents_open or (home / "pgdata").exists():
        raise NotAllowed(
            reason=f"The server's user (uid {account.uid}) cannot enter {home}.",
            remedy=f"let it pass through {home} and all above (chmod o+x), or set another FISSILE_HOME.",
        )
    STORES.mkdir(mode=0o711, parents=True, exist_ok=True)
    store = STORES / secrets.token_hex(6)
    store.mkdir(mode=0o711)
    store.chmod(0o711)
    (home / STORE_LINK).symlink_to(store)
    return store


def secure_socket_dir(*, layout: Layout) -> None:
    """
    Make the socket's folder, for the server's user alone, or check the one that is there.

    :raises SocketDirectoryRefused: if it is somebody else's or open to others
    """
    folder = layout.socket_dir
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        status = folder.lstat()
        owners = {layout.account.uid, os.geteuid()}
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in owners or status.st_mode & 0o077:
            raise SocketDirectoryRefused(
                reason=f"{folder} is not a folder of the server's user alone "
                f"(owner {status.st_uid}, mode {stat.S_IMODE(status.st_mode):o}).",
                remedy=f"find out who made {folder}, remove it, and start again.",
            ) from None
    layout.account.take(folder)


def open_lock(*, path: Path) -> int:
    """Open a lock file, made if missing, owned by the home's owner; not inherited by programs we start."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def lock(*, descriptor: int, mode: int, path: Path, say: Callable[[], None]) -> None:
    """
    Take a flock, telling once when it takes long.

    :raises NotReadyInTime: after :data:`LOCK_SECONDS_MAX`
    """
    begun = time.monotonic()
    told = False
    while True:
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            waited = time.monotonic() - begun
        if waited > LOCK_SECONDS_MAX:
            raise NotReadyInTime(
                reason=f"Another process has held {path} for {LOCK_SECONDS_MAX:.0f} seconds.",
                remedy=f"find it (fuser {path}), and end it if it hangs.",
            )
        if waited > 1.0 and not told:
            say()
            told = True
        time.sleep(0.01)


def is_held(*, path: Path) -> bool:
    """Whether another process holds this lock exclusively."""
    descriptor = open_lock(path=path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


@contextmanager
def exclusively(*, path: Path, say: Callable[[], None]) -> Iterator[None]:
    """Hold this lock alone; the kernel lets go of it if we are killed."""
    descriptor = open_lock(path=path)
    try:
        lock(descriptor=descriptor, mode=fcntl.LOCK_EX, path=path, say=say)
        yield
    finally:
        os.close(descriptor)
