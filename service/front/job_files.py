"""The files of jobs that the front receives and sends, so that a table never is in memory as a whole."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from service.front.download import SENDFILE, Download
from service.front.head import RequestHead
from service.front.messages import Answer
from service.front.upload import Upload
from service.http.problems import ProblemError
from service.jobs.acceptance import begin_upload
from service.jobs.store import JobStore
from service.settings import Settings


class JobFiles:
    """Begins uploads and downloads; one thread writes and reads all of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = JobStore(settings.jobs_folder, settings.job_hours)
        self._thread = ThreadPoolExecutor(1, "job files")

    def upload(
        self,
        head: RequestHead,
        *,
        pause: Callable[[], None],
        go_on: Callable[[], None],
        failed: Callable[[ProblemError], None],
    ) -> Upload:
        """Begin to receive the table of a request; the functions are those of `Upload`.

        Raises
        ------
        ProblemError
            The table is not accepted.
        """
        identifier, path = begin_upload(self._store, head.header, head.length, self._settings)
        return Upload(identifier, path, self._thread, pause=pause, go_on=go_on, failed=failed)

    def end(self, upload: Upload) -> None:
        """Stop receiving, and remove what is not a job."""
        upload.close()
        self._thread.submit(self._store.discard_upload, upload.identifier)

    def download(self, answer: Answer) -> Download | None:
        """Open the file that an answer names; None if it names none.

        Raises
        ------
        OSError
            The file has gone.
        """
        path = next((value for name, value in answer.headers if name.lower() == SENDFILE), None)
        return None if path is None else Download(Path(path), self._thread)
