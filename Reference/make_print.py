"""print/*.txt and print/modules.json: the text print(model) shows.

BatchNorm of torch 2.0 did not print its `bias`; nothing else differs between the two texts.
"""

import re
from collections import OrderedDict

from torch import nn

from common import write_list, write_text
from networks import NETWORKS, skeleton

MODULES = """
Conv2d(3, 64, kernel_size=3)
Conv2d(3, 64, kernel_size=(3, 5), stride=2)
Conv2d(3, 64, kernel_size=3, stride=(2, 1))
Conv2d(3, 96, kernel_size=11, stride=4, padding=2)
Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1))
Conv2d(16, 16, 3, padding=(0, 1))
Conv2d(16, 32, 3, padding=1, dilation=2)
Conv2d(32, 32, 3, padding=1, groups=32, bias=False)
Conv2d(8, 16, 3, groups=4)
Conv2d(64, 64, kernel_size=1, bias=False)
Conv2d(64, 64, kernel_size=3, padding='same')
Conv2d(64, 64, kernel_size=3, padding='valid')
Conv2d(4, 4, kernel_size=(5, 3), padding='same', dilation=2, groups=2, bias=False)
Conv2d(3, 8, 3, padding=0, dilation=1)
BatchNorm2d(64)
BatchNorm2d(64, eps=0.001)
BatchNorm2d(64, eps=1e-06, momentum=0.01)
BatchNorm2d(64, eps=1e-3, momentum=0.9)
BatchNorm2d(64, eps=0.0001)
BatchNorm2d(64, eps=0.00001)
BatchNorm2d(64, eps=1, momentum=1)
BatchNorm2d(64, eps=2.5e-05, momentum=0.03)
BatchNorm2d(64, affine=False)
BatchNorm2d(64, bias=False)
BatchNorm2d(64, track_running_stats=False)
BatchNorm2d(64, affine=False, track_running_stats=False)
BatchNorm2d(64, momentum=None)
ReLU()
ReLU(inplace=True)
ReLU6()
ReLU6(inplace=True)
LeakyReLU()
LeakyReLU(0.2)
LeakyReLU(0.1, inplace=True)
Hardswish()
Hardswish(inplace=True)
Hardsigmoid()
Hardsigmoid(inplace=True)
Sigmoid()
SiLU()
SiLU(inplace=True)
GELU()
GELU(approximate='tanh')
Tanh()
Softmax()
Softmax(dim=1)
Softmax(dim=-1)
LogSoftmax(dim=1)
LogSoftmax()
Identity()
Identity(54, unused=True)
MaxPool2d(2)
MaxPool2d(3, stride=2)
MaxPool2d(kernel_size=3, stride=2, padding=1)
MaxPool2d((3, 2), stride=(2, 1))
MaxPool2d(3, stride=2, padding=(1, 0), ceil_mode=True)
MaxPool2d(3, stride=1, padding=1, dilation=2)
MaxPool2d(3, dilation=(1, 2), return_indices=True)
AvgPool2d(2)
AvgPool2d(7, stride=1)
AvgPool2d((3, 2), stride=(2, 1), padding=(1, 0))
AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
AvgPool2d(3, stride=2, ceil_mode=True)
AvgPool2d(2, divisor_override=3)
AdaptiveAvgPool2d(1)
AdaptiveAvgPool2d((1, 1))
AdaptiveAvgPool2d((5, 7))
AdaptiveAvgPool2d((None, 7))
AdaptiveAvgPool2d(None)
AdaptiveAvgPool2d([6, 6])
Linear(2048, 1000)
Linear(1, 1)
Linear(1280, 10, bias=False)
Dropout()
Dropout(p=0.2)
Dropout(0.2, inplace=True)
Dropout(0)
Dropout(p=1)
Flatten()
Flatten(0)
Flatten(start_dim=1, end_dim=2)
Flatten(2, -1)
Sequential()
Sequential(ReLU())
Sequential(Conv2d(3, 8, 3), ReLU(inplace=True))
Sequential(Linear(4, 4), Linear(4, 4), ReLU())
Sequential(Sequential(), ReLU())
Sequential(Sequential(Conv2d(3, 8, 1, bias=False), BatchNorm2d(8)), Sequential(Sequential(ReLU())))
Sequential(OrderedDict([('conv', Conv2d(1, 20, 5)), ('act', Sequential(ReLU(), Dropout()))]))
ModuleList()
ModuleList([ReLU()])
ModuleList([Linear(4, 4), Linear(4, 4), Linear(4, 4)])
ModuleList([ReLU(), ReLU(), Tanh(), ReLU()])
ModuleList([Linear(4, 8), Linear(4, 4), Linear(4, 4), Dropout(0.1)])
ModuleList([Dropout(0.1), Dropout(0.2), Dropout(0.2)])
ModuleList([Sequential(Linear(2, 2), ReLU()), Sequential(Linear(2, 2), ReLU()), Sequential(Linear(2, 3))])
ModuleList([ModuleList([ReLU(), ReLU()]), ModuleList([ReLU(), ReLU()])])
ModuleList([ModuleList(), ModuleList()])
Sequential(ModuleList([BatchNorm2d(3), BatchNorm2d(3)]), Identity())
ModuleList([ReLU() for _ in range(12)])
""".strip().splitlines()


def old_text(text):
    return re.sub(r"(BatchNorm\dd\([^)]*?), bias=(?:True|False)", r"\1", text)


def main():
    for name in NETWORKS:
        text = str(skeleton(name))
        write_text(f"print/{name}.txt", text + "\n")
        write_text(f"print/{name}.torch20.txt", old_text(text) + "\n")

    scope = {**vars(nn), "OrderedDict": OrderedDict}
    entries = []
    for expression in MODULES:
        text = str(eval(expression, scope))
        entries.append({"name": expression, "text": text, "text_torch20": old_text(text)})
    assert len({e["name"] for e in entries}) == len(entries) >= 45
    write_list("print/modules.json", entries)


if __name__ == "__main__":
    main()
