"""The article's block does not compile, and its calls exist nowhere."""

import pytest

from recsys_book.case_studies.online_video import OnlineVideo
from recsys_book.errata import online_video as errata

CALLS = (errata.cod_12_llm_predict, errata.cod_12_llm_recommend)


@pytest.mark.erratum("COD-12")
def test_the_block_is_no_python_and_becomes_python_by_its_keyword_alone():
    block = errata.cod_12_function_block()
    with pytest.raises(SyntaxError):
        compile(block, "article", "exec")
    repaired = block.replace("function ", "def ", 1)
    space = {}
    exec(compile(repaired, "repaired", "exec"), space)
    with pytest.raises(NameError, match="LLM"):
        space["predict_user_behavior"]("films", [])


@pytest.mark.erratum("COD-12")
@pytest.mark.parametrize("call", CALLS)
def test_the_calls_hide_the_whole_algorithm(call):
    from torch import nn

    with pytest.raises(AttributeError, match="predict|recommend"):
        call(nn.Linear(1, 1), "films like Alien", ["Alien"])


@pytest.mark.erratum("COD-12")
def test_a_model_that_had_the_calls_would_be_asked():
    class Made:
        def predict(self, said, done):
            return said, done

        recommend = predict

    assert all(call(Made(), "a", ["b"]) == ("a", ["b"]) for call in CALLS)


@pytest.mark.erratum("COD-12")
def test_the_package_answers_with_items():
    assert callable(OnlineVideo.recommend)
