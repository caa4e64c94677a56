"""The whole lab with PyTorch: check the installation, then build and run the four networks."""

import torch

from networks import NETWORKS, parameter_count


def check_environment():
    x = torch.tensor([[1, 2], [3, 4]])
    y = torch.tensor([[5, 6], [7, 8]])
    print("张量x:\n", x)
    print("张量y:\n", y)
    print("x + y:\n", x + y)
    print("CUDA是否可用:", torch.cuda.is_available())


def run(network):
    model = network(num_classes=1000)
    print(model)
    output = model(torch.randn(1, 3, 224, 224))
    print("输出维度:", output.shape)
    print("模型总参数量:", parameter_count(model))


if __name__ == "__main__":
    check_environment()
    for network, _, _ in NETWORKS.values():
        run(network)
