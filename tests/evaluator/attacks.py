# ruff: noqa: E501 - each attack on a line of its own
"""Attacks: small genomes that try what a candidate must not be able to do.

Each says so itself when it gets through: it raises `GotThrough`. Those that aim at the score say nothing; they are
measured against the honest genome that they are made of.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

SECRET = "the-secret-of-the-run"
"""What the user has in a file."""
MARK = "GotThrough"


@dataclass(frozen=True)
class Attack:
    """A genome that means harm.

    Attributes:
        name: What it tries.
        code: Statements of `recipe`, after the optimizer `optimizer` was made.
        keys: Further keyword arguments of the dict that it returns.
        top: Statements of the module.
        scores: Whether it aims at the score rather than at the machine.
        last: Its optimizer's class, if not plain SGD.
    """

    name: str
    code: str = ""
    keys: str = ""
    top: str = ""
    scores: bool = False

    @property
    def source(self) -> str:
        """The genome."""
        return (
            "import torch\n"
            f"class {MARK}(Exception): pass\n"
            f"{textwrap.dedent(self.top)}\n\n"
            "def recipe(model, train_steps):\n"
            "    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)\n"
            "    def set_hparams(step):\n"
            "        for group in optimizer.param_groups:\n"
            "            group['lr'] = 1e-3 * (1 - step / train_steps)\n"
            f"{textwrap.indent(textwrap.dedent(self.code).strip(), '    ')}\n"
            f"    return dict(optimizers=[optimizer], set_hparams=set_hparams, {self.keys})\n"
        )


HONEST = Attack("honest").source
"""What the attacks on the score are made of."""

_LIBC = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
_OPEN = f"raise {MARK}()"


def _socket(family: str, kind: str, use: str) -> str:
    return f"import socket\ns = socket.socket(socket.{family}, socket.{kind})\n{use}\n{_OPEN}"


def attacks(secret: str, writable: str, parent: int) -> tuple[Attack, ...]:
    """All attacks.

    Args:
        secret: Path of a file that the user may read.
        writable: Path of a folder that the user may write.
        parent: Process id of the engine.
    """
    stays = "while True: pass"
    return (
        # Files
        Attack("read a secret by open", f"assert '{SECRET}' in open({secret!r}).read()\n{_OPEN}"),
        Attack(
            "read a secret by ctypes",
            f"{_LIBC}fd = libc.open({secret!r}.encode(), 0)\nassert fd >= 0\n{_OPEN}",
        ),
        Attack(
            "read a secret by torch",
            f"x = torch.from_file({secret!r}, size=8, dtype=torch.uint8)\nassert int(x.sum())\n{_OPEN}",
        ),
        Attack("list the user's files", f"import os\nassert os.listdir(os.path.dirname({secret!r}))\n{_OPEN}"),
        Attack("write outside", f"import os\nopen(os.path.join({writable!r}, 'f'), 'w').write('x')\n{_OPEN}"),
        Attack(
            "write into an installed package",
            f"import os\nopen(os.path.join(os.path.dirname(torch.__file__), 'f.py'), 'w').write('x')\n{_OPEN}",
        ),
        Attack("fill the disk with one file", f"f = open('big', 'wb')\nfor _ in range(256): f.write(bytes(1 << 20))\n{_OPEN}"),
        Attack(
            "fill the disk with many files",
            f"for i in range(40):\n    with open(str(i), 'wb') as f: f.write(bytes(4 << 20))\n{_OPEN}",
        ),
        Attack("make a million files", f"for i in range(20000): open(str(i), 'w').close()\n{_OPEN}"),
        Attack("make a device", f"import os, stat\nos.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(8, 0))\n{_OPEN}"),
        Attack("close the scratch folder to others", f"import os\nos.chmod(os.path.dirname(os.getcwd()), 0o711)\n{_OPEN}"),
        Attack("change a user's file's mode", f"import os\nos.chmod({secret!r}, 0o644)\n{_OPEN}"),
        Attack("change a user's file's times", f"import os\nos.utime({secret!r}, (1, 1))\n{_OPEN}"),
        Attack("change a file's owner", f"import os\nos.chown({secret!r}, os.geteuid(), -1)\n{_OPEN}"),
        Attack("leave a note on a package", f"import os\nos.setxattr(torch.__file__, 'user.left', b'x')\n{_OPEN}"),
        Attack("leave a note on a user's file", f"import os\nos.setxattr({secret!r}, 'user.left', b'x')\n{_OPEN}"),
        Attack("folders deeper than anybody can remove", "import os\nfor i in range(1500):\n    os.mkdir('d')\n    os.chdir('d')\nwhile True: pass"),
        # Other processes
        Attack("have signals sent to others", f"import fcntl, os\nfor fd in range(3, 20):\n    try: fcntl.fcntl(fd, 8, {parent})\n    except OSError as error:\n        if error.errno == 9: continue\n        raise\n    {_OPEN}"),
        Attack(
            "read the engine's environment",
            f"assert open('/proc/{parent}/environ', 'rb').read()\n{_OPEN}",
        ),
        Attack("read the parent's memory", f"import os\nopen(f'/proc/{{os.getppid() or {parent}}}/mem', 'rb')\n{_OPEN}"),
        Attack("read the engine's memory", f"open('/proc/{parent}/mem', 'rb')\n{_OPEN}"),
        Attack(
            "process_vm_readv",
            f"""{_LIBC}
import ctypes
class Vec(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('len', ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(8)
here = Vec(ctypes.addressof(buffer), 8)
libc.process_vm_readv({parent}, ctypes.byref(here), 1, ctypes.byref(here), 1, 0)
assert ctypes.get_errno() not in (1, 3, 38), ctypes.get_errno()
{_OPEN}""",
        ),
        Attack(
            "ptrace the engine",
            f"{_LIBC}assert libc.ptrace(0x4206, {parent}, 0, 0) == 0, ctypes.get_errno()\n{_OPEN}",
        ),
        Attack("kill the parent", f"import os\nassert os.getppid() > 1\nos.kill(os.getppid(), 0)\n{_OPEN}"),
        Attack("kill the engine", f"import os\nos.kill({parent}, 0)\n{_OPEN}"),
        Attack("signal everybody", f"import os\nos.kill(-1, 0)\n{_OPEN}"),
        Attack("list processes", f"import os\nassert any(n.isdigit() for n in os.listdir('/proc'))\n{_OPEN}"),
        Attack("see the engine's arguments", f"assert open('/proc/{parent}/cmdline').read()\n{_OPEN}"),
        # Network
        Attack("tcp connect", _socket("AF_INET", "SOCK_STREAM", "s.settimeout(1)\nassert s.connect_ex(('127.0.0.1', 9)) == 111")),
        Attack("tcp listen", _socket("AF_INET", "SOCK_STREAM", "s.bind(('127.0.0.1', 0))\ns.listen()")),
        Attack("udp send", _socket("AF_INET", "SOCK_DGRAM", "s.sendto(b'x', ('127.0.0.1', 9))")),
        Attack("tcp over IPv6", _socket("AF_INET6", "SOCK_STREAM", "s.bind(('::1', 0))")),
        Attack("unix socket with a path", _socket("AF_UNIX", "SOCK_STREAM", "s.bind('socket')")),
        Attack("abstract unix socket", _socket("AF_UNIX", "SOCK_STREAM", "s.bind('\\0attack')")),
        Attack("vm socket", _socket("AF_VSOCK", "SOCK_STREAM", "")),
        Attack("netlink socket", _socket("AF_NETLINK", "SOCK_RAW", "")),
        # Processes and threads
        Attack("fork", f"import os\nif os.fork() == 0: os._exit(0)\n{_OPEN}"),
        Attack("fork bomb", f"import os\nfor _ in range(50):\n    if os.fork() == 0:\n        os._exit(0)\n{_OPEN}"),
        Attack("daemonise", f"import os\nif os.fork() == 0:\n    os.setsid()\n    os._exit(0)\n{_OPEN}"),
        Attack("run a shell", f"import subprocess\nsubprocess.run(['/bin/sh', '-c', 'true'], check=True)\n{_OPEN}"),
        Attack("become another program", "import os\nos.execv('/bin/true', ['true'])"),
        Attack(
            "thread bomb",
            f"import threading, time\nfor _ in range(50): threading.Thread(target=time.sleep, args=(1,), daemon=True).start()\n{_OPEN}",
        ),
        # Using things up
        Attack("spin", stays),
        Attack("spin deaf to signals", f"import signal\nfor n in range(1, 64):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n{stays}"),
        Attack("eat memory by tensors", f"eaten = []\nfor _ in range(64): eaten.append(torch.ones(1 << 22))\n{_OPEN}"),
        Attack("eat memory by objects", f"x = [0] * 1000\nfor _ in range(18): x = x + x\n{_OPEN}"),
        Attack("eat memory by a mapping", f"import mmap\nm = mmap.mmap(-1, 600 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\nfor at in range(0, len(m), 4096): m[at] = 1\n{_OPEN}"),
        Attack("eat memory by a shared mapping", f"import mmap\nm = mmap.mmap(-1, 600 << 20)\nfor at in range(0, len(m), 4096): m[at] = 1\n{_OPEN}"),
        Attack(
            "memory file",
            f"import os\nfds = [os.memfd_create(str(i)) for i in range(40)]\nfor fd in fds:\n    for _ in range(12): os.write(fd, bytes(1 << 20))\n{_OPEN}",
        ),
        Attack("shared memory", f"{_LIBC}assert libc.shmget(0, 1 << 20, 0o1600) >= 0\n{_OPEN}"),
        Attack("posix shared memory", f"open('/dev/shm/attack', 'w').write('x')\n{_OPEN}"),
        Attack("flood its output", "while True: print('x' * 10000)"),
        # The kernel
        Attack("new user namespace", f"{_LIBC}assert libc.unshare(0x10000000) == 0\n{_OPEN}"),
        Attack("mount", f"{_LIBC}assert libc.mount(b'x', b'.', b'tmpfs', 0, None) == 0\n{_OPEN}"),
        Attack("chroot", f"import os\nos.chroot('.')\n{_OPEN}"),
        Attack("raise a limit", f"import resource\nresource.setrlimit(resource.RLIMIT_CPU, (9999, 9999))\n{_OPEN}"),
        Attack("limit the engine", f"import resource\nresource.prlimit({parent}, resource.RLIMIT_NOFILE)\n{_OPEN}"),
        Attack("move the engine to one core", f"import os\nos.sched_setaffinity({parent}, {{0}})\n{_OPEN}"),
        Attack("outlive the engine", f"{_LIBC}assert libc.prctl(1, 0, 0, 0, 0) == 0\n{_OPEN}"),
        Attack("kernel keys", f"{_LIBC}assert libc.syscall(250, 0, -3, 0) >= 0\n{_OPEN}"),
        Attack("io_uring", f"{_LIBC}b = ctypes.create_string_buffer(200)\nassert libc.syscall(425, 4, b) >= 0\n{_OPEN}"),
        Attack("bpf", f"{_LIBC}b = ctypes.create_string_buffer(200)\nassert libc.syscall(321, 0, b, 72) >= 0\n{_OPEN}"),
        Attack("perf events", f"{_LIBC}b = ctypes.create_string_buffer(112)\nlibc.syscall(298, b, 0, -1, -1, 0)\nassert ctypes.get_errno() != 1\n{_OPEN}"),
        *_on_the_score(),
    )  # fmt: skip


def _score(name: str, code: str = "", keys: str = "", top: str = "") -> Attack:
    return Attack(name, code, keys, top, scores=True)


def _on_the_score() -> tuple[Attack, ...]:
    """Attempts at a better value than the optimizer earns."""
    return (
        _score("call the model", "loss = model(torch.zeros(1, 4, dtype=torch.long)).sum()\nloss.backward()"),
        _score(
            "another backward pass through the graph",
            "def after_backward(step):\n    for p in model.parameters():\n        p.grad.sum().backward()",
            "after_backward=after_backward",
        ),
        _score(
            "hooks that double gradients",
            "for p in model.parameters():\n    p.register_post_accumulate_grad_hook(lambda p: p.grad.mul_(2))",
        ),
        _score(
            "module hooks",
            "seen = []\nfor m in model.modules():\n    m.register_forward_hook(lambda m, i, o: seen.append(o))\n"
            f"def after_step(step):\n    if seen: {_OPEN}",
            "after_step=after_step",
        ),
        _score(
            "a closure that runs the loss again",
            "class Closing(torch.optim.SGD):\n    def step(self, closure=None):\n"
            f"        if closure is not None: {_OPEN}\n        return super().step()\n"
            "optimizer = Closing(model.parameters(), lr=1e-3, momentum=0.9)",
        ),
        _score(
            "find tokens by gc",
            "import gc\nfor thing in gc.get_objects():\n"
            "    if isinstance(thing, torch.Tensor) and thing.dtype in (torch.int16, torch.int32, torch.int64) and thing.numel() > 8:\n"
            f"        {_OPEN}",
        ),
        _score(
            "find losses by gc",
            "import gc\ndef after_step(step):\n    for thing in gc.get_objects():\n"
            "        if isinstance(thing, torch.Tensor) and thing.grad_fn is not None:\n"
            f"            {_OPEN}",
            "after_step=after_step",
        ),
        _score(
            "weights that know the text",
            "import math\nwith torch.no_grad():\n    model.proj.bias.fill_(-5.0)\n"
            "    for byte in torch.__doc__.encode(): model.proj.bias[byte] += 0.02\n"
            "    for byte in (32, *range(97, 123)): model.proj.bias[byte] += 4.0\n    model.proj.weight.zero_()",
        ),
        _score("a patched cross entropy", top="import torch.nn.functional as F\nF.cross_entropy = lambda *a, **k: torch.zeros(())"),
        _score("a patched backward", top="torch.Tensor.backward = lambda self, *a, **k: None"),
        _score("a patched isfinite", top="torch.isfinite = lambda x: torch.ones_like(x, dtype=torch.bool)\nimport math\nmath.isfinite = lambda x: True"),
        _score("patched timers", top="import time\ntime.process_time = time.monotonic = time.perf_counter = lambda: 0.0"),
        _score("patched randomness", top="torch.randperm = torch.arange\ntorch.initial_seed = lambda: 0"),
        _score("a swapped forward", "type(model).__call__ = lambda self, *a: torch.zeros(())\nmodel.forward = lambda *a: torch.zeros(())"),
        _score("a parameter more", "model.extra = torch.nn.Parameter(torch.zeros(3))\noptimizer.add_param_group({'params': [model.extra]})"),
        _score("a wider parameter", "model.embed.weight.data = torch.zeros(256, 64)"),
        _score("a parameter replaced", "model.norm1.gains = torch.nn.Parameter(torch.ones(8))"),
        _score(
            "a parameter rebound in a step",
            "def after_step(step):\n    p = model.embed.weight\n    p.data = p.data.clone()",
            "after_step=after_step",
        ),
        _score("a parameter with two owners", "optimizer.add_param_group({'params': []})\noptimizer.param_groups.append(dict(optimizer.param_groups[0]))"),
        _score("a parameter without an owner", "optimizer.param_groups[0]['params'] = optimizer.param_groups[0]['params'][1:]"),
        _score("a forged reply", "import os, struct\nfor fd in range(3, 30):\n    try: os.write(fd, struct.pack('<IId', 5, 0, 0.0))\n    except OSError: pass"),
        _score("a forged measure", "import os, struct\ndef after_step(step):\n    for fd in range(3, 30):\n        try: os.write(fd, struct.pack('<IId', 6, step, 1e9))\n        except OSError: pass", "after_step=after_step"),
        _score("a reply that is no number", "def after_step(step):\n    import os, struct\n    for fd in range(3, 30):\n        try: os.write(fd, struct.pack('<IId', 5, step, float('nan')))\n        except OSError: pass", "after_step=after_step"),
        _score("an early end", "import os\ndef after_step(step):\n    if step == 2: os._exit(0)", "after_step=after_step"),
        _score("weights that are not numbers", "def after_step(step):\n    with torch.no_grad():\n        for p in model.parameters(): p.fill_(float('nan'))", "after_step=after_step"),
        _score("weights that are infinite", "def after_step(step):\n    with torch.no_grad():\n        for p in model.parameters(): p.fill_(float('inf'))", "after_step=after_step"),
        _score(
            "training inside eval_weights",
            "import contextlib\n@contextlib.contextmanager\ndef eval_weights(step):\n    for _ in range(50): optimizer.step()\n    yield",
            "eval_weights=eval_weights",
        ),
        _score(
            "weights that change while they are scored",
            "import contextlib, signal\ndef worse(*_):\n    with torch.no_grad():\n        for p in model.parameters(): p.zero_()\n"
            "@contextlib.contextmanager\ndef eval_weights(step):\n    signal.signal(signal.SIGALRM, worse)\n"
            "    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n    yield\n    signal.setitimer(signal.ITIMER_REAL, 0)",
            "eval_weights=eval_weights",
        ),
        _score(
            "a harness patched from inside",
            top="import evaluator.contract, evaluator.measures, sys\n"
            "evaluator.contract.Watch.check = lambda *a: None\nevaluator.measures.trajectory = lambda f: 'x'\n"
            "for name, module in list(sys.modules.items()):\n"
            "    if name.startswith('evaluator.'):\n        for key in list(vars(module)):\n"
            "            if key in ('held_out', 'run_trial', 'explain'): setattr(module, key, lambda *a, **k: 0.0)",
        ),
        _score(
            "a harness patched, then parameters rebound",
            "def after_step(step):\n    for p in model.parameters(): p.data = torch.zeros_like(p)",
            "after_step=after_step",
            top="import evaluator.contract\nevaluator.contract.Watch.check = lambda *a: None",
        ),
        _score(
            "held-out text from the standard library",
            f"import os\nassert len(open(os.__file__).read()) > 1000\n{_OPEN}",
        ),
        _score("held-out text by a loader", f"import os\nassert os.__loader__.get_data(os.__file__)\n{_OPEN}"),
        _score(
            "held-out text by linecache",
            f"import linecache, os\nassert linecache.getlines(os.__file__)\n{_OPEN}",
        ),
        _score("a look at the memory map", f"assert open('/proc/self/maps').read()\n{_OPEN}"),
        _score("a larger shared memory", "import os\nfor fd in range(3, 30):\n    try: os.ftruncate(fd, 1 << 30)\n    except OSError: pass"),
        _score("no shared memory", "import os\nfor fd in range(3, 30):\n    try: os.ftruncate(fd, 0)\n    except OSError: pass"),
        _score("own gradients scaled before the optimizer sees them", "def before_forward(step):\n    for p in model.parameters():\n        if p.grad is not None: p.grad.zero_()", "before_forward=before_forward"),
        _score("a dict that lies", top="class Lying(dict):\n    def __contains__(self, key): return True"),
    )  # fmt: skip


def smuggling(writable: str) -> tuple[Attack, Attack]:
    """Two genomes of which the first leaves something wherever it can, and the second looks for it."""
    places = (
        "left-behind",
        f"{writable}/left-behind",
        "/tmp/left-behind",
        "/dev/shm/left-behind",
        "/var/tmp/left-behind",
    )
    leave = f"""
import os, sys
for place in {places!r}:
    try: open(place, "w").write("x")
    except OSError: pass
os.environ["LEFT"] = "behind"
sys.modules["left_behind"] = sys
torch.left_behind = True
for fd in range(3, 30):
    try: os.lseek(fd, 0, 0)
    except OSError: pass
"""
    look = f"""
import os, sys
found = [place for place in {places!r} if os.path.exists(place)]
if found or "LEFT" in os.environ or "left_behind" in sys.modules or hasattr(torch, "left_behind"):
    {_OPEN}
"""
    return Attack("leave something behind", leave), Attack("state smuggled between trials", look)
