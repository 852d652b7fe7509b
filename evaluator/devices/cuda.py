"""A graphics card: memory that two processes share by a file descriptor, through the driver's virtual memory calls.

Handles of CUDA IPC would show a candidate whole blocks of the trainer's memory and want common namespaces; a piece of
memory exported as a file descriptor shows itself alone
(<https://docs.nvidia.com/cuda/cuda-c-programming-guide/#virtual-memory-management>). Two numbers behind the buffers put
the processes' work in order: each counts its marks in one, and the card itself waits for the other's. So both processes
may issue work ahead, and the time that Python needs for an optimizer's step is hidden behind the forward pass.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch

from evaluator.layout import Buffers

_PINNED, _ON_DEVICE, _READ_WRITE = 1, 1, 3
"""CU_MEM_ALLOCATION_TYPE_PINNED, CU_MEM_LOCATION_TYPE_DEVICE, CU_MEM_ACCESS_FLAGS_PROT_READWRITE."""
_FILE_DESCRIPTOR = 1
"""CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR."""


_MARKS_BYTES = 64
_STREAMS = 32
"""That torch hands out in turn."""
_AT_LEAST = 0
"""CU_STREAM_WAIT_VALUE_GEQ."""


class CudaError(OSError):
    """The driver refused; the message holds its own words."""


class _Location(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("id", ctypes.c_int))


class _Properties(ctypes.Structure):
    """CUmemAllocationProp."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("handle_types", ctypes.c_int),
        ("location", _Location),
        ("security", ctypes.c_void_p),
        ("flags", ctypes.c_ubyte * 8),
    )


class _Access(ctypes.Structure):
    _fields_ = (("location", _Location), ("flags", ctypes.c_int))


class Cuda:
    """One NVIDIA card.

    Args:
        index: Its number among those that programs may use.
    """

    def __init__(self, index: int) -> None:
        self.name = f"cuda:{index}"
        self._index = index
        self._creator = False
        self._marks = 0
        self._own = self._other = 0

    def torch_device(self) -> torch.device:
        """As torch knows it."""
        return torch.device("cuda", self._index)

    def start(self) -> None:
        """Make a context on the card, and load what matrix products and decompositions need.

        Raises:
            CudaError: There is no such card, or it cannot be used.
        """
        try:
            torch.cuda.set_device(self._index)
            matrix = torch.eye(8, device=self.torch_device())
            torch.linalg.eigh(matrix @ matrix)
            torch.linalg.qr(matrix)
            torch.fft.fft(matrix)  # loads a compiler's library from outside the installed packages
        # A torch without CUDA says so by the last two.
        except (RuntimeError, AssertionError, AttributeError) as error:
            raise CudaError(f"torch cannot use {self.name}: {str(error).splitlines()[0]}") from error
        torch.cuda.synchronize(self._index)

    def differentiate(self) -> None:
        """Start autograd's threads for the card: with its first backward pass.

        Raises:
            CudaError: They could not be made.
        """
        number = torch.ones((), device=self.torch_device(), requires_grad=True)
        try:
            number.square().backward()
        except RuntimeError as error:
            raise CudaError(f"autograd cannot use {self.name}: {str(error).splitlines()[0]}") from error

    def limit_memory(self, nbytes: int) -> None:
        """Let torch allocate at most so much on the card in this process."""
        total = torch.cuda.get_device_properties(self._index).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, nbytes / total), self._index)

    def create(self, size: int) -> int:
        """Make memory for two flat buffers of `size` bytes on the card."""
        properties = self._properties()
        handle = ctypes.c_uint64()
        _call("cuMemCreate", ctypes.byref(handle), ctypes.c_size_t(self._whole(size)), ctypes.byref(properties), 0)
        fd = ctypes.c_int()
        _call("cuMemExportToShareableHandle", ctypes.byref(fd), handle, _FILE_DESCRIPTOR, ctypes.c_uint64(0))
        _call("cuMemRelease", handle)  # the descriptor keeps the memory
        self._creator = True
        return fd.value

    def map(self, fd: int, size: int) -> Buffers:
        """Map such memory, and begin to count marks; its creator fills it with zeros."""
        whole = ctypes.c_size_t(self._whole(size))
        handle, address = ctypes.c_uint64(), ctypes.c_uint64()
        _call("cuMemImportFromShareableHandle", ctypes.byref(handle), ctypes.c_void_p(fd), _FILE_DESCRIPTOR)
        _call("cuMemAddressReserve", ctypes.byref(address), whole, ctypes.c_size_t(0), ctypes.c_uint64(0), _NO_FLAGS)
        _call("cuMemMap", address, whole, ctypes.c_size_t(0), handle, _NO_FLAGS)
        access = _Access(_Location(_ON_DEVICE, self._index), _READ_WRITE)
        _call("cuMemSetAccess", address, whole, ctypes.byref(access), ctypes.c_size_t(1))
        _call("cuMemRelease", handle)
        self._marks, self._own, self._other = address.value + 2 * size, 0, 0
        if self._creator:
            self._tensor(address.value, whole.value).zero_()
            torch.cuda.synchronize(self._index)
        parameters, gradients = (self._tensor(address.value + offset, size) for offset in (0, size))
        return Buffers(parameters, gradients)

    def unmap(self, buffers: Buffers) -> None:
        """Give up such memory, once no work of this process can touch it."""
        torch.cuda.synchronize(self._index)
        address = ctypes.c_uint64(buffers.parameters.data_ptr())
        whole = ctypes.c_size_t(self._whole(buffers.parameters.numel()))
        _call("cuMemUnmap", address, whole)
        _call("cuMemAddressFree", address, whole)

    def clear(self) -> None:
        """Give back what torch keeps of the card's memory for later."""
        torch.cuda.empty_cache()

    def hand_over(self) -> None:
        """Count one more mark, once the card has done all work so far."""
        self._own += 1
        self._write(self._stream(), self._place(own=True), self._own)

    def take_over(self) -> None:
        """Have the card do no further work of this process before the other's next mark."""
        self._other += 1
        address, value = ctypes.c_uint64(self._place(own=False)), ctypes.c_uint32(self._other)
        _call("cuStreamWaitValue32_v2", self._stream(), address, value, ctypes.c_uint(_AT_LEAST))

    def point(self) -> torch.cuda.Event:
        """All work up to here."""
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self._index))
        return event

    def finish(self) -> None:
        """Wait until the card has done all work of this process."""
        torch.cuda.synchronize(self._index)

    def release(self) -> None:
        """Make the other's marks in its stead: it is gone, and what waits for it may go on.

        On every stream that there is: one of them may stand in a queue behind what waits.
        """
        for _ in range(_STREAMS):
            aside = torch.cuda.Stream(self._index)
            self._write(ctypes.c_void_p(aside.cuda_stream), self._place(own=False), self._other)

    def _place(self, own: bool) -> int:
        """Address of a count: the creator's is the first."""
        return self._marks + (0 if own == self._creator else 4)

    def _stream(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(torch.cuda.current_stream(self._index).cuda_stream)

    def _write(self, stream: ctypes.c_void_p, place: int, value: int) -> None:
        _call("cuStreamWriteValue32_v2", stream, ctypes.c_uint64(place), ctypes.c_uint32(value), ctypes.c_uint(0))

    def _tensor(self, address: int, size: int) -> torch.Tensor:
        found = torch.as_tensor(_Array(address, size), device=self.torch_device())
        assert found.data_ptr() == address, "torch copied what it was to look at"
        return found

    def _properties(self) -> _Properties:
        return _Properties(_PINNED, _FILE_DESCRIPTOR, _Location(_ON_DEVICE, self._index))

    def _whole(self, size: int) -> int:
        """Bytes of the memory for two buffers and the marks: whole pages of the card."""
        properties, grain = self._properties(), ctypes.c_size_t()
        _call("cuMemGetAllocationGranularity", ctypes.byref(grain), ctypes.byref(properties), 0)
        return -(-(2 * size + _MARKS_BYTES) // grain.value) * grain.value


_NO_FLAGS = ctypes.c_uint64(0)


class _Array:
    """Memory on the card, as torch wants to be shown it."""

    def __init__(self, address: int, size: int) -> None:
        self.__cuda_array_interface__: dict[str, Any] = {
            "shape": (size,),
            "typestr": "|u1",
            "data": (address, False),
            "strides": None,
            "version": 3,
        }


def _call(name: str, *arguments: Any) -> None:
    """A call of the driver.

    Raises:
        CudaError: It failed.
    """
    driver = ctypes.CDLL("libcuda.so.1")
    status = getattr(driver, name)(*arguments)
    if status != 0:
        text = ctypes.c_char_p()
        driver.cuGetErrorString(status, ctypes.byref(text))
        raise CudaError(f"{name}: {(text.value or b'unknown error').decode()}")
