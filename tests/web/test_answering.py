"""The automatic answer on the page: one's own, and an owner's for somebody who is away."""

from tests.support.box import wait_until
from tests.web.browser import Reader


def as_person(office, person):
    reader = Reader(office)
    assert reader.log_in(person.address, person.password).status == 200
    return reader


def test_everybody_sets_their_own_and_sees_it(office):
    person = office.person("away")
    reader = as_person(office, person)
    assert "Nothing is answered automatically." in reader.get("/me").text
    typed = {"is_on": "on", "end": "2099-12-31", "text": "Back in the new century."}
    assert reader.do("/me", "my_answer_set", **typed).status == 200
    page = reader.get("/me").text
    assert "once a week each" in page
    assert "Last day: 2099-12-31." in page
    assert reader.api("GET", "/me/answer").json["text"] == "Back in the new century."
    reader.do("/me", "my_answer_set", text="Back in the new century.")
    assert "Nothing is answered automatically." in reader.get("/me").text


def test_what_is_wrong_stands_beside_its_field(office):
    reader = as_person(office, office.person("away"))
    answer = reader.do("/me", "my_answer_set", is_on="on", begin="soon")
    assert "This must be a day such as 2027-03-01." in answer.text
    answer = reader.do("/me", "my_answer_set", is_on="on")
    assert "An automatic answer needs a text." in answer.text


def test_an_owner_sets_it_for_somebody_who_is_told(office, owner, helper):
    person = office.person("ill")
    where = f"/accounts/{person.address}/answer"
    done = owner.api("PUT", where, {"is_on": True, "text": "Ill; ask Ben."})
    assert done.status in {200, 204}
    assert owner.api("GET", where).json["is_on"] is True
    assert "once a week each" in owner.get(f"/people/{person.address}").text
    home = office.maildir(person)
    wait_until(lambda: [*home.glob("new/*")], "the person is told")
    assert helper.api("GET", where).status == 403
    assert helper.api("PUT", where, {"is_on": False}).status == 403
    assert helper.get(f"/people/{person.address}").status == 200
