"""metrics.json: scikit-learn's and PyTorch's metrics of scores, and TensorBoard's bytes of an event.

Scores are values of the formula from -2 to 2, the labels an example's number times 7 modulo the classes, with class 4
left out of the labels. Run with scikit-learn and tensorboard installed: `python Reference/metrics.py`.
"""

import io

import numpy as np
import torch
from sklearn import metrics
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

import formula
from common import write_cases


class Buffer(io.BytesIO):
    def close(self):
        """Keep the bytes."""


def event():
    values = [Summary.Value(tag="loss/train", simple_value=0.625), Summary.Value(tag="lr", simple_value=0.1)]
    buffer = Buffer()
    RecordWriter(buffer).write(Event(wall_time=1.5, step=300, summary=Summary(value=values)).SerializeToString())
    return buffer.getvalue().hex()


def case(count, classes):
    name = f"{count}x{classes}"
    scores = formula.values(f"scores{name}", (count, classes), -2, 2)
    labels = torch.tensor([index * 7 % classes for index in range(count)])
    labels[labels == 4] = 0
    answers = scores.argmax(dim=1)
    known = list(range(classes))
    top5 = (scores.topk(min(5, classes), dim=1).indices == labels[:, None]).any(dim=1)
    per_class = dict(labels=known, average=None, zero_division=np.nan)
    # What nothing defines is null.
    plain = lambda values: [None if np.isnan(v) else float(v) for v in values]
    f1 = metrics.f1_score(labels, answers, **per_class)
    return {
        "name": name, "labels": labels.tolist(),
        "loss": torch.nn.functional.cross_entropy(scores.double(), labels).item(),
        "top1": metrics.accuracy_score(labels, answers), "top5": top5.double().mean().item(),
        "macro_f1": metrics.f1_score(labels, answers, average="macro", zero_division=0),
        "recall": plain(metrics.recall_score(labels, answers, **per_class)),
        "precision": plain(metrics.precision_score(labels, answers, **per_class)), "f1": plain(f1),
        "confusion": metrics.confusion_matrix(labels, answers, labels=known).tolist(),
    }


if __name__ == "__main__":
    write_cases("metrics.json", [case(57, 10), case(23, 3), case(40, 12)], event=event())
