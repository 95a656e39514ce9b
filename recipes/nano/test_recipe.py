"""Quick checks of the recipe's parts: `python3 -m unittest` in this folder, a few seconds."""

import unittest

import numpy as np
import torch

import batches
import draw
import export
import questions
import scenes
import tokenizer as bpe
from model import IMAGE_TOKENS, SmolVLM

TOKENIZER = bpe.train(questions.UNKNOWN.split() + ["What color is the star?", "What color is the text?"] * 9, merges=40)


def scene_with(shape, color, x=0.5, y=0.5):
    scene = scenes.Scene("white", (250, 250, 250))
    scene.things = [scenes.Thing(shape, color, x, y, 0.25, 0.0, scenes.COLORS[color])]
    return scene


class Scenes(unittest.TestCase):
    def test_held_out_pairs_never_occur_in_training(self):
        rng = np.random.default_rng(1)
        for _ in range(300):
            for thing in scenes.sample(rng, kind="things").things:
                self.assertNotIn((thing.color, thing.shape), scenes.HELD_OUT_PAIRS)

    def test_held_out_shades_never_occur_in_training(self):
        rng = np.random.default_rng(3)
        off = lambda color, rgb: [abs(a - b) for a, b in zip(rgb, scenes.COLORS[color])]
        for color in list(scenes.COLORS) * 100:
            self.assertLessEqual(min(off(color, scenes.shade(color, rng))), scenes.NARROW)
            self.assertGreater(min(off(color, scenes.shade(color, rng, seen=False))), scenes.NARROW)

    def test_a_shade_that_could_bear_two_names_is_not_clear(self):
        self.assertTrue(scenes.clear("orange", (255, 150, 40)))
        self.assertFalse(scenes.clear("orange", (214, 171, 61)))  # nearer to yellow

    def test_answers_are_true(self):
        asked = questions.questions(scene_with("star", "red", x=0.2), np.random.default_rng(2), plain=True)
        self.assertIn(("color", "What color is the star?", "red"), asked)
        self.assertIn(("shape", "What shape is the red object?", "star"), asked)
        self.assertIn(("where", "Where is the red star?", "left"), asked)
        self.assertIn(("count", "How many objects are there?", "1"), asked)
        self.assertIn(("describe", "Describe the picture.", "a red star"), asked)

    def test_what_two_people_may_disagree_on_is_not_asked(self):
        self.assertIsNone(scene_with("star", "red", x=0.3, y=0.32).things[0].zone())


class Drawing(unittest.TestCase):
    def test_labels_say_what_the_pixels_show(self):
        scene = scene_with("circle", "green")
        pixels, (labels, offsets) = draw.render(scene), draw.dense_labels(scene)
        middle = (draw.GRID // 2) * draw.GRID + draw.GRID // 2
        np.testing.assert_array_equal(pixels[draw.SIDE // 2, draw.SIDE // 2], scenes.COLORS["green"])
        self.assertEqual(draw.KINDS[labels["kind"][middle]], "circle")
        self.assertEqual(draw.KINDS[labels["kind"][0]], "nothing")
        self.assertLess(np.abs(offsets[middle]).max(), 0.5)

    def test_every_character_has_its_patches(self):
        scene = scenes.Scene("white", (250, 250, 250), text="AB", text_color="red", text_rgb=(220, 30, 35))
        labels, _ = draw.dense_labels(scene)
        seen = set(zip(labels["character"][labels["character"] >= 0], labels["index"][labels["index"] >= 0]))
        self.assertEqual(seen, {(scenes.CHARACTERS.index("A"), 0), (scenes.CHARACTERS.index("B"), 1)})


class Words(unittest.TestCase):
    def test_text_survives_the_tokenizer(self):
        for text in ("What color is the star?", "I can't tell.", " 6G3", "Übermäßig"):
            self.assertEqual(TOKENIZER.decode(TOKENIZER.encode(text)), text)

    def test_capitals_and_digits_stand_alone(self):
        self.assertEqual(len(TOKENIZER.encode("A1B2")), 4)


class Turns(unittest.TestCase):
    def test_a_turn_does_not_see_the_others(self):
        """One row with all turns gives each the logits it has when asked alone."""
        torch.manual_seed(3)
        model = SmolVLM(len(TOKENIZER)).eval()
        pixels, _, _, ids, positions, mask, targets, _ = batches.conversations(np.random.default_rng(4), 1, TOKENIZER)
        with torch.no_grad():
            patches = model.see(pixels)
            together = model.read(patches, ids, positions, mask)[0]
            head = len(batches.prefix(TOKENIZER))
            starts = (positions[0] == head).nonzero().flatten().tolist() + [ids.shape[1]]
            self.assertGreater(len(starts), 3)
            begin, end = starts[1], starts[2]
            alone = torch.cat([ids[:, :head], ids[:, begin:end]], 1)
            causal = torch.full((alone.shape[1],) * 2, -1e9).triu(1)[None, None]
            apart = model.read(patches, alone, torch.arange(alone.shape[1])[None], causal)[0]
        torch.testing.assert_close(apart[head:], together[begin:end], rtol=1e-3, atol=1e-4)

    def test_the_prefix_has_one_token_a_picture_cell(self):
        self.assertEqual(batches.prefix(TOKENIZER).count(batches.IMAGE), IMAGE_TOKENS)


class Rounding(unittest.TestCase):
    def test_what_q8_0_holds_is_left_alone(self):
        torch.manual_seed(5)
        rows = torch.randn(8, 96)
        once = export.q8_0(rows)
        step = rows.view(8, 3, 32).abs().amax(2, keepdim=True) / 127  # half a step, and the scale's own rounding
        self.assertTrue(((once - rows).view(8, 3, 32).abs() <= 0.57 * step).all())
        torch.testing.assert_close(export.q8_0(once), once, rtol=0, atol=0)
        self.assertTrue((export.q8_0(torch.zeros(2, 32)) == 0).all())


if __name__ == "__main__":
    unittest.main()
