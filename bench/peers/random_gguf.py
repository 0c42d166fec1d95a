"""GGUF files of random weights: a speed does not depend on the values."""

import gguf
import numpy as np

TYPES = {
    "f32": gguf.GGMLQuantizationType.F32,
    "f16": gguf.GGMLQuantizationType.F16,
    "bf16": gguf.GGMLQuantizationType.BF16,
    "q4_0": gguf.GGMLQuantizationType.Q4_0,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
}
FILE_TYPES = {
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "bf16": gguf.LlamaFileType.MOSTLY_BF16,
    "q4_0": gguf.LlamaFileType.MOSTLY_Q4_0,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
}
# of one block: numbers that share a scale (float16, 2 bytes in front), bytes, size of a scale
BLOCKS = {"q4_0": (32, 18, 0.004), "q8_0": (32, 34, 0.00025)}


class RandomGguf(gguf.GGUFWriter):
    def __init__(self, path, architecture, kind):
        super().__init__(path, architecture)
        self.kind = kind  # of the matrices
        self.rng = np.random.default_rng(1)
        self.add_file_type(FILE_TYPES[kind])

    def norm(self, name, size):
        self.add_tensor(name, self.rng.uniform(0.9, 1.1, size).astype(np.float32))

    def small(self, name, *shape):
        """float32, as biases and positions always are."""
        values = self.rng.standard_normal(shape, dtype=np.float32)
        self.add_tensor(name, values * np.float32(0.02))

    def matrix(self, name, rows, cols):
        """[rows, cols] of the file's kind, or float16 where the blocks do not fit the columns."""
        if self.kind not in BLOCKS or cols % BLOCKS[self.kind][0]:
            values = self.rng.standard_normal((rows, cols), dtype=np.float32) * np.float32(0.02)
            if self.kind == "bf16":
                high = (values.view(np.uint32) >> 16).astype(np.uint16)  # cut, not rounded
                self.add_tensor(name, high.view(np.uint8), raw_dtype=TYPES["bf16"])
            else:
                self.add_tensor(name, values.astype(np.float16))
            return
        numbers, size, step = BLOCKS[self.kind]
        count = rows * cols // numbers
        blocks = np.frombuffer(self.rng.bytes(count * size), np.uint8).reshape(-1, size).copy()
        scale = (self.rng.uniform(0.5, 1.5, count) * step).astype(np.float16)
        blocks[:, :2] = scale.view(np.uint8).reshape(-1, 2)
        self.add_tensor(name, blocks.reshape(rows, -1), raw_dtype=TYPES[self.kind])

    def finish(self):
        self.write_header_to_file()
        self.write_kv_data_to_file()
        self.write_tensors_to_file()
        self.close()
