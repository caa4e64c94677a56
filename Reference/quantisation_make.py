"""What a small network gives when PyTorch rounds to 8 bits what its layers read, and their weights."""

import torch
from torch import nn
from torch.nn import functional as F

from common import write_cases, write_tensors


class Net(nn.Module):
    """Signed and unsigned inputs, pooling, a residual, groups, ReLU6, a classifier."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 16, 3, padding=1)
        self.b = nn.Conv2d(16, 16, 3, padding=1)
        self.c = nn.Conv2d(16, 16, 1, bias=False)
        self.d = nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16)
        self.e = nn.Conv2d(16, 32, 1)
        self.f = nn.Linear(288, 20)
        self.g = nn.Linear(20, 6)

    def forward(self, x, read):
        x = F.max_pool2d(F.relu(self.layer("a", x, read)), 2)
        y = F.relu(self.layer("b", x, read))
        y = F.relu(self.layer("c", y, read) + read("c.residual", x))
        y = F.relu6(self.layer("d", y, read))
        y = self.layer("e", y, read)
        y = F.relu(self.layer("f", y.flatten(1), read))
        return self.layer("g", y, read)

    def layer(self, name, x, read):
        module = getattr(self, name)
        x = read(f"{name}.input", x)
        weight = read(f"{name}.weight", module.weight)
        if isinstance(module, nn.Linear):
            return F.linear(x, weight, module.bias)
        return F.conv2d(x, weight, module.bias, module.stride, module.padding, groups=module.groups)


def main():
    torch.manual_seed(7)
    net = Net().eval()
    image = torch.randn(4, 3, 12, 12)
    ranges = {}

    def watch(name, x):
        if not name.endswith("weight"):
            ranges[name] = (x.min().item() < 0, x.abs().max().item())
        return x

    def round_to_bytes(name, x):
        if name.endswith("weight"):
            scales = x.abs().amax(dim=tuple(range(1, x.dim()))) / 127
            return torch.fake_quantize_per_channel_affine(x, scales, torch.zeros_like(scales), 0, -127, 127)
        signed, limit = ranges[name]
        low, high = (-127, 127) if signed else (0, 255)
        return torch.fake_quantize_per_tensor_affine(x, limit / high, 0, low, high)

    with torch.no_grad():
        exact = net(image, watch)
        rounded = net(image, round_to_bytes)
    write_cases("quantisation.json", [{"name": n, "signed": s, "limit": m} for n, (s, m) in ranges.items()])
    write_tensors("quantisation.safetensors",
                  {"image": image, "exact": exact, "rounded": rounded, **net.state_dict()})


if __name__ == "__main__":
    main()
