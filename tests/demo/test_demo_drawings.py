"""The drawings themselves: classes, labels that show, text where truth says it is, faces found."""

import cv2
import numpy as np
import pytest

from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import DOCUMENT_CLASSES, Entity
from anonbench_demo import documents, ids, listing, people, portraits


@pytest.mark.parametrize("name", DOCUMENT_CLASSES)
def test_truth_of_a_document_covers_its_ink(name: str) -> None:
    assert tuple(documents.LAYOUTS["documents"]) == DOCUMENT_CLASSES
    drawing = documents.draw(3, name, "test")
    assert drawing.image.shape == (640, 496)
    assert drawing.regions
    grey = cv2.GaussianBlur(drawing.image, (3, 3), 0)
    for box in drawing.regions:
        part = grey[int(box.y0) : int(np.ceil(box.y1)), int(box.x0) : int(np.ceil(box.x1))]
        assert np.ptp(part) > 40, box


def test_drawings_depend_on_seed_and_key_alone() -> None:
    first = documents.draw(0, "memo", "a").image
    documents.draw(0, "letter", "b")
    np.testing.assert_array_equal(first, documents.draw(0, "memo", "a").image)
    assert (first != documents.draw(0, "memo", "b").image).any()
    assert (first != documents.draw(1, "memo", "a").image).any()


def test_photos_of_a_person_resemble_each_other_more_than_others() -> None:
    who = np.repeat(np.arange(10), 2)
    drawn = (portraits.draw(0, f"train/{each}", photo % 2).image for photo, each in enumerate(who))
    photos = np.stack([cv2.resize(image, (32, 40)).ravel() for image in drawn]).astype(float)
    distance = np.linalg.norm(photos[:, None] - photos[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (who[distance.argmin(axis=1)] == who).mean() > 0.5


def test_attributes_follow_the_traits() -> None:
    traits, photo = people.Traits(rng(0, "anyone")), people.Photo(rng(0, "photo"))
    traits.male, traits.style, traits.outfit, photo.smile = True, "bald", "suit", 0.9
    shown = people.attributes(traits, photo)
    assert list(shown) == sorted(shown), "CelebA's order"
    assert shown["Male"] and shown["Bald"] and shown["Smiling"] and shown["Wearing_Necktie"]
    assert not any(shown[hair] for hair in ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"))


def test_barcodes_outside_the_quiet_zone_stay_within_the_card() -> None:
    assert tuple(ids.TEMPLATES) == listing.TEMPLATES
    regions = ids.draw(0, "driving_licence", "test").regions
    boxes = {region.entity: region for region in regions}
    assert boxes[Entity.BARCODE].x1 < ids.WIDTH
    assert boxes[Entity.BARCODE].y0 < boxes[Entity.MRZ].y0


@pytest.mark.slow
def test_mtcnn_finds_the_drawn_faces() -> None:
    from anonbench.core.libraries.compat import install_torchvision_ops

    install_torchvision_ops()
    from facenet_pytorch import MTCNN

    detector = MTCNN(keep_all=True, thresholds=[0.6, 0.7, 0.7], min_face_size=20)
    drawings = [portraits.draw(7, f"val/{identity}", 0) for identity in range(20)]
    found, _ = detector.detect([drawing.image for drawing in drawings])
    hits = 0
    for drawing, boxes in zip(drawings, found, strict=True):
        face = drawing.regions[0]
        middle = ((face.x0 + face.x1) / 2, (face.y0 + face.y1) / 2)
        hits += boxes is not None and any(
            box[0] < middle[0] < box[2] and box[1] < middle[1] < box[3] for box in boxes
        )
    assert hits >= 19
