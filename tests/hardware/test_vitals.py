"""Sensors as the kernel shows them, in folders of a test."""

from appliance.hardware import vitals


def zone(folder, number, kind, temp):
    there = folder / f"thermal_zone{number}"
    there.mkdir()
    (there / "type").write_text(f"{kind}\n")
    (there / "temp").write_text(f"{temp}\n")


def test_the_hottest_zone_of_the_processor_counts(tmp_path):
    zone(tmp_path, 0, "cpu-thermal", 48312)
    zone(tmp_path, 1, "x86_pkg_temp", 51000)
    zone(tmp_path, 2, "iwlwifi", 90000)
    zone(tmp_path, 3, "cpu-broken", "?")
    assert vitals.temperature(tmp_path) == 51.0


def test_a_machine_without_sensors_says_nothing(tmp_path):
    assert vitals.temperature(tmp_path / "none") is None
    assert vitals.throttled(tmp_path / "none", tmp_path / "none") is None
    assert vitals.is_clock_synchronised(tmp_path / "none") is None


def test_the_flags_of_a_raspberry_pi_are_read_and_else_its_alarm(tmp_path):
    (tmp_path / "get_throttled").write_text("50005\n")
    assert vitals.throttled(tmp_path / "get_throttled", tmp_path) == 0x50005
    alarm = tmp_path / "hwmon1"
    alarm.mkdir()
    (alarm / "name").write_text("rpi_volt\n")
    (alarm / "in0_lcrit_alarm").write_text("1\n")
    assert vitals.throttled(tmp_path / "none", tmp_path) == 1


def test_a_time_server_has_set_the_clock_when_systemd_says_so(tmp_path):
    assert vitals.is_clock_synchronised(tmp_path) is False
    (tmp_path / "synchronized").touch()
    assert vitals.is_clock_synchronised(tmp_path) is True
