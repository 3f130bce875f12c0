"""
The postmaster's parent: one small process for each home that nobody has to think of.

It runs as a file of its own (``python -I -S supervisor.py PLAN``), so it imports the standard library only.
It holds ``server.lock`` while it lives. It starts the postmaster, starts it again whenever it dies, and gives
up, with the reason in ``server.json``, when the postmaster never gets ready. Every process that uses the
database holds ``users.lock`` shared; when the supervisor gets it exclusively nobody is left, and it stops the
server and ends.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

POLL_SECONDS = 1.0
GRACE_SECONDS = 3.0
"""How long the server outlives its last user, so that one command after another does not start it anew."""

QUICK_DEATH_SECONDS = 5.0
LAST_STRIKE = 5
"""So many quick deaths in a row, the last one before it was ready, are the end: about two seconds."""

STOP_SECONDS = 60.0
LEFTOVER_SECONDS = 5.0
LOG_BYTES_MAX = 4 * 1024 * 1024
LOG_BYTES_KEPT = 1024 * 1024
ALREADY_SUPERVISED = 3
PR_SET_PDEATHSIG = 1


class Plan:
    """What to supervise; travels as one JSON argument."""

    def __init__(
        self, *, home: str, data: str, socket_dir: str, command: list[str], uid: int | None, gid: int | None
    ) -> None:
        self.home = home
        self.data = data
        self.socket_dir = socket_dir
        self.command = command
        self.uid = uid
        self.gid = gid

    @property
    def log(self) -> str:
        return os.path.join(self.home, "log", "server.log")

    def encoded(self) -> str:
        return json.dumps(vars(self))


def die_with_parent(signum: int) -> Callable[[], None]:
    """
    Return what a child runs before exec so that it gets ``signum`` when its parent dies.

    To be used after the change of user, which clears the setting. Linux only;
    elsewhere the next supervisor finds the orphan.
    """
    parent = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def ask_kernel() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return ask_kernel


def servers_of(data: str) -> dict[int, bool]:
    """
    Return the live processes of PostgreSQL on this data directory, each with whether it is a postmaster.

    A postmaster names the directory in its command line, which anybody may
    read; the others stand in it.
    """
    found: dict[int, bool] = {}
    if not os.path.isdir("/proc/self"):
        return found
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", "rb") as comm, open(f"/proc/{pid}/cmdline", "rb") as cmdline:
                if comm.read() != b"postgres\n":
                    continue
                if os.fsencode(data) in cmdline.read().split(b"\0"):
                    found[int(pid)] = True
                elif os.readlink(f"/proc/{pid}/cwd") == data:
                    found[int(pid)] = False
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended while we looked, or is another user's
    return found


def clear_leftovers(data: str) -> None:
    """
    End what an earlier postmaster of this data directory left behind.

    A live one is asked to shut down; backends leave by themselves when their
    postmaster is gone; what still stands after that is killed, for a new
    postmaster refuses to start beside it.
    """
    orphans = [pid for pid, is_postmaster in servers_of(data).items() if is_postmaster]
    for pid in orphans:
        _signal(pid, signal.SIGINT)
    if _gone(data, LEFTOVER_SECONDS if orphans else 1.0):
        return
    for pid in servers_of(data):
        _signal(pid, signal.SIGKILL)
    _gone(data, LEFTOVER_SECONDS)


def _signal(pid: int, signum: int) -> None:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return  # gone already, which is what was wanted


def _gone(data: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while servers_of(data):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def remove_stale_locks(plan: Plan) -> None:
    """
    Remove the lock files of a dead postmaster.

    Their process id may belong to somebody else by now, and PostgreSQL would
    then refuse to start. Only where :func:`servers_of` can see that none lives.
    """
    if not os.path.isdir("/proc/self") or servers_of(plan.data):
        return
    socket = os.path.join(plan.socket_dir, ".s.PGSQL.5432")
    for stale in (os.path.join(plan.data, "postmaster.pid"), socket + ".lock", socket):
        if os.path.lexists(stale):
            os.unlink(stale)


class Supervisor:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.users = os.open(os.path.join(plan.home, "users.lock"), os.O_RDWR)
        self.wakeups, wakeup_end = os.pipe()
        os.set_blocking(self.wakeups, False)
        os.set_blocking(wakeup_end, False)
        signal.set_wakeup_fd(wakeup_end)
        for signum in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda _signum, _frame: None)
        self.told_to_stop = False
        self.empty_since: float | None = None

    def run(self) -> None:
        strikes = 0
        while True:
            clear_leftovers(self.plan.data)
            remove_stale_locks(self.plan)
            log_start = os.path.getsize(self.plan.log)
            born = time.monotonic()
            postmaster = self.launch()
            self.tell("running", postmaster=postmaster.pid)
            was_ready = self.watch(postmaster)
            if self.told_to_stop:
                self.stop(postmaster)
                self.tell("stopped")
                return
            self.say(f"the postmaster ended with status {postmaster.returncode}")
            strikes = strikes + 1 if time.monotonic() - born < QUICK_DEATH_SECONDS else 0
            if strikes >= LAST_STRIKE and not was_ready:
                self.tell("failed", reason=self.log_since(log_start), status=postmaster.returncode)
                return
            self.tell("restarting")
            self.pause(0.05 * 2**strikes if strikes > 1 else 0.0)
            if self.told_to_stop:
                self.tell("stopped")
                return

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the postmaster in a session of its own: what kills its process group leaves us alive."""
        dropped = self.plan.uid is not None
        return subprocess.Popen(
            self.plan.command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            user=self.plan.uid,
            group=self.plan.gid,
            extra_groups=[] if dropped else None,
            preexec_fn=die_with_parent(signal.SIGINT),
        )

    def watch(self, postmaster: subprocess.Popen[bytes]) -> bool:
        """Return, when the postmaster has died or shall be stopped, whether it had become ready."""
        ready = False
        while postmaster.poll() is None and not self.told_to_stop:
            ready = ready or self.is_ready()
            self.pause(POLL_SECONDS if ready else 0.05)
            self.rotate_log()
        return ready

    def is_ready(self) -> bool:
        """The eighth line of postmaster.pid tells, as pg_ctl knows too."""
        try:
            with open(os.path.join(self.plan.data, "postmaster.pid"), encoding="utf-8") as lines:
                return any(line.strip() == "ready" for line in lines.read().splitlines()[7:8])
        except FileNotFoundError:
            return False

    def pause(self, seconds: float) -> None:
        """Sleep, but wake at a signal; take note of being told to stop and of being left alone."""
        select.select([self.wakeups], [], [], seconds)
        try:
            caught = os.read(self.wakeups, 512)
        except BlockingIOError:
            caught = b""
        if signal.SIGTERM in caught or signal.SIGINT in caught or self.is_left_alone():
            self.told_to_stop = True

    def is_left_alone(self) -> bool:
        """Whether nobody has used the server for the grace time; if so, ``users.lock`` stays ours."""
        try:
            fcntl.flock(self.users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.empty_since = None
            return False
        now = time.monotonic()
        self.empty_since = self.empty_since or now
        if now - self.empty_since >= GRACE_SECONDS:
            return True
        fcntl.flock(self.users, fcntl.LOCK_UN)
        return False

    def stop(self, postmaster: subprocess.Popen[bytes]) -> None:
        """Fast shutdown, immediate if that hangs, and the hard way last."""
        for signum, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0)):
            postmaster.send_signal(signum)
            try:
                postmaster.wait(timeout=seconds)
                return
            except subprocess.TimeoutExpired:
                self.say(f"the postmaster did not heed signal {signum}")
        postmaster.kill()
        postmaster.wait()

    def tell(self, state: str, **facts: object) -> None:
        tell(self.plan, state, **facts)

    def say(self, words: str) -> None:
        print(f"{time.strftime('%F %T', time.gmtime())} UTC supervisor {os.getpid()}: {words}", flush=True)

    def log_since(self, start: int) -> str:
        with open(self.plan.log, "rb") as log:
            if start <= os.fstat(log.fileno()).st_size:  # else it was emptied meanwhile
                log.seek(start)
            return log.read()[-4096:].decode(errors="replace")

    def rotate_log(self) -> None:
        """Keep the end of a long log, in place: the postmaster appends to it, and the disk may be full."""
        if os.path.getsize(self.plan.log) <= LOG_BYTES_MAX:
            return
        with open(self.plan.log, "rb+") as log:
            log.seek(-LOG_BYTES_KEPT, os.SEEK_END)
            end = log.read()
            log.truncate(0)
            log.seek(0)
            log.write(end)


def tell(plan: Plan, state: str, **facts: object) -> None:
    """Write ``server.json``; a reader never sees half of it."""
    path = os.path.join(plan.home, "server.json")
    with open(path + ".new", "w", encoding="utf-8") as status:
        json.dump({"state": state, "supervisor": os.getpid(), **facts}, status)
        owner = os.stat(plan.home)
        if os.geteuid() == 0:  # what root writes in somebody's home stays readable to that somebody
            os.fchown(status.fileno(), owner.st_uid, owner.st_gid)
    os.replace(path + ".new", path)


def take_server_lock(home: str) -> bool:
    """Take ``server.lock`` for as long as we live; patient, for others test it for an instant."""
    lock = os.open(os.path.join(home, "server.lock"), os.O_RDWR)
    deadline = time.monotonic() + 5.0
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)


def main() -> int:
    os.umask(0o077)
    plan = Plan(**json.loads(sys.argv[1]))
    if not take_server_lock(plan.home):
        return ALREADY_SUPERVISED
    tell(plan, "starting")
    if os.fork():  # our parent waits for this process only; the child inherits the lock
        return 0
    Supervisor(plan).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
