"""The four networks of the lab: AlexNet, VGG16, ResNet50 and MobileNetV1.

Class names, attribute names and the order of construction decide what print()
shows and how the state_dict is keyed, so they are part of the contract.
"""

import torch
from torch import nn


def conv_relu(inputs, outputs, **options):
    return [nn.Conv2d(inputs, outputs, **options), nn.ReLU(inplace=True)]


class AlexNet(nn.Module):
    def __init__(self, num_classes=1000):
        super().__init__()
        shrink = dict(kernel_size=3, stride=2)
        self.features = nn.Sequential(
            *conv_relu(3, 96, kernel_size=11, stride=4, padding=2), nn.MaxPool2d(**shrink),
            *conv_relu(96, 256, kernel_size=5, padding=2), nn.MaxPool2d(**shrink),
            *conv_relu(256, 384, kernel_size=3, padding=1),
            *conv_relu(384, 384, kernel_size=3, padding=1),
            *conv_relu(384, 256, kernel_size=3, padding=1), nn.MaxPool2d(**shrink),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(inplace=True),
            nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class VGG16(nn.Module):
    BLOCKS = [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)]  # (convolutions, channels)

    def __init__(self, num_classes=1000):
        super().__init__()
        layers, channels = [], 3
        for depth, width in self.BLOCKS:
            for _ in range(depth):
                layers += conv_relu(channels, width, kernel_size=3, padding=1)
                channels = width
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout(),
            nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inputs, width, stride=1, downsample=None):
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        # None is an attribute, not a child module: print() then leaves it out.
        self.downsample = downsample

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + shortcut)


class ResNet50(nn.Module):
    STAGES = [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]  # (width, blocks, stride)

    def __init__(self, num_classes=1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        channels = 64
        for number, (width, blocks, stride) in enumerate(self.STAGES, start=1):
            setattr(self, f"layer{number}", self.stage(channels, width, blocks, stride))
            channels = width * Bottleneck.expansion
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(channels, num_classes)

    @staticmethod
    def stage(inputs, width, blocks, stride):
        outputs = width * Bottleneck.expansion
        # Every stage changes the channel count, so its first block always projects the shortcut.
        projection = nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False),
            nn.BatchNorm2d(outputs),
        )
        first = Bottleneck(inputs, width, stride, projection)
        return nn.Sequential(first, *(Bottleneck(outputs, width) for _ in range(blocks - 1)))

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


class DepthwiseSeparableConv(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.depthwise = nn.Conv2d(
            inputs, inputs, kernel_size=3, stride=stride, padding=1, groups=inputs, bias=False
        )
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.pointwise = nn.Conv2d(inputs, outputs, kernel_size=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.relu1(self.bn1(self.depthwise(x)))
        return self.relu2(self.bn2(self.pointwise(x)))


class MobileNetV1(nn.Module):
    BLOCKS = (
        [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
        + [(512, 1)] * 5
        + [(1024, 2), (1024, 1)]
    )  # (channels, stride)

    def __init__(self, num_classes=1000):
        super().__init__()
        channels = 32
        layers = [
            nn.Conv2d(3, channels, kernel_size=3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
        for width, stride in self.BLOCKS:
            layers.append(DepthwiseSeparableConv(channels, width, stride))
            channels = width
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


# name of the fixture files: (class, parameters with 1000 classes, multiply-adds at 224 x 224)
NETWORKS = {
    "alexnet": (AlexNet, 62_378_344, 1_135_256_096),
    "vgg16": (VGG16, 138_357_544, 15_470_264_320),
    "resnet50": (ResNet50, 25_557_032, 4_089_184_256),
    "mobilenet_v1": (MobileNetV1, 4_231_976, 568_740_352),
}


def parameter_count(model):
    return sum(p.numel() for p in model.parameters())


def skeleton(name, num_classes=1000):
    """The network without storage: enough for names, shapes and print()."""
    with torch.device("meta"):
        model = NETWORKS[name][0](num_classes)
    if num_classes == 1000:
        assert parameter_count(model) == NETWORKS[name][1], name
    return model


def empty(name, num_classes=1000):
    """The network with storage but without the cost of random initialisation."""
    return skeleton(name, num_classes).to_empty(device="cpu")
