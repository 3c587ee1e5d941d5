# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Job of ours: its end is seen, its failure explained, and nothing of it is left, whichever way it ends."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube import _jobs
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed, Rejected
from ansible_collections.community.che.plugins.module_utils._kube._jobs import START_SECONDS, remove_job, run_job
from ansible_collections.community.che.plugins.module_utils._kube._kinds import EVENT, JOB, NAMESPACE, POD, SECRET, Kind
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from unit.che_objects import encoded
from unit.fake_api import FakeApi, FakeClock, Object, Request
from urllib3.exceptions import ProtocolError

RUNNING = {"containerStatuses": [{"state": {"running": {}}}]}
PULLING = {
    "containerStatuses": [
        {
            "image": "docker.io/restic/restic:0.19.1",
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}},
        }
    ]
}


def the_job() -> Object:
    pod = {"spec": {"initContainers": [{"name": "tools"}], "containers": [{"name": "dump"}]}}
    metadata = {"name": "j", "namespace": "che"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": pod}}


def the_secret() -> Object:
    metadata = {"name": "j", "namespace": "che", "labels": {"x": "y"}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"password": "hunter2"}}


class Machinery:
    """The Job controller and the kubelet: what they make of a Job, look by look."""

    def __init__(self, api: FakeApi, pod: Object | None, *conditions: Object | None) -> None:
        self.api, self.pod, self.conditions = api, pod, list(conditions)
        api.add(NAMESPACE, "che")
        api.follow("post", JOB.path("che") + "$", self.start)
        api.react("get", JOB.path("che", "j") + "$", self.look)

    def start(self, _request: Request) -> None:
        if self.pod is not None:
            labels = {"labels": {"job-name": "j"}}
            owner = {"ownerReferences": [{"uid": self.api.at(JOB, "j", "che")["metadata"]["uid"]}]}
            self.api.add(POD, "j-abcde", "che", status=self.pod, metadata={**labels, **owner})

    def look(self, _request: Request) -> None:
        condition = self.conditions.pop(0) if len(self.conditions) > 1 else self.conditions[0]
        job = self.api.at(JOB, "j", "che")
        if condition is not None and job is not None:
            job["status"] = {"conditions": [condition]}


COMPLETE = {"type": "Complete", "status": "True"}
FAILED = {"type": "Failed", "status": "True", "message": "Job has reached the specified backoff limit"}


def run(api: FakeApi, seconds: float = 600) -> str:
    return run_job(api.cluster, the_job(), the_secret(), Deadline(seconds))


def assert_nothing_left(api: FakeApi) -> None:
    assert (api.names(JOB, "che"), api.names(SECRET, "che"), api.names(POD, "che")) == ([], [], [])


def test_a_job_that_completes_gives_the_log_of_its_main_container(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, RUNNING, None, None, COMPLETE)
    api.logs["j-abcde/dump"] = "all is well\n"

    assert run(api) == "all is well\n"
    assert_nothing_left(api)


def test_the_secret_comes_after_the_job_and_belongs_to_it(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, RUNNING, COMPLETE)
    api.logs["j-abcde/dump"] = ""

    run(api)

    job, secret = [request for request in api.written if request.method == "post"]
    assert (job.path, secret.path) == (JOB.path("che"), SECRET.path("che"))
    assert secret.body is not None and job.body is not None
    (owner,) = secret.body["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("Job", "j")
    assert owner["uid"].startswith("uid-")
    assert secret.body["metadata"]["labels"] == {"x": "y"}
    assert "hunter2" not in str(job.body)


def test_it_is_looked_at_until_it_ends(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, RUNNING, *[None] * 9, COMPLETE)
    api.logs["j-abcde/dump"] = ""
    looks: list[int] = []

    run_job(api.cluster, the_job(), the_secret(), Deadline(600), on_look=lambda: looks.append(1))

    assert len(looks) == 10
    assert all(wait <= 1 for wait in clock.waits)


def test_a_job_that_fails_carries_the_end_of_its_log(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, RUNNING, None, FAILED)
    api.logs["j-abcde/dump"] = "x" * 10_000 + "disk full"

    with pytest.raises(JobFailed, match="backoff limit") as caught:
        run(api)

    assert caught.value.log.endswith("disk full")
    assert len(caught.value.log) <= 4000
    assert caught.value.on == "Job che/j"
    assert_nothing_left(api)


def test_a_failed_job_whose_pod_is_gone_says_that_its_log_is_gone(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, None, FAILED)

    with pytest.raises(JobFailed) as caught:
        run(api)

    assert "log can't be had" in caught.value.log
    assert_nothing_left(api)


def test_a_condition_that_is_not_true_is_no_end(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, RUNNING, {"type": "Complete", "status": "False"}, {"type": "Failed", "status": "False"}, COMPLETE)
    api.logs["j-abcde/dump"] = "end"

    assert run(api) == "end"


def test_an_image_that_cannot_be_pulled_is_named_with_its_reason(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, PULLING, None)

    with pytest.raises(JobFailed) as caught:
        run(api)

    message = str(caught.value)
    assert "ImagePullBackOff" in message and "docker.io/restic/restic:0.19.1" in message
    assert "image_pull_secrets" in message
    assert sum(clock.waits) == pytest.approx(START_SECONDS, abs=1)
    assert_nothing_left(api)


def test_a_pod_that_was_never_made_gives_the_reason_out_of_the_events(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, None, None)
    message = 'pods "j-" is forbidden: violates PodSecurity "restricted:latest"'
    api.add(EVENT, "e", "che", involvedObject={"name": "j"}, type="Warning", message=message)

    with pytest.raises(JobFailed, match="violates PodSecurity"):
        run(api)
    assert_nothing_left(api)


def test_a_pod_that_finds_no_node_gives_the_scheduler_s_words(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, {"phase": "Pending"}, None)
    event = {"involvedObject": {"name": "j-abcde"}, "type": "Warning", "message": "0/1 nodes are available"}
    api.add(EVENT, "e", "che", **event)

    with pytest.raises(JobFailed, match="0/1 nodes are available"):
        run(api)


def test_who_may_not_read_events_is_told_the_failure_itself(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, {"phase": "Pending"}, None)
    api.fail("get", "/events", 403)

    with pytest.raises(JobFailed, match="Pending"):
        run(api)
    assert_nothing_left(api)


def test_a_running_job_is_not_bound_by_the_time_to_start(api: FakeApi, clock: FakeClock) -> None:
    looks = int(START_SECONDS / 0.5) * 3
    Machinery(api, RUNNING, *[None] * looks, COMPLETE)
    api.logs["j-abcde/dump"] = "late"

    assert run(api) == "late"
    assert sum(clock.waits) > START_SECONDS


def test_a_job_that_does_not_end_is_given_up_and_removed(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, RUNNING, None)
    api.logs["j-abcde/dump"] = "still at it"

    with pytest.raises(JobFailed, match="did not end in time") as caught:
        run(api, seconds=30)

    assert "timeout" in caught.value.next_step
    assert caught.value.log == "still at it"
    assert sum(clock.waits) == pytest.approx(30)
    assert_nothing_left(api)


def test_a_job_that_completed_but_lost_its_pod_has_no_result(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, None, COMPLETE)

    with pytest.raises(JobFailed, match="pod is gone"):
        run(api)
    assert_nothing_left(api)


@pytest.mark.parametrize("refused", [JOB, SECRET])
def test_what_the_server_refuses_leaves_nothing_either(api: FakeApi, clock: FakeClock, refused: Any) -> None:
    Machinery(api, RUNNING, None)
    api.fail("post", refused.path("che") + "$", 422, "exceeded quota")

    with pytest.raises(Rejected, match="exceeded quota"):
        run(api)
    assert_nothing_left(api)


class Stopped(CheError):
    """The task was told to stop."""


@pytest.mark.parametrize("error", [Stopped("stopped"), KeyboardInterrupt(), MemoryError()])
def test_being_stopped_while_waiting_leaves_nothing(api: FakeApi, clock: FakeClock, error: BaseException) -> None:
    Machinery(api, RUNNING, None)

    def stop() -> None:
        raise error

    with pytest.raises(type(error)):
        run_job(api.cluster, the_job(), the_secret(), Deadline(600), on_look=stop)
    assert_nothing_left(api)


@pytest.mark.parametrize("kept", [JOB, SECRET])
def test_a_cleanup_that_fails_does_not_hide_what_went_wrong(api: FakeApi, clock: FakeClock, kept: Any) -> None:
    Machinery(api, RUNNING, FAILED)
    api.logs["j-abcde/dump"] = "the reason"
    api.fail("delete", kept.path("che"), 503, "etcd leader changed")

    with pytest.raises(JobFailed) as caught:
        run(api)

    assert caught.value.log == "the reason"
    other = SECRET if kept is JOB else JOB
    assert api.names(other, "che") == [], "the one failed deletion must not keep the other from happening"


def test_a_job_of_the_same_name_that_is_not_ours_is_left_alone(api: FakeApi, clock: FakeClock) -> None:
    api.add(NAMESPACE, "che")
    api.add(JOB, "j", "che")
    api.add(SECRET, "j", "che")

    with pytest.raises(CheError):
        run(api)

    assert (api.names(JOB, "che"), api.names(SECRET, "che")) == (["j"], ["j"])


@pytest.mark.parametrize("lost", [JOB, SECRET])
def test_a_creation_whose_answer_is_lost_is_no_conflict(api: FakeApi, clock: FakeClock, lost: Kind) -> None:
    """A Job that was taken for somebody else's then stayed, with a pod that waits for its Secret."""
    Machinery(api, RUNNING, COMPLETE)
    api.logs["j-abcde/dump"] = "result"
    # As a real server does.
    api.complete(SECRET, lambda obj: obj.update(data=encoded(**obj.pop("stringData"))))
    api.complete(JOB, lambda obj: obj["spec"]["template"]["spec"]["containers"][0]["env"][0].pop("value"))
    job = the_job()
    job["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "CHE_RESTIC_OPTIONS", "value": ""}]
    answers = [ProtocolError("Connection aborted")]

    def lose(_request: Request) -> None:
        if answers:
            raise answers.pop()

    api.follow("post", lost.path("che") + "$", lose)

    assert run_job(api.cluster, job, the_secret(), Deadline(600)) == "result"
    assert not answers
    assert_nothing_left(api)


def test_the_secret_of_an_earlier_job_is_not_in_the_way(api: FakeApi, clock: FakeClock) -> None:
    """Kubernetes, which removes it with the Job, comes to that later."""
    Machinery(api, RUNNING, COMPLETE)
    api.logs["j-abcde/dump"] = "result"
    api.add(SECRET, "j", "che")

    remove_job(api.cluster, "j", "che", Deadline(10))

    assert run(api) == "result"


def test_a_secret_that_is_in_the_way_leaves_no_job(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, RUNNING, None)
    api.add(SECRET, "j", "che")

    with pytest.raises(CheError):
        run(api)

    assert api.names(JOB, "che") == []


def test_a_server_that_falters_during_cleanup_is_asked_again(api: FakeApi, clock: FakeClock) -> None:
    Machinery(api, RUNNING, COMPLETE)
    api.logs["j-abcde/dump"] = "result"
    api.fail("delete", "", 503, times=4)

    assert run(api) == "result"
    assert_nothing_left(api)


def test_reasons_are_bounded(api: FakeApi, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_jobs, "START_SECONDS", 5)
    waiting = {"reason": "ErrImagePull", "message": "m" * 50_000}
    Machinery(api, {"initContainerStatuses": [{"image": "i", "state": {"waiting": waiting}}]}, None)

    with pytest.raises(JobFailed) as caught:
        run(api)
    assert "ErrImagePull" in str(caught.value)
    assert len(str(caught.value)) < 2000
