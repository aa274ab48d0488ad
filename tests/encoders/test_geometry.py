import numpy as np
import pytest
from sklearn.decomposition import PCA

from recsys_book.encoders.geometry import (
    PrincipalTruncation,
    Whitening,
    anisotropy,
    lost_share,
    truncate,
    unit_rows,
)


@pytest.fixture(scope="module")
def cloud():
    """Two hundred rows in six directions of unequal variance, off the origin."""
    rng = np.random.default_rng(0)
    stretched = rng.normal(size=(200, 6)) * np.array([5.0, 3.0, 2.0, 1.0, 0.5, 0.1])
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    return stretched @ rotation + np.arange(1.0, 7.0)


class TestAnisotropy:
    @pytest.mark.equation("eq-anisotropy")
    def test_it_is_the_mean_over_all_pairs(self, cloud):
        cosines = [
            a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            for i, a in enumerate(cloud)
            for j, b in enumerate(cloud)
            if i != j
        ]
        assert anisotropy(cloud) == pytest.approx(np.mean(cosines), rel=1e-12)

    def test_its_ends(self):
        assert anisotropy(np.array([[1.0, 0.0], [3.0, 0.0]])) == pytest.approx(1.0)
        corners = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        assert anisotropy(corners) == pytest.approx(-1 / 3)

    def test_centring_takes_a_common_part_away(self, cloud):
        assert anisotropy(cloud) > 0.5 > 0.05 > abs(anisotropy(cloud - cloud.mean(axis=0)))

    def test_one_vector_has_no_pair(self):
        with pytest.raises(ValueError, match="There are 1 vectors"):
            anisotropy(np.ones((1, 3)))


class TestRows:
    def test_length_one_and_the_same_float_type(self, cloud):
        rows = unit_rows(cloud.astype(np.float32))
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-6)

    def test_a_zero_row_is_named(self):
        with pytest.raises(ValueError, match="Vector 1 is zero"):
            unit_rows(np.array([[1.0, 0.0], [0.0, 0.0]]))

    def test_a_nan_row_is_named(self, cloud):
        bad = cloud.copy()
        bad[[4, 9], 2] = np.nan
        for call in (unit_rows, anisotropy, Whitening().fit, PrincipalTruncation(2).fit):
            with pytest.raises(ValueError, match="Row 4 of the vectors is not finite, and 2"):
                call(bad)

    def test_one_vector_must_be_a_row(self):
        with pytest.raises(ValueError, match=r"vector\[None\]"):
            unit_rows(np.ones(3))

    def test_whole_numbers_are_read(self):
        assert unit_rows([[3, 4]]).tolist() == [[0.6, 0.8]]

    def test_a_prefix_is_scaled_back(self):
        assert truncate(np.array([[3.0, 4.0, 12.0]]), 2).tolist() == [[0.6, 0.8]]

    @pytest.mark.parametrize("width", [0, 4])
    def test_a_prefix_has_a_width(self, width):
        with pytest.raises(ValueError, match="1 to 3 coordinates"):
            truncate(np.ones((2, 3)), width)


class TestWhitening:
    @pytest.mark.equation("eq-whitening")
    @pytest.mark.parametrize("kind", ["pca", "zca"])
    def test_the_covariance_becomes_the_identity(self, cloud, kind):
        white = Whitening(kind).fit(cloud).transform(cloud)
        np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(white.T @ white / len(white), np.eye(6), atol=1e-9)

    @pytest.mark.equation("eq-whitening")
    def test_zca_is_the_inverse_square_root(self, cloud):
        whitening = Whitening("zca").fit(cloud)
        C = np.cov(cloud.T, bias=True)
        np.testing.assert_allclose(whitening.matrix_ @ whitening.matrix_ @ C, np.eye(6), atol=1e-9)
        np.testing.assert_allclose(whitening.matrix_, whitening.matrix_.T, atol=1e-12)

    def test_pca_agrees_with_scikit_learn(self, cloud):
        peer = PCA(3, whiten=True).fit(cloud)
        got = Whitening(width=3).fit(cloud).transform(cloud)
        factor = np.sqrt((len(cloud) - 1) / len(cloud))  # theirs divides by n - 1
        np.testing.assert_allclose(np.abs(got * factor), np.abs(peer.transform(cloud)), atol=1e-9)

    def test_zca_moves_the_vectors_least(self, cloud):
        centered = cloud - cloud.mean(axis=0)
        moved = [
            ((Whitening(kind).fit(cloud).transform(cloud) - centered) ** 2).sum()
            for kind in ("zca", "pca")
        ]
        assert moved[0] < 0.9 * moved[1]

    def test_full_shrinkage_only_centres_and_scales(self, cloud):
        white = Whitening("zca", shrinkage=1.0).fit(cloud).transform(cloud)
        ratio = white / (cloud - cloud.mean(axis=0))
        np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-9)

    def test_shrinkage_fills_directions_that_too_few_rows_leave_empty(self, cloud):
        few = cloud[:4]
        with pytest.raises(ValueError, match="4 vectors fill only 3 of 6 directions"):
            Whitening().fit(few)
        assert np.isfinite(Whitening(shrinkage=0.1).fit(few).transform(cloud)).all()
        assert Whitening(width=3).fit(few).transform(cloud).shape == (200, 3)

    def test_new_rows_use_the_fitted_mean(self, cloud):
        whitening = Whitening().fit(cloud)
        np.testing.assert_allclose(
            whitening.transform(cloud[:3]), whitening.transform(cloud)[:3], atol=1e-12
        )

    def test_float32_stays_float32(self, cloud):
        small = cloud.astype(np.float32)
        assert Whitening().fit(small).transform(small).dtype == np.float32

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"kind": "cholesky"}, "choose 'pca' or 'zca'"),
            ({"shrinkage": 1.5}, "a share from 0 to 1"),
            ({"kind": "zca", "width": 2}, "choose kind 'pca'"),
            ({"width": 7}, "1 to 6"),
        ],
    )
    def test_settings_out_of_range(self, cloud, settings, message):
        with pytest.raises(ValueError, match=message):
            Whitening(**settings).fit(cloud)

    def test_not_fitted_and_another_width(self, cloud):
        with pytest.raises(ValueError, match="Whitening is not fitted yet"):
            Whitening().transform(cloud)
        with pytest.raises(ValueError, match="have 5 coordinates, but the map was fitted on 6"):
            Whitening().fit(cloud).transform(cloud[:, :5])

    def test_one_row_has_no_covariance(self):
        with pytest.raises(ValueError, match="at least two"):
            Whitening().fit(np.ones((1, 2)))

    def test_equal_rows_fill_no_direction(self):
        with pytest.raises(ValueError, match="fill only 0 of 2 directions"):
            Whitening().fit(np.ones((5, 2)))


class TestPrincipalTruncation:
    @pytest.mark.equation("eq-truncation-loss")
    @pytest.mark.parametrize("width", [1, 3, 6])
    def test_the_error_is_the_sum_of_the_variances_cut_off(self, cloud, width):
        cut = PrincipalTruncation(width).fit(cloud)
        error = ((cut.restore(cut.transform(cloud)) - cloud) ** 2).sum(axis=1).mean()
        assert error == pytest.approx(cut.variances_[width:].sum(), abs=1e-9)
        total = ((cloud - cloud.mean(axis=0)) ** 2).sum(axis=1).mean()
        assert cut.lost_share_ == pytest.approx(error / total, abs=1e-9)

    @pytest.mark.equation("eq-truncation-loss")
    def test_no_other_plane_loses_less(self, cloud):
        centered = cloud - cloud.mean(axis=0)
        best = PrincipalTruncation(2).fit(cloud).variances_[2:].sum()
        rng = np.random.default_rng(1)
        for _ in range(50):
            basis = np.linalg.qr(rng.normal(size=(6, 2)))[0]
            error = ((centered - centered @ basis @ basis.T) ** 2).sum(axis=1).mean()
            assert error > best

    def test_directions_have_a_fixed_sign(self, cloud):
        columns = PrincipalTruncation(4).fit(cloud).matrix_
        np.testing.assert_allclose(columns.T @ columns, np.eye(4), atol=1e-12)
        assert (columns[np.abs(columns).argmax(axis=0), range(4)] > 0).all()

    def test_equal_rows_have_nothing_to_lose(self):
        with pytest.raises(ValueError, match="no variance"):
            lost_share(np.zeros(3), 1)
        with pytest.raises(ValueError, match="1 to 3"):
            lost_share(np.ones(3), 4)
