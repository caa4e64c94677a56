"""A rival in a process of its own, told by lines of JSON what to do: `python rivals.py`.

The first line says {"peer", "model", "folder", "batch", "threads"}; the answer is {"version"}.
{"output": PATH} writes what the network computes, {"seconds": S, "passes": N} measures passes for S
seconds, at least N of them, and answers {"times": [...], "peak": BYTES}. The end of the input ends the process.
With "train" in the first line a pass is a step of training; {"losses": N} answers those of the next N steps.

`python rivals.py prepare MODEL FOLDER BATCHES PEERS` writes the weights, inputs and converted networks first;
its answer is {"failed": {PEER: REASON}}: a converter that fails costs its rival, not the comparison.
"""

import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Reference"))
warnings.filterwarnings("ignore", category=DeprecationWarning)


# What all rivals start from.

def prepare(model, folder, batches, peers):
    import torch
    from safetensors.torch import save_file

    import formula
    from networks import empty

    network = formula.fill(empty(model)).eval()
    save_file(network.state_dict(), folder / "weights.safetensors")
    for batch in batches:
        x = formula.input_tensor((batch, 3, 224, 224))
        np.save(folder / f"x{batch}.npy", x.numpy())
        if {"onnxruntime", "openvino"} & set(peers):
            # One file for each batch: with all sizes known both engines optimise most.
            torch.onnx.export(network, (x,), folder / f"b{batch}.onnx", dynamo=False)
    try:
        if "ncnn" in peers:
            convert_to_ncnn(network, folder)
    except Exception as error:
        return {"ncnn": reason(error)}
    return {}


def convert_to_ncnn(network, folder):
    import pnnx
    import torch

    os.chdir(folder)  # the converter writes its by-products where it stands
    pnnx.export(network, "net.pt", torch.zeros(1, 3, 224, 224), fp16=False)
    for leftover in ["net.pt", "net.pnnx.bin", "net.pnnx.onnx"]:
        Path(leftover).unlink(missing_ok=True)


def reason(error):
    return f"{type(error).__name__}: {error}".splitlines()[0]


# Each rival: a function that loads the network and returns its version and its forward pass on `x`.

def torch_network(job):
    import torch
    from safetensors.torch import load_file

    from networks import skeleton

    torch.set_num_threads(job["threads"])
    torch.set_grad_enabled(False)
    network = skeleton(job["model"])
    network.load_state_dict(load_file(job["folder"] / "weights.safetensors"), assign=True)
    return torch, network.eval()


def torch_eager(job, x):
    torch, network = torch_network(job)
    x = torch.from_numpy(x)
    return torch.__version__, lambda: network(x).numpy()


def torch_channels_last(job, x):
    torch, network = torch_network(job)
    network.to(memory_format=torch.channels_last)
    x = torch.from_numpy(x).to(memory_format=torch.channels_last)
    return torch.__version__, lambda: network(x).numpy()


def torch_compile(job, x):
    torch, network = torch_network(job)
    import torch._inductor.config as inductor

    inductor.freezing = True  # weights become constants: folded, packed
    network = torch.compile(network)
    x = torch.from_numpy(x)
    return torch.__version__, lambda: network(x).numpy()


def onnxruntime(job, x):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    session = ort.InferenceSession(
        job["folder"] / f"b{job['batch']}.onnx", options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: x}
    return ort.__version__, lambda: session.run(None, feed)[0]


def openvino(job, x):
    import openvino as ov

    settings = {"INFERENCE_NUM_THREADS": job["threads"], "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32"}  # else newer processors compute in bfloat16
    compiled = ov.Core().compile_model(str(job["folder"] / f"b{job['batch']}.onnx"), "CPU", settings)
    request = compiled.create_infer_request()
    return ov.__version__, lambda: request.infer([x], share_inputs=True, share_outputs=True)[0]


def ncnn(job, x):
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = job["threads"]
    for half in ["use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"]:
        setattr(net.opt, half, False)
    net.load_param(str(job["folder"] / "net.ncnn.param"))
    net.load_model(str(job["folder"] / "net.ncnn.bin"))
    images = [ncnn.Mat(image) for image in x]

    def scores(image):
        extractor = net.create_extractor()
        extractor.input("in0", image)
        return np.array(extractor.extract("out0")[1])

    # It has no batches: one image after the other is how it is used.
    return ncnn.__version__, lambda: np.stack([scores(image) for image in images])


# Training: the same for each way of PyTorch. A pass is a step, its result the loss.

def torch_training(job, x):
    import torch
    from safetensors.torch import load_file

    from networks import skeleton

    torch.set_num_threads(job["threads"])
    network = skeleton(job["model"])
    network.load_state_dict(load_file(job["folder"] / "weights.safetensors"), assign=True)
    network.train().requires_grad_()
    if not job["dropout"]:
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0
    x = torch.from_numpy(x)
    if job["peer"] == "torch-channels-last":
        network.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    labels = torch.arange(len(x)) * 37 % 1000
    forward = torch.compile(network) if job["peer"] == "torch-compile" else network

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(forward(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return torch.__version__, step


PEERS = {"torch-eager": torch_eager, "torch-channels-last": torch_channels_last,
         "torch-compile": torch_compile, "onnxruntime": onnxruntime, "openvino": openvino, "ncnn": ncnn}


# The conversation.

def measure(forward, seconds, passes):
    forward()  # what slept is awake again
    times, start = [], time.perf_counter()
    while len(times) < passes or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        forward()
        times.append(time.perf_counter() - begin)
    return times


def serve(answers):
    job = json.loads(sys.stdin.readline())
    job["folder"] = Path(job["folder"])
    x = np.load(job["folder"] / f"x{job['batch']}.npy")
    version, forward = (torch_training if job.get("train") else PEERS[job["peer"]])(job, x)
    for _ in range(0 if job.get("train") else 3):
        forward()
    answers(version=version.split("+")[0].split("-")[0])
    for line in sys.stdin:
        order = json.loads(line)
        if path := order.get("output"):
            np.save(path, np.array(forward()))
            answers()
        elif count := order.get("losses"):
            answers(losses=[forward() for _ in range(count)])
        else:
            times = measure(forward, order["seconds"], order["passes"])
            answers(times=times, peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def main():
    # Answers have a channel of their own: libraries write to standard output what they like.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answers(**values):
        print(json.dumps(values), file=channel, flush=True)

    try:
        if sys.argv[1:2] == ["prepare"]:
            model, folder, batches, peers = sys.argv[2:]
            answers(failed=prepare(model, Path(folder), json.loads(batches), json.loads(peers)))
        else:
            serve(answers)
    except Exception as error:  # the reason is what the user needs, whatever it is
        answers(error=reason(error))
        sys.exit(2)


if __name__ == "__main__":
    main()
