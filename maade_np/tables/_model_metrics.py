"""The official file's protobuf message ``ModelMetrics``, one at a time or many of one layout at once.

The schema (`nasbench/lib/model_metrics.proto`)::

    ModelMetrics                                  EvaluationData
      1 repeated EvaluationData evaluation_data     1 double current_epoch
      2 int32 trainable_parameters                  2 double training_time
      3 double total_time                           3 double train_accuracy
                                                    4 double validation_accuracy
                                                    5 double test_accuracy
                                                    6 string checkpoint_path

A message is a run of fields, each a tag and a value whose extent the tag and, where there is one,
a length prefix give. So parsing one message yields a *layout*: which of its bytes decide the
structure, and where the wanted values are. Every message that agrees with it in those bytes has
its values in the same places, and is read by slicing an array.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

import numpy as np

CHECKPOINTS = 3  # initialisation, half-way, final; the first is not used
KEPT = CHECKPOINTS - 1
METRICS = 4  # training_time, train, validation and test accuracy

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EVALUATION, _PARAMETERS, _TOTAL_TIME = 1, 2, 3
_WIRE_OF_MODEL = {_EVALUATION: _BYTES, _PARAMETERS: _VARINT, _TOTAL_TIME: _FIXED64}
_WIRE_OF_EVALUATION = {1: _FIXED64, 2: _FIXED64, 3: _FIXED64, 4: _FIXED64, 5: _FIXED64, 6: _BYTES}
_FIRST_METRIC = 2  # field number of training_time
_LONGEST_VARINT = 10
_ABSENT = -1
_CONTINUES = 0x80
_UINT64 = 2**64 - 1
_DOUBLE = Struct("<d").unpack_from


class Layout(NamedTuple):
    """Where in a message of P bytes the wanted values are.

    Attributes
    ----------
    fixed : bytes
        P masks of the bits that decide the structure: whole tags and lengths, and of every
        varint whether it goes on.
    example : bytes
        A message of this layout.
    doubles : tuple of int
        Eight offsets, half-way and final by metric; -1 where the field is absent, so 0.
    parameters : range
        The bytes of the varint `trainable_parameters`; empty where absent.
    """

    fixed: bytes
    example: bytes
    doubles: tuple[int, ...]
    parameters: range

    def matches(self, messages: np.ndarray) -> np.ndarray:
        """Which messages, uint8 (n, P), have this layout, bool (n,)."""
        fixed, example = (np.frombuffer(b, dtype=np.uint8) for b in (self.fixed, self.example))
        return ((messages & fixed) == (example & fixed)).all(axis=1)

    def read(self, messages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Metrics, float64 (n, 2, 4), and parameters, uint64 (n,), of messages of this layout."""
        metrics = np.zeros((len(messages), KEPT * METRICS))
        for k, at in enumerate(self.doubles):
            if at != _ABSENT:
                metrics[:, k] = np.ascontiguousarray(messages[:, at : at + 8]).view("<f8")[:, 0]
        parameters = np.zeros(len(messages), dtype=np.uint64)
        for k, at in enumerate(self.parameters):
            parameters |= (messages[:, at] & np.uint64(0x7F)) << np.uint64(7 * k)
        return metrics.reshape(-1, KEPT, METRICS), parameters

    def read_example(self) -> tuple[list[float], int]:
        """The eight metrics and the parameters of the message the layout was learned from."""
        metrics = [_DOUBLE(self.example, at)[0] if at != _ABSENT else 0.0 for at in self.doubles]
        parameters = 0
        if self.parameters:
            parameters, _ = _varint(self.example, self.parameters.start, self.parameters.stop)
        return metrics, parameters & _UINT64


class _Field(NamedTuple):
    """A field of a message: its number, and where its value is."""

    number: int
    start: int
    stop: int


def learn_layout(message: bytes) -> Layout:
    """The layout of a message, by parsing it.

    Unknown fields are passed over by their wire type; of a field that occurs more than once the
    last counts, except `evaluation_data`, which must occur three times.

    Raises
    ------
    ValueError
        Truncated, a field of a wrong wire type, or another number of `evaluation_data`.
    """
    fixed = bytearray(len(message))
    evaluations, parameters = [], range(0)
    for field in _fields(message, 0, len(message), _WIRE_OF_MODEL, fixed):
        if field.number == _EVALUATION:
            evaluations.append((field.start, field.stop))
        elif field.number == _PARAMETERS:
            parameters = range(field.start, field.stop)
    if len(evaluations) != CHECKPOINTS:
        raise ValueError(
            f"its message has {len(evaluations)} evaluation_data, expected {CHECKPOINTS}: "
            "initialisation, half-way and final"
        )
    doubles = [_ABSENT] * (CHECKPOINTS * METRICS)
    for checkpoint, (start, stop) in enumerate(evaluations):
        for field in _fields(message, start, stop, _WIRE_OF_EVALUATION, fixed):
            if 0 <= (metric := field.number - _FIRST_METRIC) < METRICS:
                doubles[METRICS * checkpoint + metric] = field.start
    return Layout(bytes(fixed), message, tuple(doubles[METRICS:]), parameters)


def _fields(
    message: bytes, at: int, end: int, wires: dict[int, int], fixed: bytearray
) -> Iterator[_Field]:
    """The fields between two offsets; marks in `fixed` the bits that decide the structure."""
    while at < end:
        tag = at
        key, at = _varint(message, at, end)
        number, wire = key >> 3, key & 7
        fixed[tag:at] = b"\xff" * (at - tag)
        start = at
        if wire == _VARINT:
            _, at = _varint(message, at, end)
            fixed[start:at] = bytes([_CONTINUES]) * (at - start)
        elif wire == _BYTES:
            size, start = _varint(message, at, end)
            fixed[at:start] = b"\xff" * (start - at)
            at = start + size
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"its message has a field of wire type {wire} at byte {tag}")
        if at > end:
            raise ValueError(f"its message is truncated: field {number} at byte {tag} ends beyond")
        if number == 0 or wires.get(number, wire) != wire:
            raise ValueError(f"its message has field {number} of wire type {wire} at byte {tag}")
        yield _Field(number, start, at)


def _varint(message: bytes, at: int, end: int) -> tuple[int, int]:
    """The number that starts at an offset, and the offset behind it."""
    if at < end and message[at] < _CONTINUES:
        return message[at], at + 1
    value = 0
    for k, byte in enumerate(message[at : min(end, at + _LONGEST_VARINT)]):
        value |= (byte & 0x7F) << (7 * k)
        if not byte & _CONTINUES:
            return value, at + k + 1
    raise ValueError(f"its message is truncated, or has a number without end, at byte {at}")
