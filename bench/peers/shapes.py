"""Phi-3.5-Vision's sizes (../shared/reference/phi-3.5-vision.md), for every peer alike."""

LAYERS, HIDDEN, MLP, VOCAB = 32, 3072, 8192, 32064
HEADS, HEAD = 32, 96
TOWER_LAYERS, WIDTH, TOWER_MLP = 23, 1024, 4096  # the 24th layer is never needed
TOWER_HEADS, TOWER_HEAD, PATCH, SIDE = 16, 64, 14, 336
PATCHES = (SIDE // PATCH) ** 2  # of a view; with the class token 577
VIEWS = 5  # of a picture of 2 x 2 crops: four crops and the global view
PICTURE_TOKENS = 757
PROMPT, ANSWER = 779, 100
DECODE_STEPS = 16  # of which a figure is the median, as in `ocellus bench`
