import pytest

from tests.smtp.postoffice import PostOffice


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    with PostOffice(tmp_path_factory.mktemp("office")) as running:
        yield running
