"""Names the test pictures with `strata predict` and with torchvision, and compares the five likeliest classes.

    python Reference/pictures_check.py .build/release/strata [NETWORK]

The pictures are those of Tests/Fixtures/images: JPEG and PNG of every kind, all orientations, 1×1 to 6000×4000. The
network has weights by chance, made steep so that pictures get different names. The exit status is 1 if a picture's
classes differ in more than the order of two that PyTorch too finds equally likely, to 1%.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
import torchvision
from PIL import Image, ImageOps
from safetensors.torch import save_file
from torchvision.transforms._presets import ImageClassification

from common import FIXTURES


def network(name):
    """Every picture gets a name of its own: the statistics are those of the pictures, the last layer is steep."""
    torch.manual_seed(5)
    model = getattr(torchvision.models, name)(weights=None)
    for _ in range(20):
        model(torch.randn(8, 3, 224, 224) + torch.randn(8, 3, 1, 1))
    last = [m for m in model.modules() if isinstance(m, torch.nn.Linear)][-1]
    last.weight.data.normal_(std=0.5)
    return model.eval()


def main():
    warnings.filterwarnings("ignore")
    tool, name = sys.argv[1], (sys.argv[2:] or ["resnet18"])[0]
    preset = ImageClassification(crop_size=224, resize_size=256)
    index = json.loads((FIXTURES / "images" / "index.json").read_text())
    paths = [FIXTURES / "images" / picture["file"] for picture in index["pictures"]]
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        model = network(name)
        weights = Path(folder) / "w.safetensors"
        save_file({key: value.contiguous() for key, value in model.state_dict().items()}, weights)
        run = subprocess.run([tool, "predict", name, "--weights", weights, "--json", *paths],
                             stdout=subprocess.PIPE, check=True)
        same, wrong, worst, winners = 0, [], 0.0, set()
        for path, row in zip(paths, json.loads(run.stdout), strict=True):
            picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
            wanted = model(preset(picture)[None]).softmax(dim=1)[0]
            found = [(p["index"], p["probability"]) for p in row["predictions"]]
            best = wanted.topk(5).indices.tolist()
            winners.add(best[0])
            same += [i for i, _ in found] == best
            worst = max([worst] + [abs(p - wanted[i].item()) for i, p in found])
            if any(abs(wanted[i] - wanted[j]) > 0.01 * wanted[j] for (i, _), j in zip(found, best)):
                wrong.append(path.name)
    print(f"{name}: {len(paths)} pictures, {len(winners)} different first classes; the same five in the same order "
          f"for {same}; probabilities differ by {worst:.1e} at most")
    if wrong:
        print(f"different: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
