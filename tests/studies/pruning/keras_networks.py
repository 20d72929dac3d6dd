"""Small residual networks as Keras saves them, and an independent walk over such a graph."""

from __future__ import annotations

import json

import h5py
import numpy as np
import torch
from torch.nn.functional import avg_pool2d, conv2d, pad


class KerasNetwork:
    """A graph that is put together layer by layer, with random weights and running statistics."""

    def __init__(self, blocks, *, width=2, seed=0):
        self.layers, self.weights, self.rng = [], {}, np.random.default_rng(seed)
        at = self.add("input_3", "InputLayer", batch_input_shape=[None, 32, 32, 3])
        at = self.relu("Act1_", self.norm("BatchNorm1_", self.convolution("Conv2D_", at, 3, width), width))
        n_in = width
        for stage, n_blocks in enumerate(blocks):
            n_out = width * 2**stage
            for place in range(n_blocks):
                stride = 2 if stage and not place else 1
                at = self.block(f"{stage}_{place}_0", at, n_in, n_out, stride)
                n_in = n_out
        at = self.add("average_pooling2d", "AveragePooling2D", at, pool_size=[8, 8], padding="valid")
        at = self.add("flatten", "Flatten", at)
        self.weights["dense"] = {"kernel": self.draw(n_in, 10), "bias": self.draw(10)}
        self.add("dense", "Dense", at, units=10, activation="softmax", use_bias=True)

    def draw(self, *shape):
        return self.rng.normal(0, 0.5, shape).astype(np.float32)

    def add(self, name, kind, *inputs, **config):
        nodes = [[[other, 0, 0, {}] for other in inputs]] if inputs else []
        self.layers.append({"name": name, "class_name": kind, "config": config, "inbound_nodes": nodes})
        return name

    def convolution(self, name, before, n_in, n_out, *, size=3, stride=1):
        self.weights[name] = {"kernel": self.draw(size, size, n_in, n_out), "bias": self.draw(n_out)}
        same = {"padding": "same", "activation": "linear", "dilation_rate": [1, 1], "use_bias": True}
        same |= {"filters": n_out, "kernel_size": [size, size], "data_format": "channels_last"}
        return self.add(name, "Conv2D", before, strides=[stride, stride], **same)

    def norm(self, name, before, n):
        self.weights[name] = {"gamma": self.draw(n), "beta": self.draw(n), "moving_mean": self.draw(n)}
        self.weights[name]["moving_variance"] = self.rng.uniform(0.001, 1, n).astype(np.float32)
        return self.add(name, "BatchNormalization", before, axis=[3], epsilon=0.001, center=True, scale=True)

    def relu(self, name, before):
        return self.add(name, "Activation", before, activation="relu")

    def block(self, place, before, n_in, n_out, stride):
        inner = self.convolution(f"Conv2D_{place}_1", before, n_in, n_out, stride=stride)
        inner = self.relu(f"Act1_{place}_1", self.norm(f"BatchNorm1_{place}_1", inner, n_out))
        inner = self.convolution(f"Conv2D_{place}_2", inner, n_out, n_out)
        skip = before
        if stride == 2:
            skip = self.convolution(f"Conv2D_{place}_3", before, n_in, n_out, size=1, stride=2)
        inner = self.norm(f"BatchNorm1_{place}_2", inner, n_out)
        return self.relu(f"activation_{place}", self.add(f"add_{place}", "Add", skip, inner))

    def save(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        graph, weights = folder / "net.json", folder / "net.h5"
        graph.write_text(json.dumps({"class_name": "Functional", "config": {"layers": self.layers}}))
        with h5py.File(weights, "w") as file:
            names = [layer["name"].replace("input_3", "input_1") for layer in self.layers]
            file.attrs["layer_names"] = [name.encode() for name in names]
            for name in names:
                group, arrays = file.create_group(name), self.weights.get(name, {})
                group.attrs["weight_names"] = [f"{name}/{part}:0".encode() for part in arrays]
                for part, values in arrays.items():
                    group[f"{name}/{part}:0"] = values
        return graph, weights


def walk(graph, weights, pictures):
    """Logits by going through the layers in their order, with the rules of Keras."""
    done = {}
    with h5py.File(weights) as file:
        stored = {
            name: [torch.tensor(group[w][()]) for w in group.attrs["weight_names"]] for name, group in file.items()
        }
    for layer in json.loads(graph.read_text())["config"]["layers"]:
        name = layer["name"]
        if layer["class_name"] == "InputLayer":
            done[name] = pictures
            continue
        before = [done[node[0]] for node in layer["inbound_nodes"][0]]
        done[name] = RULES[layer["class_name"]](layer["config"], stored[name], *before)
    return done[name]


def convolve(config, weights, x):
    stride, size, side = config["strides"][0], config["kernel_size"][0], x.shape[-1]
    zeros = max((-(-side // stride) - 1) * stride + size - side, 0)
    x = pad(x, (zeros // 2, zeros - zeros // 2) * 2)
    return conv2d(x, weights[0].permute(3, 2, 0, 1), weights[1], stride)


def normalize(config, weights, x):
    gamma, beta, mean, variance = (w[:, None, None] for w in weights)
    return gamma * (x - mean) / torch.sqrt(variance + config["epsilon"]) + beta


RULES = {
    "Conv2D": convolve,
    "BatchNormalization": normalize,
    "Activation": lambda config, weights, x: x.clamp(min=0),
    "Add": lambda config, weights, x, y: x + y,
    "AveragePooling2D": lambda config, weights, x: avg_pool2d(x, config["pool_size"]),
    "Flatten": lambda config, weights, x: x.flatten(1),
    "Dense": lambda config, weights, x: x @ weights[0] + weights[1],
}
