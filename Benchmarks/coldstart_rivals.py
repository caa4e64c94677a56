"""A rival's cold start: `python coldstart_rivals.py run PEER MODEL FOLDER THREADS` loads, computes, says `done`.

`prepare MODEL FOLDER PEER…` writes the files that they load; `nothing` imports what all of them need anyway.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "Reference")]

import numpy as np


def prepare(model, folder, *peers):
    import torch

    import rivals

    folder = Path(folder)
    failed = rivals.prepare(model, folder, [1], [p for p in peers if p in ["onnxruntime", "openvino", "ncnn"]])
    for name, reason in failed.items():
        print(f"without {name}: {reason}", file=sys.stderr)
    if "torch" in peers:
        from safetensors.torch import load_file

        torch.save(load_file(folder / "weights.safetensors"), folder / "weights.pt")
    if "openvino" in peers:
        import openvino as ov

        ov.save_model(ov.convert_model(folder / "b1.onnx"), folder / "net.xml", compress_to_fp16=False)


def torch_network(model, folder, threads, load):
    import torch

    from networks import skeleton

    torch.set_num_threads(threads)
    network = skeleton(model).eval()
    network.load_state_dict(load(torch), assign=True)
    with torch.inference_mode():
        return network(torch.from_numpy(np.load(folder / "x1.npy"))).numpy()


def torch(model, folder, threads):
    return torch_network(model, folder, threads,
                         lambda t: t.load(folder / "weights.pt", mmap=True, weights_only=True))


def torch_safetensors(model, folder, threads):
    def load(_):
        from safetensors.torch import load_file

        return load_file(folder / "weights.safetensors")

    return torch_network(model, folder, threads, load)


def onnxruntime(model, folder, threads):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(folder / "b1.onnx", options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: np.load(folder / "x1.npy")})[0]


def openvino(model, folder, threads):
    import openvino as ov

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(str(folder / "net.xml"), "CPU", settings)
    return compiled.create_infer_request().infer([np.load(folder / "x1.npy")])[0]


def ncnn(model, folder, threads):
    import ncnn as engine

    net = engine.Net()
    net.opt.num_threads = threads
    for half in ["use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"]:
        setattr(net.opt, half, False)
    net.load_param(str(folder / "net.ncnn.param"))
    net.load_model(str(folder / "net.ncnn.bin"))
    extractor = net.create_extractor()
    image = np.load(folder / "x1.npy")[0]  # which a Mat only points to
    extractor.input("in0", engine.Mat(image))
    return np.array(extractor.extract("out0")[1])[None]


def main():
    order, *words = sys.argv[1:]
    if order == "prepare":
        return prepare(*words)
    if order == "run":
        peer, model, folder, threads = words
        scores = globals()[peer.replace("-", "_")](model, Path(folder), int(threads))
    # Written past the libraries, which may have output of their own in mind.
    import os

    os.write(1, b"done\n")
    if order == "run":
        np.save(Path(folder) / f"{peer}.npy", scores)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
