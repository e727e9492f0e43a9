"""Messages that say only that something else failed, and how to see what."""

from __future__ import annotations

from envfit.diagnosis import mechanisms as m
from envfit.diagnosis.sign import Sign, Telling
from envfit.knowledge.symptom import SymptomRank

__all__ = ["CONSEQUENCES", "SIGNS", "WRAPPER_TYPES"]

#: Exceptions that only pass on the failure of another process or of a group.
WRAPPER_TYPES = frozenset(
    {
        "ActorDiedError",
        "BaseExceptionGroup",
        "BrokenProcessPool",
        "BuildBackendException",
        "CalledProcessError",
        "ChildFailedError",
        "EngineDeadError",
        "ExceptionGroup",
        "InstallationSubprocessError",
        "MetadataGenerationFailed",
        "ProcessExitedException",
        "ProcessRaisedException",
        "RayTaskError",
        "RemoteTraceback",
        "RuntimeEnvSetupError",
        "ActorUnavailableError",
        "WorkerCrashedError",
        "LocalRayletDiedError",
    }
)
#: Exceptions that mostly follow from the failure of another process or from being stopped.
CONSEQUENCES = frozenset(
    {
        "BrokenPipeError",
        "ConnectionAbortedError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "CancelledError",
        "DistNetworkError",
        "DistStoreError",
        "EOFError",
        "KeyboardInterrupt",
        "RendezvousConnectionError",
        "SystemExit",
    }
)


def _hidden(message: str, remedy: str, *patterns: str) -> Sign:
    return Sign(
        patterns=patterns,
        telling=Telling(
            mechanism=m.HIDDEN,
            cause=f"Another error is hidden behind this message: {message}",
            remedies=(remedy,),
            rank=SymptomRank.WRAPPER,
        ),
    )


SIGNS = (
    _hidden(
        "a process of the engine failed, and its own exception stands above.",
        "Look above for the first traceback, of EngineCore or a worker.",
        r"Engine core (?:initialization failed|proc \w+ died)",
        r"EngineCore (?:encountered|failed|died|hit)[^\n]*",
        r"(?:EngineDeadError|AsyncEngineDeadError|MQEngineDeadError)[^\n]*",
        r"WorkerProc (?:initialization )?(?:failed|hit)[^\n]*",
        r"Engine process failed to start",
        r"Received? sigquit from a child process",
        r"Rank \d+ scheduler is dead",
        r"(?:Initialization failed|initialization failed)\. (?:[Pp]lease )?(?:see|check|See)[^\n]*",
    ),
    _hidden(
        "a worker process failed, and says no more here.",
        "Look for the first traceback of any rank; torchrun --log-dir DIR --redirects 3 keeps what each "
        "wrote.",
        r"ChildFailedError",
        r"torch\.distributed\.elastic\.multiprocessing\.errors",
        r"failed \(exitcode: -?\d+\)",
        r"Process SpawnProcess-\d+ terminated[^\n]*",
        r"ProcessExitedException[^\n]*",
        r"DataLoader worker \(pid[^)\n]*\) exited unexpectedly",
        r"A process in the process pool was terminated abruptly",
        r"The actor died[^\n]*",
        r"The worker died[^\n]*",
    ),
    _hidden(
        "a program that was started failed; its own output stands above or in its log.",
        "Run the command that is named by itself, with -v.",
        r"subprocess-exited-with-error",
        r"metadata-generation-failed",
        r"did not run successfully",
        r"CalledProcessError: Command [^\n]*",
        r"returned non-zero exit status \d+",
        r"Failed building (?:editable for|wheel for) \S+",
        r"Failed to build (?:installable wheels|`)[^\n]*",
        r"[Cc]ould not build wheels for",
        r"The build backend returned an error",
        r"Call to `[\w.:]+` failed",
        r"ninja: build stopped",
        r"make(?:\[\d+\])?: \*\*\* [^\n]*Error \d+",
        r"error: command '[^'\n]+' failed with exit (?:code|status) \d+",
        r"Error compiling objects for extension",
        r"Error building extension '\w+'",
        r"CMake Error: [^\n]*Configure failed",
        r"-- Configuring incomplete, errors occurred",
        r"srun: error: [^\n]*(?:Exited with exit code|task)[^\n]*",
        r"failed to solve: process[^\n]*did not complete successfully",
    ),
    _hidden(
        "an import failed, and its own exception stands above or was swallowed.",
        "Import the module alone: python -c 'import MODULE' prints the exception at the root.",
        r"Failed to import [\w.]+ because of the following error",
        r"Could not import module '\w+'\. Are this object's requirements",
        r"is not properly installed",
        r"Could not load this library",
        r"[Ff]ailed to import from [\w.]+ with",
        r"cannot be imported[^\n]{0,40}see (?:above|below)",
    ),
)
